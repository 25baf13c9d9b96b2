"""An API that asks for a credential, and credentials for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.models.api_key import Role
from tests.acceptance.stack import Api, Stack, running_servers
from tests.integration.web.guarded import AUTH_STRING, new_key
from tests.world import World


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Servers of their own: once a database has a key, each API on it asks for a credential."""
    with running_servers(tmp_path_factory.mktemp("guarded")) as stack:
        stack.start_worker()
        stack.start_beat()
        yield stack


@pytest.fixture(scope="package")
def credentials(stack: Stack) -> dict[str, str]:
    """What a person enters, by what it is."""
    return {
        "auth string": AUTH_STRING,
        "key": new_key(stack.sessions, "writer"),
        "read key": new_key(stack.sessions, "reader", Role.READ),
    }


@pytest.fixture(scope="package")
def api(stack: Stack, page_folder: Path, credentials: dict[str, str]) -> Api:  # It makes the keys.
    """An API process that asks for a credential."""
    return stack.start_api(page_dir=str(page_folder), api_auth_string=AUTH_STRING)


@pytest.fixture
def world(stack: Stack, api: Api) -> Iterator[World]:
    """Direct access to the registry, signed in."""
    user, _, password = AUTH_STRING.partition(":")
    with api.client() as client:
        client.auth = (user, password)
        yield stack.world(client)
