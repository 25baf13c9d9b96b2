"""Prefect's unmodified client against an API that requires credentials, and one that requires CSRF tokens.

These tests start their own servers: a key in the shared database would lock out the other tests.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.acceptance.stack import ROOT, Api, Stack, running_servers
from tests.integration.client_event import a_client_event
from tests.prefect.conftest import terminal_of
from tests.prefect.terminal import Terminal, plain
from tests.waiting import wait_until

AUTH_STRING = "user:hunter2"

each_credential = pytest.mark.parametrize("kind", ["auth string", "key", "key as auth string"])
each_for_events = pytest.mark.parametrize("kind", ["auth string", "key as auth string"])


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Servers that only these tests use; no worker is needed."""
    with running_servers(tmp_path_factory.mktemp("guarded")) as stack:
        yield stack


@pytest.fixture(scope="module")
def protected_api(own_stack: Stack) -> Api:
    """An API that accepts an auth string and also keys."""
    return own_stack.start_api(api_auth_string=AUTH_STRING)


@pytest.fixture(scope="module")
def key(own_stack: Stack, protected_api: Api) -> str:
    """A key made with `keys create`; the API already accepts it."""
    command = [sys.executable, "-c", "from app.cli.start import main; main()", "keys", "create", "a-terminal"]
    command += ["--role", "admin"]
    key = subprocess.run(
        command, env=own_stack.environment(), cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    headers = {"Authorization": f"Bearer {key}"}
    wait_until(
        lambda: httpx2.get(f"{protected_api.url}/api/hello", headers=headers).status_code == 200, "the key to open"
    )
    return key


@pytest.fixture
def anonymous_terminal(request: pytest.FixtureRequest, protected_api: Api, tmp_path: Path) -> Iterator[Terminal]:
    """A terminal without a credential."""
    terminal = terminal_of(request, protected_api, tmp_path)
    yield terminal
    terminal.close()


@pytest.fixture
def authenticated_terminal(anonymous_terminal: Terminal, kind: str, key: str) -> Terminal:
    """A terminal with a credential of that kind."""
    anonymous_terminal.variables = {
        "auth string": {"PREFECT_API_AUTH_STRING": AUTH_STRING},
        "key": {"PREFECT_API_KEY": key},
        "key as auth string": {"PREFECT_API_AUTH_STRING": key},
    }[kind]
    return anonymous_terminal


def events_named(api: Api, name: str) -> list[dict[str, Any]]:
    """Return the events of that name in the log."""
    asked = {"filter": {"event": {"name": [name]}}}
    page = httpx2.post(f"{api.url}/api/events/filter", json=asked, auth=("user", "hunter2")).json()
    events: list[dict[str, Any]] = page["events"]
    return events


@each_credential
def test_the_command_line_works_with_each_credential(kind: str, authenticated_terminal: Terminal) -> None:
    pool = kind.replace(" ", "-")
    authenticated_terminal.prefect("work-pool", "create", pool, "--type", "process")
    authenticated_terminal.prefect("work-pool", "update", pool, "--description", "guarded")

    assert pool in authenticated_terminal.prefect("work-pool", "ls").text
    authenticated_terminal.prefect("work-pool", "delete", pool)


@each_credential
def test_the_methods_of_the_client_work_with_each_credential(kind: str, authenticated_terminal: Terminal) -> None:
    authenticated_terminal.script("client_calls.py", "sync", "flows", kind.replace(" ", "-"))


@pytest.mark.parametrize(
    "variables",
    [{}, {"PREFECT_API_AUTH_STRING": "user:wrong"}, {"PREFECT_API_KEY": "ac_wrong"}],
    ids=["nothing", "a wrong auth string", "a wrong key"],
)
def test_the_command_line_is_refused_without_a_valid_credential(
    variables: dict[str, str], anonymous_terminal: Terminal
) -> None:
    anonymous_terminal.variables = variables

    output = anonymous_terminal.prefect("work-pool", "ls", code=1)

    assert "401" in output.text + output.errors


@each_for_events
def test_events_are_streamed_with_each_credential(
    kind: str, authenticated_terminal: Terminal, protected_api: Api
) -> None:
    name = f"guarded.streamed.{kind.replace(' ', '-')}"
    stream = authenticated_terminal.start("event", "stream", "--format", "json")
    stream.wait_for("Subscribing to event stream...")

    event = a_client_event(event=name)
    assert httpx2.post(f"{protected_api.url}/api/events", json=[event], auth=("user", "hunter2")).status_code == 204

    stream.wait_for(name)


@each_for_events
def test_events_are_emitted_with_each_credential(
    kind: str, authenticated_terminal: Terminal, protected_api: Api
) -> None:
    sources = list(authenticated_terminal.venv.glob("lib/python*/site-packages/prefect/events/clients.py"))
    if not any("_auth_handshake" in source.read_text() for source in sources):
        pytest.skip("this client sends no credential with its events")
    name = f"guarded.emitted.{kind.replace(' ', '-')}"

    authenticated_terminal.prefect("event", "emit", name, "--resource-id", "my.thing")

    wait_until(lambda: events_named(protected_api, name), "the event to be in the log")


def test_a_stream_without_a_credential_is_refused(anonymous_terminal: Terminal) -> None:
    output = anonymous_terminal.prefect("event", "stream", code=1)

    assert re.search("401 Unauthorized|Auth required but no token provided", plain(output.text + output.errors))


def test_a_key_that_the_client_sends_only_as_bearer_does_not_open_live_events(
    anonymous_terminal: Terminal, key: str
) -> None:
    anonymous_terminal.variables = {"PREFECT_API_KEY": key}

    for command in (["event", "stream"], ["event", "emit", "guarded.bearer", "--resource-id", "my.thing"]):
        output = anonymous_terminal.prefect(*command, code=1)
        assert re.search("401|Auth required but no token provided", plain(output.text + output.errors))


def test_an_event_without_a_credential_is_refused(anonymous_terminal: Terminal, protected_api: Api) -> None:
    output = anonymous_terminal.prefect("event", "emit", "guarded.forged", "--resource-id", "my.thing", code=1)

    assert "Successfully emitted" not in output.text
    assert events_named(protected_api, "guarded.forged") == []


def test_changes_work_with_csrf_protection(own_stack: Stack, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    protected = own_stack.start_api(api_auth_string=AUTH_STRING, csrf_protection="true")
    without = httpx2.post(f"{protected.url}/api/flows/", json={"name": "forged"}, auth=("user", "hunter2"))
    assert without.status_code == 403
    terminal = terminal_of(request, protected, tmp_path)
    terminal.variables = {"PREFECT_API_AUTH_STRING": AUTH_STRING}

    terminal.prefect("work-pool", "create", "protected", "--type", "process")
    terminal.prefect("work-pool", "update", "protected", "--description", "with a token")
    terminal.script("client_calls.py", "async", "flows", "protected")
    terminal.prefect("work-pool", "delete", "protected")
