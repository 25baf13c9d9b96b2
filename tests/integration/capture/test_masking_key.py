"""All masks of a database are made with one key: another one is refused until it is accepted on purpose."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker
from typer.testing import CliRunner

import workers.tasks
from app.api import health
from app.capture.masking_key import ACTIVITY, WRITERS, require_known_key
from app.capture.snapshot import make_masker
from app.cli.main import app as command
from app.errors import AppError, ConfigurationError, Conflict, WrongMaskingKey
from app.main import create_app
from app.models import EventRow, Flow, MaskingKey, SnapshotRow
from app.postgres.engine import autocommit_session
from app.settings import Settings, get_settings, start_logging
from tests.integration.client_event import a_client_event
from tests.waiting import wait_until

OTHER = "another key for tests, of 38 characters"


def fingerprint(sessions: sessionmaker[Session]) -> bytes | None:
    with sessions() as session:
        return session.scalar(select(MaskingKey.fingerprint))


def set_key(monkeypatch: pytest.MonkeyPatch, key: str) -> Settings:
    monkeypatch.setenv("AFTERCOMMIT_MASKING_KEY", key)
    get_settings.cache_clear()
    return get_settings()


@contextmanager
def api() -> Iterator[TestClient]:
    with TestClient(create_app(), base_url="http://localhost/api") as client:
        yield client


@pytest.fixture
def used(settings: Settings, sessions: sessionmaker[Session]) -> None:
    """A database whose masks were made with the key of the settings, by processes that have ended."""
    with api() as client:
        assert client.post("/flows/", json={"name": "before"}).status_code == 201
    workers.tasks.close()
    writers = select(func.count()).select_from(ACTIVITY).where(ACTIVITY.c.application_name.in_(WRITERS))
    with autocommit_session(sessions) as session:
        wait_until(lambda: session.scalar(writers) == 0, "their connections have ended")


def migrate(*options: str) -> AppError | None:
    """Run `aftercommit migrate` and return its error; `main` prints it as one line."""
    result = CliRunner().invoke(command, ["migrate", *options])
    assert result.exception is None or isinstance(result.exception, AppError)
    return result.exception


def test_the_first_change_stores_a_fingerprint_and_not_the_key(
    client: TestClient, settings: Settings, sessions: sessionmaker[Session]
) -> None:
    assert fingerprint(sessions) is None
    client.post("/flows/", json={"name": "etl"})
    stored = fingerprint(sessions)
    assert stored == make_masker(settings).fingerprint
    assert settings.masking_key.get_secret_value().encode() not in stored


def test_a_rollback_of_the_first_change_removes_the_fingerprint(
    settings: Settings, sessions: sessionmaker[Session]
) -> None:
    with sessions() as session:
        require_known_key(session, make_masker(settings))
        session.rollback()
        assert session.scalar(select(MaskingKey.fingerprint)) is None
        require_known_key(session, make_masker(settings))
        session.commit()
    assert fingerprint(sessions) == make_masker(settings).fingerprint


@pytest.mark.usefixtures("used")
def test_a_process_with_another_key_stores_nothing_and_reports_it(
    sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(health, "problem_with_broker", lambda _url: None)
    set_key(monkeypatch, OTHER)
    start_logging()
    with api() as client:
        answers = [
            client.post("/flows/", json={"name": "etl"}),
            client.post("/events", json=[a_client_event()]),
        ]
        ready = client.get("/ready")
    for answer in answers:
        assert answer.status_code == 500
        assert answer.json()["detail"].startswith("The masking key is not the one that the masks in the database")
    assert ready.status_code == 503
    assert ready.json()["reasons"].keys() == {"masking_key"}
    with sessions() as session:
        assert session.scalars(select(Flow.name)).all() == ["before"]
        counts = [session.scalar(select(func.count()).select_from(row)) for row in (SnapshotRow, EventRow)]
    assert sum(filter(None, counts)) == 1
    assert "configuration_refused" in capfd.readouterr().err


@pytest.mark.usefixtures("used")
def test_migrate_refuses_another_key_unless_an_option_accepts_it(
    sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = set_key(monkeypatch, OTHER)
    refusal = migrate()
    assert isinstance(refusal, WrongMaskingKey)
    assert "aftercommit migrate --replace-masking-key" in str(refusal)
    assert OTHER not in str(refusal)
    assert migrate("--replace-masking-key") is None
    assert fingerprint(sessions) == make_masker(other).fingerprint
    assert migrate() is None
    with api() as client:
        assert client.post("/flows/", json={"name": "after"}).status_code == 201


@pytest.mark.usefixtures("used")
def test_a_key_is_not_replaced_while_a_process_may_use_the_known_one(
    sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = fingerprint(sessions)
    with api() as client:
        client.get("/ready")
        set_key(monkeypatch, OTHER)
        refusal = migrate("--replace-masking-key")
    assert isinstance(refusal, Conflict)
    assert "Stop all of them first" in str(refusal)
    assert fingerprint(sessions) == known


@pytest.mark.usefixtures("used")
def test_replacing_a_key_by_itself_changes_nothing(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        since = session.scalar(select(MaskingKey.since))
    assert migrate("--replace-masking-key") is None
    with sessions() as session:
        assert session.scalar(select(MaskingKey.since)) == since


def test_without_a_key_there_is_nothing_to_accept(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AFTERCOMMIT_MASKING_KEY")
    assert migrate() is None
    refusal = migrate("--replace-masking-key")
    assert isinstance(refusal, ConfigurationError)
    assert "Set AFTERCOMMIT_MASKING_KEY" in str(refusal)
