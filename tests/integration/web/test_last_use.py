"""The last use of a key is recorded without a statement in a request, and listed."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from app.access import Credentials, key_uses
from app.access.api_keys import record_uses
from app.main import create_app
from app.models import ApiKey
from app.settings import Settings
from tests.integration.cli.keys import run_successfully
from tests.integration.web.guarded import bearer, new_key
from tests.statements import StatementCount
from tests.waiting import wait_until

HOUR = timedelta(hours=1)


@pytest.fixture
def key(settings: Settings, sessions: sessionmaker[Session]) -> str:
    return new_key(sessions)


@pytest.fixture
def client(key: str) -> Iterator[TestClient]:
    with TestClient(create_app(), base_url="http://localhost/api", headers=bearer(key)) as client:
        yield client


def last_use(sessions: sessionmaker[Session]) -> datetime | None:
    with sessions() as session:
        return session.scalars(select(ApiKey.last_used)).one()


def test_a_use_is_listed(client: TestClient, sessions: sessionmaker[Session]) -> None:
    assert json.loads(run_successfully("list", "--json").stdout)[0]["last_used"] is None
    before = datetime.now(UTC)

    client.get("/version")

    wait_until(lambda: last_use(sessions) is not None, "the use to be recorded")
    listed = datetime.fromisoformat(json.loads(run_successfully("list", "--json").stdout)[0]["last_used"])
    assert before - timedelta(seconds=1) <= listed <= datetime.now(UTC)


def test_the_uses_of_a_hundred_requests_are_stored_by_one_statement_outside_of_them(
    client: TestClient, sessions: sessionmaker[Session]
) -> None:
    credentials: Credentials = client.app.state.credentials  # type: ignore[attr-defined]  # It is a FastAPI app.
    requests = StatementCount(client.app.state.engine)  # type: ignore[attr-defined]
    keys = StatementCount(credentials.engine)

    for _ in range(100):
        client.post("/flows/filter", json={})

    wait_until(lambda: last_use(sessions) is not None, "the use to be recorded")
    assert requests.of("UPDATE") == []
    assert len(requests.statements) == 100
    assert len(keys.of("UPDATE")) == 1


def test_a_refused_key_is_not_used(client: TestClient, sessions: sessionmaker[Session]) -> None:
    client.get("/version", headers=bearer("ac_wrong"))
    client.app.state.credentials.close()  # type: ignore[attr-defined]

    assert last_use(sessions) is None


def test_a_pending_use_is_stored_when_the_process_ends(
    key: str, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_uses, "INTERVAL_SECONDS", 0.0)
    client = TestClient(create_app(), base_url="http://localhost/api", headers=bearer(key))
    with client, sessions.begin() as holder:
        # Another transaction holds the row, so the use has to wait.
        holder.execute(select(ApiKey.id).with_for_update())
        assert client.get("/version").status_code == 200
        assert last_use(sessions) is None
    wait_until(lambda: last_use(sessions) is not None, "the use to be recorded")


def test_several_processes_record_little_more_than_one(key: str, sessions: sessionmaker[Session]) -> None:
    start = datetime.now(UTC) + HOUR
    with sessions.begin() as session:
        id_ = session.scalars(select(ApiKey.id)).one()
    for seconds, recorded in ((0, 0), (20, 0), (-600, 0), (40, 40)):
        with sessions.begin() as session:
            record_uses(session, {id_: start + timedelta(seconds=seconds)})
        assert last_use(sessions) == start + timedelta(seconds=recorded)


def test_a_clock_that_is_behind_causes_no_error(key: str, sessions: sessionmaker[Session], engine: Engine) -> None:
    with sessions.begin() as session:
        id_, created = session.execute(select(ApiKey.id, ApiKey.created)).one()
        record_uses(session, {id_: created - HOUR})
    assert last_use(sessions) == created


def test_the_uses_of_many_keys_are_stored_by_one_statement(
    key: str, sessions: sessionmaker[Session], engine: Engine
) -> None:
    for number in range(9):
        new_key(sessions, f"key {number}")
    with sessions.begin() as session:
        ids = session.scalars(select(ApiKey.id)).all()
    statements = StatementCount(engine)
    time = datetime.now(UTC) + HOUR
    with sessions.begin() as session:
        record_uses(session, dict.fromkeys(ids, time))
        assert set(session.scalars(select(ApiKey.last_used))) == {time}
    assert len(statements.of("UPDATE")) == 1
