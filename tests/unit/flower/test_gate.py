"""The gate in front of Flower: whom it lets in, also while the keys cannot be read, and what roles may do."""

import asyncio
from http import HTTPStatus
from types import SimpleNamespace
from uuid import uuid4

import pytest
from pydantic import SecretStr
from tornado.httputil import HTTPHeaders, RequestStartLine

from app.access import Credentials, SiteRules, failed_tries
from app.access.api_keys import KnownKey, digest_of
from app.flower.gate import ADMINS_ONLY, Gate
from app.models.api_key import Role
from app.settings import Settings

BASIC = "Basic dXNlcjpwYXNzd29yZA=="  # user:password
KEY = b"ac_a-key"
UNREACHABLE_DATABASE = Settings(
    database_url="postgresql+psycopg://user@127.0.0.1:1/none",
    broker_url="redis://127.0.0.1:1/0",
    masking_key="k" * 32,
    database_connect_timeout=1,
)


def answer_to(role: Role, method: str, path: str) -> tuple[HTTPStatus, str] | None:
    """Return how a gate refuses a request with a key of this role, or None."""
    credentials = Credentials(UNREACHABLE_DATABASE)
    credentials._ring._read = lambda: {digest_of(KEY): KnownKey(uuid4(), "key", role)}
    credentials._uses._thread._write = lambda _uses: None
    gate = Gate(credentials, SiteRules(credentials, ()))
    headers = HTTPHeaders({"Host": "localhost", "Authorization": f"Bearer {KEY.decode()}"})
    try:
        return asyncio.run(gate.refusal(RequestStartLine(method, path, "HTTP/1.1"), headers, "192.0.2.1"))
    finally:
        credentials.close()


def refusal(settings: Settings, path: str, **headers: str) -> HTTPStatus | None:
    """Return the status with which a gate refuses a GET, or None."""
    credentials = Credentials(settings)
    gate = Gate(credentials, SiteRules(credentials, settings.allowed_hosts))
    line, found = RequestStartLine("GET", path, "HTTP/1.1"), HTTPHeaders({"Host": "localhost", **headers})
    try:
        answer = asyncio.run(gate.refusal(line, found, "192.0.2.1"))
    finally:
        credentials.close()
    return answer[0] if answer is not None else None


@pytest.mark.parametrize("host", ["localhost", "evil.example"])
def test_every_request_gets_503_until_the_keys_are_known(host: str) -> None:
    assert refusal(UNREACHABLE_DATABASE, "/tasks", Host=host) is HTTPStatus.SERVICE_UNAVAILABLE


def test_the_auth_string_needs_no_database() -> None:
    settings = UNREACHABLE_DATABASE.model_copy(update={"api_auth_string": SecretStr("user:password")})

    assert refusal(settings, "/tasks", Authorization=BASIC) is None
    assert refusal(settings, "/tasks") is HTTPStatus.UNAUTHORIZED


def test_only_the_exact_path_of_the_health_check_needs_no_credential() -> None:
    assert refusal(UNREACHABLE_DATABASE, "/healthcheck", Host="evil.example") is None
    assert refusal(UNREACHABLE_DATABASE, "/healthcheck/") is HTTPStatus.SERVICE_UNAVAILABLE


@pytest.mark.parametrize("role", list(Role))
def test_every_role_can_read_flower_and_only_admin_can_use_its_buttons(role: Role) -> None:
    assert answer_to(role, "GET", "/tasks") is None
    assert answer_to(role, "POST", "/tasks/datatable") is None
    allowed = None if role is Role.ADMIN else (HTTPStatus.FORBIDDEN, ADMINS_ONLY)
    for path in ("/api/worker/shutdown/one", "/api/task/revoke/one", "/tasks/datatable/", "/anything-new"):
        assert answer_to(role, "POST", path) == allowed


def test_failed_tries_are_delayed_in_flower_too(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(failed_tries, "asyncio", SimpleNamespace(sleep=pause))
    credentials = Credentials(UNREACHABLE_DATABASE.model_copy(update={"api_auth_string": SecretStr("user:password")}))
    gate = Gate(credentials, SiteRules(credentials, ()))
    headers = HTTPHeaders({"Host": "localhost", "Authorization": "Basic d3Jvbmc="})
    for address in (*["192.0.2.1"] * 29, "192.0.2.2"):
        asyncio.run(gate.refusal(RequestStartLine("GET", "/tasks", "HTTP/1.1"), headers, address))
    credentials.close()

    assert pauses[-2] > 0
    assert pauses[-1] == 0
