"""The stack of this layer: one for the module, on a database and a broker of its own."""

from collections.abc import Iterator

import pytest

from tests.acceptance.stack import Api, Stack, running_stack
from tests.world import World


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Servers without any role."""
    with running_stack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture(scope="module")
def api(stack: Stack) -> Api:
    """An API process."""
    return stack.start_api()


@pytest.fixture
def world(stack: Stack, api: Api) -> Iterator[World]:
    """A world of real processes; the test module says which."""
    with api.client() as client:
        yield stack.world(client)
