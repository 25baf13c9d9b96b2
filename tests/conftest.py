"""Fixtures for all tests: one real PostgreSQL 18 for the run, and a fresh database for each test."""

import logging
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

import workers.source_tasks
import workers.tasks  # Registers the tasks, so that eager mode finds them.
from app.access import Credentials
from app.cli.migrate import upgrade
from app.local.embedded import start_postgres
from app.main import create_app
from app.postgres.engine import make_engine, make_sessions
from app.settings import Settings, get_settings
from tests import guard
from tests.databases import SharedDatabase, administer, with_database

NO_BROKER = "redis://127.0.0.1:1/0"
"""Nothing listens on this port: tests that are not about the broker must not need one."""


@pytest.fixture(autouse=True)
def _own_logs() -> Iterator[None]:
    """Reset the logs after each test, which may have configured them."""
    root = logging.getLogger()
    handlers, hooks = root.handlers[:], (sys.excepthook, threading.excepthook, sys.unraisablehook)
    yield
    structlog.reset_defaults()
    root.handlers = handlers
    logging.captureWarnings(False)
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL 18 server for the test run, stopped at its end."""
    server = start_postgres(tmp_path_factory.mktemp("postgres"), durable=False)
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def template(postgres_url: str) -> str:
    """The name of a guarded database at the newest migration. Test databases are copied from it."""
    name = "template_migrated"
    administer(postgres_url, f"CREATE DATABASE {name}")
    upgrade(with_database(postgres_url, name))
    guard.install(with_database(postgres_url, name))
    return name


@pytest.fixture(scope="session")
def shared_database(postgres_url: str, template: str) -> Iterator[SharedDatabase]:
    """The database that tests use in turn. Emptying a database is far quicker than creating one."""
    administer(postgres_url, f"CREATE DATABASE shared TEMPLATE {template} STRATEGY file_copy")
    shared = SharedDatabase(with_database(postgres_url, "shared"))
    yield shared
    shared.close()


@pytest.fixture
def database_url(request: pytest.FixtureRequest, postgres_url: str, template: str) -> Iterator[str]:
    """An empty database at the newest migration. The mark `own_database` gives the test a separate one."""
    if request.node.get_closest_marker("own_database") is None:
        shared: SharedDatabase = request.getfixturevalue("shared_database")
        yield shared.url
        shared.empty()
        return
    name = f"test_{uuid.uuid4().hex}"
    administer(postgres_url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    yield with_database(postgres_url, name)
    administer(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def unguarded_world(database_url: str) -> Iterator[None]:
    """Turn the guard off: the test writes rows directly, without their snapshots or events."""
    with guard.unguarded_database(database_url):
        yield


@pytest.fixture
def settings(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The settings of this test's process: its own database, tasks eager, no broker."""
    monkeypatch.setenv("AFTERCOMMIT_DATABASE_URL", database_url)
    monkeypatch.setenv("AFTERCOMMIT_BROKER_URL", NO_BROKER)
    monkeypatch.setenv("AFTERCOMMIT_MASKING_KEY", "a key for tests, of 32 characters")
    monkeypatch.setenv("AFTERCOMMIT_TASK_ALWAYS_EAGER", "true")
    monkeypatch.setenv("AFTERCOMMIT_DATA_DIR", str(tmp_path / "data"))
    get_settings.cache_clear()
    yield get_settings()
    workers.tasks.close()
    get_settings.cache_clear()


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    """An engine on this test's database."""
    engine = make_engine(settings, application_name="aftercommit-test")
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(engine: Engine) -> sessionmaker[Session]:
    """The session factory on this test's database."""
    return make_sessions(engine)


@pytest.fixture
def client(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The API in this process, below `/api`; tasks run inside the request, after its commit."""
    # Most tests have no keys. Reading them would cost each test a connection.
    monkeypatch.setattr(Credentials, "read_keys", lambda _credentials: {})
    with TestClient(create_app(), base_url="http://localhost/api") as client:
        yield client
