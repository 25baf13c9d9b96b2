"""Liveness, readiness and versions, and the response to unexpected errors."""

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from app.api import health
from app.main import create_app
from app.postgres.refusals import describe
from app.settings import Settings, get_settings, start_logging
from app.web.errors import CONFLICT_RETRY_SECONDS, OUTAGE_RETRY_SECONDS, TOO_LARGE
from tests.databases import administer


@pytest.fixture
def broker_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fake a broker that answers; the acceptance tests use a real one."""
    monkeypatch.setattr(health, "problem_with_broker", lambda _url: None)


@pytest.mark.parametrize(
    ("path", "answer"), [("/health", True), ("/hello", "👋"), ("/version", "0.8.4"), ("/admin/version", "3.8.8")]
)
def test_health_is_200(path: str, answer: object, client: TestClient) -> None:
    assert client.get(path).json() == answer


def test_health_and_readiness_are_also_served_at_the_root(settings: Settings) -> None:
    with TestClient(create_app()) as root:
        assert root.get("/health").json() is True
        assert root.get("/ready").status_code == 503


def test_it_is_ready_when_the_database_the_migrations_and_the_broker_are(
    client: TestClient, broker_is_up: None
) -> None:
    response = client.get("/ready")
    assert (response.status_code, response.json()) == (200, {"message": "OK"})


def test_an_unresponsive_broker_is_the_reason_for_not_ready(client: TestClient) -> None:
    response = client.get("/ready")
    assert response.status_code == 503
    assert response.json()["reasons"] == {"broker": "does not answer (ConnectionError)"}


@pytest.mark.own_database
def test_a_missing_migration_is_the_reason_for_not_ready(
    client: TestClient, broker_is_up: None, sessions: sessionmaker[Session]
) -> None:
    with sessions() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0000'"))
        session.commit()
    response = client.get("/ready")
    assert response.status_code == 503
    assert "aftercommit migrate" in response.json()["reasons"]["database"]


def test_an_unresponsive_database_is_the_reason_for_not_ready_and_requests_get_503(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERCOMMIT_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/nowhere")
    get_settings.cache_clear()
    with TestClient(create_app(), base_url="http://localhost/api") as client:
        assert "does not answer" in client.get("/ready").json()["reasons"]["database"]
        response = client.post("/flows/", json={"name": "etl"})
    assert response.status_code == 503
    assert response.headers["retry-after"] == str(OUTAGE_RETRY_SECONDS)
    assert response.json() == {"exception_message": "Service Unavailable"}


def test_an_exhausted_connection_pool_is_the_reason_for_not_ready_and_requests_get_503(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERCOMMIT_DATABASE_POOL_SIZE", "1")
    get_settings.cache_clear()
    app = create_app()
    with TestClient(app, base_url="http://localhost/api") as client:
        monkeypatch.setattr(app.state.engine.pool, "_timeout", 0)
        with app.state.engine.connect():
            assert client.get("/ready").json()["reasons"]["database"] == "no connection is free"
            response = client.post("/flows/", json={"name": "etl"})
        assert client.post("/flows/", json={"name": "etl"}).status_code == 201
    assert (response.status_code, response.headers["retry-after"]) == (503, str(OUTAGE_RETRY_SECONDS))


def test_an_unexpected_error_is_a_500_and_neither_response_nor_log_quotes_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(_url: str) -> None:
        raise ZeroDivisionError("hunter2")

    monkeypatch.setattr(health, "problem_with_broker", fail)
    start_logging()
    with TestClient(create_app(), raise_server_exceptions=True) as client:
        response = client.get("/ready")
    assert (response.status_code, response.json()) == (500, {"exception_message": "Internal Server Error"})
    assert response.headers["x-request-id"]
    logged = capfd.readouterr().err
    assert "ZeroDivisionError" in logged
    assert "hunter2" not in logged


def test_an_error_without_a_server_message_is_described_by_its_class() -> None:
    assert describe(DBAPIError("statement", {"a": "hunter2"}, ValueError("hunter2"))) == "DBAPIError"


def test_a_missing_trailing_slash_is_added_by_a_redirect(client: TestClient) -> None:
    assert client.post("/flows", json={"name": "etl"}, follow_redirects=False).status_code == 307


def test_json_without_a_content_type_is_accepted(client: TestClient) -> None:
    assert client.post("/flows/", content=b'{"name": "etl"}', headers={"content-type": ""}).status_code == 201


@pytest.mark.own_database
def test_a_read_only_database_means_503(client: TestClient, database_url: str) -> None:
    name = make_url(database_url).database
    administer(database_url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    response = client.post("/flows/", json={"name": "etl"})
    assert response.status_code == 503
    assert response.headers["retry-after"] == str(OUTAGE_RETRY_SECONDS)


@pytest.mark.own_database
def test_a_value_beyond_a_database_limit_is_the_clients_error(
    client: TestClient, sessions: sessionmaker[Session]
) -> None:
    with sessions() as session:
        session.execute(
            text(
                "CREATE FUNCTION too_large() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " RAISE EXCEPTION 'too large' USING ERRCODE = '54000'; END $$"
            )
        )
        session.execute(
            text("CREATE TRIGGER too_large BEFORE INSERT ON flow FOR EACH ROW EXECUTE FUNCTION too_large()")
        )
        session.commit()
    response = client.post("/flows/", json={"name": "etl"})
    assert (response.status_code, response.json()["detail"]) == (422, TOO_LARGE)


@pytest.mark.own_database
def test_a_serialization_conflict_may_be_retried_soon(client: TestClient, database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE flow IN ACCESS EXCLUSIVE MODE"))
        response = client.post("/flows/", json={"name": "etl"})
    engine.dispose()
    assert (response.status_code, response.headers["retry-after"]) == (503, str(CONFLICT_RETRY_SECONDS))


def test_the_retries_of_prefects_client_outlast_an_outage_of_a_minute() -> None:
    retries = 5  # The default of PREFECT_CLIENT_MAX_RETRIES.
    assert retries * OUTAGE_RETRY_SECONDS > 60
