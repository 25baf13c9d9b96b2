"""Flower lets in whom the API lets in."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from app.access.api_keys import create_key, revoke_key
from app.local.embedded.process import free_port
from tests.acceptance.stack import ROOT, Stack
from tests.acceptance.watching import flower
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

PAGES = ["/", "/workers", "/tasks", "/tasks/datatable", "/api/tasks", "/metrics", "/static/js/flower.js", "/nowhere"]
EVIL = "http://evil.example"
USER = ("user", "hunter2")


@pytest.fixture(scope="module")
def client(stack: Stack) -> Iterator[httpx2.Client]:
    """A client of Flower. No worker runs."""
    with flower(stack) as (client, _):
        yield client


@pytest.mark.parametrize("path", PAGES)
def test_a_foreign_host_is_refused(path: str, client: httpx2.Client) -> None:
    for method in ("GET", "HEAD", "POST"):
        assert client.request(method, path, headers={"host": "evil.example:5555"}).status_code == 403
    assert client.get(path, headers={"host": "localhost:5555"}).status_code != 403


@pytest.mark.parametrize(
    "headers", [{"origin": EVIL}, {"origin": "null"}, {"origin": "http://[::1"}, {"sec-fetch-site": "cross-site"}]
)
def test_a_page_of_another_site_can_send_neither_a_change_nor_open_a_websocket(
    headers: dict[str, str], client: httpx2.Client
) -> None:
    refused = (403, "A page of another site must not send this request.")
    for path in PAGES:
        answer = client.post(path, data={"a": "b"}, headers=headers)
        assert (answer.status_code, answer.text) == refused
        answer = client.get(path, headers={"connection": "upgrade", "upgrade": "websocket", **headers})
        assert (answer.status_code, answer.text) == refused


def test_the_page_of_flower_can_load_its_rows(client: httpx2.Client) -> None:
    page = {"origin": str(client.base_url).rstrip("/"), "sec-fetch-site": "same-origin"}
    form = {"draw": 1, "start": 0, "length": 10, "order[0][column]": 0, "columns[0][data]": "name"}
    assert client.post("/tasks/datatable", data=form, headers=page).json()["data"] == []


def test_no_other_origin_can_read(client: httpx2.Client) -> None:
    assert "access-control-allow-origin" not in client.get("/api/tasks", headers={"origin": EVIL}).headers


def test_flower_requires_a_new_key_until_it_is_revoked(stack: Stack, client: httpx2.Client) -> None:
    assert client.get("/tasks").status_code == 200
    with stack.sessions.begin() as session:
        key = create_key(session, "a key")
    wait_until(lambda: client.get("/tasks").status_code == 401, "the key to be required", timeout=5)
    for path in PAGES:
        answer = client.get(path)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Basic realm="aftercommit"')
        assert client.get(path, headers={"authorization": f"Bearer {key}"}).status_code != 401
        assert client.get(path, auth=("any", key)).status_code != 401
    assert client.get("/healthcheck").status_code == 200
    with stack.sessions.begin() as session:
        revoke_key(session, "a key")
    wait_until(lambda: client.get("/tasks").status_code == 200, "Flower to be open again", timeout=5)


def test_flower_requires_the_password_and_hides_it_from_other_users(stack: Stack) -> None:
    with flower(stack, "guarded", api_auth_string="user:hunter2", allowed_hosts="flower.example") as (client, role):
        assert client.get("/tasks").status_code == 401
        assert client.get("/tasks", auth=USER).status_code == 200
        assert client.get("/tasks", auth=("user", "wrong")).status_code == 401
        assert client.get("/tasks", headers={"host": "flower.example"}, auth=USER).status_code == 200
        assert client.get("/tasks", headers={"host": "evil.example"}, auth=USER).status_code == 403
        assert b"hunter2" not in Path(f"/proc/{role.pid}/cmdline").read_bytes()


def test_a_refusal_is_logged_without_the_contents_of_the_request(stack: Stack) -> None:
    with flower(stack, "logging", api_auth_string="user:hunter2", log_json="true") as (client, role):
        client.get("/task/hunter2?hunter2")
        client.request("HUNTER2", "/hunter2")
        client.post("/tasks", headers={"origin": "http://hunter2.example"}, auth=USER)
        assert client.get("/tasks", auth=USER).status_code == 200
    lines = [json.loads(line) for line in role.read_log().splitlines()]
    assert [(line["method"], line["route"], line["status"]) for line in lines if line["event"] == "request"] == [
        ("GET", "/task/(.+)", 401),
        (None, ".*", 401),
        ("POST", "/tasks", 403),
    ]
    assert {line["address"] for line in lines if line["event"] == "request"} == {"127.0.0.1"}
    assert "hunter2" not in role.read_log().lower()


def test_it_does_not_listen_on_the_network_without_a_credential(stack: Stack) -> None:
    command = [sys.executable, "-m", "app.flower", "--address=0.0.0.0", f"--port={free_port()}"]
    done = subprocess.run(
        command, cwd=ROOT, env=stack.environment(), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: Flower must not listen on 0.0.0.0 while there is no credential.")


def test_an_unknown_option_is_refused(stack: Stack) -> None:
    command = [sys.executable, "-m", "app.flower", "--taskscolumns=name"]
    done = subprocess.run(
        command, cwd=ROOT, env=stack.environment(), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "taskscolumns" in done.stderr
