"""Both pages work with CSRF protection, and at a path prefix behind a reverse proxy that removes it."""

import http.client
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser

from tests.acceptance.stack import Api, Stack
from tests.page.new_events import NewEvents
from tests.page.signing_in import open_signed_in
from tests.page.visit import Ui, Visit, visiting
from tests.world import World

PREFIX = "/team/prefect"
AUTH_STRING = "user:hunter2"
CRON = [{"slug": "a", "schedule": {"cron": "0 1 * * *", "timezone": "UTC"}, "active": True}]
OF_ONE_HOP = {"connection", "transfer-encoding", "keep-alive"}


class Proxy(BaseHTTPRequestHandler):
    """Passes requests below the prefix on without it. Any other path is 404, as on a host with other services."""

    port: int

    def _pass_on(self) -> None:
        if not self.path.startswith(f"{PREFIX}/"):
            self.send_error(404)
            return
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as upstream:
            upstream.request(self.command, self.path.removeprefix(PREFIX), body, dict(self.headers))
            answer = upstream.getresponse()
            content = answer.read()
        # A browser that leaves a page closes the connections of its unfinished requests.
        with suppress(ConnectionError):
            self._send(answer, content)

    def _send(self, answer: http.client.HTTPResponse, content: bytes) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in OF_ONE_HOP | {"content-length"}:
                self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _pass_on  # noqa: N815  # Names of the base class.

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def proxied(port: int) -> Iterator[str]:
    """Yield the address at which a proxy shows the service on this port."""
    handler = type("ProxyOfPort", (Proxy,), {"port": port, "protocol_version": "HTTP/1.1"})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}{PREFIX}"
        server.shutdown()


@pytest.fixture(scope="module")
def api(stack: Stack, page_folder: Path) -> Api:
    """An API process that is told its path prefix, asks for a credential, and protects against forged requests."""
    return stack.start_api(
        page_dir=str(page_folder), path_prefix=PREFIX, csrf_protection="true", api_auth_string=AUTH_STRING
    )


@pytest.fixture(scope="module")
def address(api: Api) -> Iterator[str]:
    """The address behind the proxy."""
    with proxied(int(api.url.rpartition(":")[2])) as address:
        yield address


@pytest.fixture
def world(stack: Stack, api: Api) -> Iterator[World]:
    """Direct access to the registry, signed in, with the token against forged requests."""
    user, _, password = AUTH_STRING.partition(":")
    with api.client() as client:
        client.auth = (user, password)
        token = client.get("/csrf-token", params={"client": "test"}).json()["token"]
        client.headers |= {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": "test"}
        yield stack.world(client)


@pytest.fixture(params=["v2", "v1"])
def visit(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A tab with one of the pages, behind the proxy."""
    ui: Ui = request.param
    with visiting(browser, address, ui, "light") as visit:
        yield visit
        assert not visit.problems, "\n".join(visit.problems)


def test_a_page_at_a_path_prefix_works_with_a_credential_and_csrf_protection(
    visit: Visit, world: World, new_events: NewEvents
) -> None:
    deployment = world.deploy(schedules=CRON)
    new_events.skip()
    open_signed_in(visit, f"/deployments/deployment/{deployment}", AUTH_STRING)
    with visit.page.expect_request(lambda request: request.method == "PATCH") as sent:
        visit.page.get_by_role("switch").first.click()

    new_events.check("deployment.updated nightly")
    assert "prefect-csrf-token" in sent.value.headers
    visit.open("/events")
    visit.shows(world.name("nightly"))
