"""The gate in front of Flower while the keys cannot be read."""

import asyncio
from http import HTTPStatus

import pytest
from pydantic import SecretStr
from tornado.httputil import HTTPHeaders, RequestStartLine

from app.access import Credentials, SiteRules
from app.flower.gate import Gate
from app.settings import Settings

BASIC = "Basic dXNlcjpwYXNzd29yZA=="  # user:password
AWAY = Settings(
    database_url="postgresql+psycopg://user@127.0.0.1:1/none",
    broker_url="redis://127.0.0.1:1/0",
    masking_key="k" * 32,
    database_connect_timeout=1,
)


def refusal(settings: Settings, path: str, **headers: str) -> HTTPStatus | None:
    """Return the status with which a gate refuses a GET, or None."""
    credentials = Credentials(settings)
    gate = Gate(credentials, SiteRules(credentials, settings.allowed_hosts))
    line, found = RequestStartLine("GET", path, "HTTP/1.1"), HTTPHeaders({"Host": "localhost", **headers})
    try:
        answer = asyncio.run(gate.refusal(line, found))
    finally:
        credentials.close()
    return answer[0] if answer is not None else None


@pytest.mark.parametrize("host", ["localhost", "evil.example"])
def test_nobody_gets_in_until_the_keys_are_known(host: str) -> None:
    assert refusal(AWAY, "/tasks", Host=host) is HTTPStatus.SERVICE_UNAVAILABLE


def test_the_auth_string_needs_no_database() -> None:
    settings = AWAY.model_copy(update={"api_auth_string": SecretStr("user:password")})

    assert refusal(settings, "/tasks", Authorization=BASIC) is None
    assert refusal(settings, "/tasks") is HTTPStatus.UNAUTHORIZED


def test_the_health_probe_is_open() -> None:
    assert refusal(AWAY, "/healthcheck", Host="evil.example") is None
    assert refusal(AWAY, "/healthcheck/") is HTTPStatus.SERVICE_UNAVAILABLE
