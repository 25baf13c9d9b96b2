"""`aftercommit broker purge` empties the queues of a real broker."""

from pathlib import Path

import pytest
import redis
from sqlalchemy.orm import Session, sessionmaker
from typer.testing import CliRunner

from app.broker.contract import DISPATCH_QUEUE, SWEEP_QUEUE
from app.cli.main import app
from app.errors import ConfigurationError, Unavailable
from app.local.embedded import start_valkey
from app.settings import Settings
from tests.integration.acts_in_log import OPERATOR, acts, label


@pytest.fixture
def database_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A configured database, and a data folder without a run file."""
    monkeypatch.setenv("AFTERCOMMIT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("AFTERCOMMIT_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/nowhere")
    monkeypatch.delenv("AFTERCOMMIT_BROKER_URL", raising=False)
    return monkeypatch


def test_purge_empties_both_queues(database_configured: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broker = start_valkey(tmp_path)
    try:
        database_configured.setenv("AFTERCOMMIT_BROKER_URL", broker.url)
        client = redis.Redis.from_url(broker.url)
        client.lpush(DISPATCH_QUEUE, "a", "no JSON", "c")
        client.lpush(SWEEP_QUEUE, "d")
        result = CliRunner().invoke(app, ["broker", "purge"])
        assert result.stdout.startswith("Removed 4 messages. Nothing is lost")
        assert client.llen(DISPATCH_QUEUE) == client.llen(SWEEP_QUEUE) == 0
    finally:
        broker.stop()


def test_a_purge_is_in_the_log_with_its_reason(
    settings: Settings, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broker = start_valkey(tmp_path)
    try:
        monkeypatch.setenv("AFTERCOMMIT_BROKER_URL", broker.url)
        redis.Redis.from_url(broker.url).lpush(DISPATCH_QUEUE, "a", "b")
        result = CliRunner().invoke(app, ["broker", "purge", "--reason", "foreign messages"])
        assert result.exit_code == 0, result.output
    finally:
        broker.stop()
    [event] = acts(sessions)
    assert (event.event, event.resource_id, event.payload) == (
        "aftercommit.broker.purged",
        "aftercommit.broker",
        {"messages": 2},
    )
    assert (label(event, "actor"), label(event, "reason")) == (OPERATOR, "foreign messages")


def test_a_purge_that_cannot_be_logged_says_so(database_configured: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broker = start_valkey(tmp_path)
    try:
        database_configured.setenv("AFTERCOMMIT_BROKER_URL", broker.url)
        result = CliRunner().invoke(app, ["broker", "purge"])
    finally:
        broker.stop()
    assert isinstance(result.exception, Unavailable)
    assert "The queues are purged, but the log has no event of it" in str(result.exception)


def test_an_unreachable_broker_is_reported(database_configured: pytest.MonkeyPatch) -> None:
    database_configured.setenv("AFTERCOMMIT_BROKER_URL", "redis://127.0.0.1:1/0")
    assert isinstance(CliRunner().invoke(app, ["broker", "purge"]).exception, Unavailable)


def test_without_a_broker_url_the_missing_variable_is_named(database_configured: pytest.MonkeyPatch) -> None:
    error = CliRunner().invoke(app, ["broker", "purge"]).exception
    assert isinstance(error, ConfigurationError)
    assert "AFTERCOMMIT_BROKER_URL" in str(error)
