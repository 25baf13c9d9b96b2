"""A shared PostgreSQL and Valkey for the tests that do not change them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.local.embedded import Server, start_postgres, start_valkey


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the shared servers."""
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="package")
def shared_postgres(folder: Path) -> Iterator[Server]:
    """One PostgreSQL for all tests that do not change its state."""
    server = start_postgres(folder, durable=False)
    yield server
    server.stop()


@pytest.fixture
def postgres(shared_postgres: Server) -> Server:
    """The shared PostgreSQL, running."""
    shared_postgres.start()
    return shared_postgres


@pytest.fixture(scope="package")
def shared_valkey(folder: Path) -> Iterator[Server]:
    """One Valkey for all tests that do not change its state."""
    server = start_valkey(folder)
    yield server
    server.stop()


@pytest.fixture
def valkey(shared_valkey: Server) -> Server:
    """The shared Valkey, running."""
    shared_valkey.start()
    return shared_valkey
