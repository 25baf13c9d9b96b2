"""The stack of this layer: one for the module, on a database and a broker of its own."""

from collections.abc import Iterator

import pytest

from app.cli.migrate import upgrade
from app.database import make_engine, make_sessions
from app.embedded import start_postgres, start_valkey
from app.settings import Settings
from tests.acceptance.stack import Api, Stack
from tests.world import World


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Servers without any role."""
    folder = tmp_path_factory.mktemp("stack")
    database = start_postgres(folder, durable=False)
    broker = start_valkey(folder)
    upgrade(database.url)
    settings = Settings(database_url=database.url, broker_url=broker.url, masking_key="a key for tests")
    engine = make_engine(settings, application_name="aftercommit-test")
    stack = Stack(database, broker, settings, make_sessions(engine), engine, folder)
    yield stack
    stack.stop()
    broker.stop()
    database.stop()


@pytest.fixture(scope="module")
def api(stack: Stack) -> Api:
    """An API process."""
    return stack.start_api()


@pytest.fixture
def world(stack: Stack, api: Api) -> Iterator[World]:
    """A world of real processes; the test module says which."""
    with api.client() as client:
        yield stack.world(client)
