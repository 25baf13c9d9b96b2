"""Which requests are allowed, given their secrets and the known credentials."""

import asyncio
import base64
import threading
from collections.abc import Callable
from uuid import uuid4

import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy.exc import OperationalError

from app.access import Credentials, Secrets, read_secrets
from app.access import credentials as module
from app.access.api_keys import Keys, KnownKey, digest_of
from app.errors import Unauthorized, Unavailable
from app.models.api_key import Role
from app.settings import Settings

NO_CREDENTIAL = Settings(
    database_url="postgresql+psycopg://127.0.0.1:1/none", broker_url="redis://127.0.0.1:1", masking_key="k" * 32
)
WITH_AUTH_STRING = NO_CREDENTIAL.model_copy(update={"api_auth_string": SecretStr("user:pass")})
KEY = b"ac_a-key"
OTHERS: Keys = {digest_of(b"ac_another"): KnownKey(uuid4(), "key", Role.WRITE)}
KEYS: Keys = {digest_of(KEY): KnownKey(uuid4(), "key", Role.READ), **OTHERS}
NOTHING: Secrets = ()


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


def outage() -> Keys:
    raise OperationalError("SELECT", {}, Exception("gone"))


def role_of(
    settings: Settings, secrets: Secrets, read: Callable[[], Keys] = dict, *, is_exposed: bool = False
) -> Role | None:
    """Return the role of the secrets, None if they are refused; `read` replaces the database."""
    credentials = Credentials(settings, is_exposed=is_exposed)
    credentials._ring._read = read
    try:
        return asyncio.run(credentials.check(secrets)).role
    except Unauthorized:
        return None
    finally:
        credentials.close()


@pytest.mark.parametrize(
    ("header", "token", "secrets"),
    [
        (None, None, ()),
        ("Bearer ac_x", None, (b"ac_x",)),
        ("bearer ac_x", None, (b"ac_x",)),
        (basic("user:pass"), None, (b"user:pass", b"pass")),
        (basic("user:a:b"), None, (b"user:a:b", b"a:b")),
        (basic("ac_x"), None, (b"ac_x",)),
        (None, "user:pass", (b"user:pass",)),
        (None, "", ()),
        (None, {"a": 1}, ()),
        (None, "\ud800", (b"\xed\xa0\x80",)),
        ("Bearer one", "two", (b"one", b"two")),
        ("Basic !!!", None, ()),
        ("Basic", None, ()),
        ("Bearer", None, ()),
        ("Digest user:pass", None, ()),
    ],
)
def test_the_secrets_of_a_request_are_read(header: str | None, token: object, secrets: Secrets) -> None:
    assert read_secrets(header, token) == secrets


def test_without_a_credential_everyone_is_accepted_on_loopback() -> None:
    assert role_of(NO_CREDENTIAL, NOTHING) is Role.ADMIN


def test_without_a_credential_no_one_is_accepted_from_the_network() -> None:
    assert role_of(NO_CREDENTIAL, NOTHING, is_exposed=True) is None


@pytest.mark.parametrize("settings", [NO_CREDENTIAL, WITH_AUTH_STRING], ids=["keys only", "auth string too"])
@pytest.mark.parametrize(
    ("secrets", "role"),
    [
        (NOTHING, None),
        ((KEY,), Role.READ),
        ((b"ac_another",), Role.WRITE),
        ((b"ac_wrong",), None),
        ((b"x", KEY), Role.READ),
        ((digest_of(KEY),), None),
    ],
)
def test_with_keys_one_of_them_is_required_and_has_its_role(
    settings: Settings, secrets: Secrets, role: Role | None
) -> None:
    assert role_of(settings, secrets, lambda: KEYS) is role


@pytest.mark.parametrize(
    ("secret", "role"), [(b"user:pass", Role.ADMIN), (b"user:pas", None), (b"user:passs", None), (b"pass", None)]
)
def test_the_auth_string_is_accepted_for_everything_without_reading_the_keys(secret: bytes, role: Role | None) -> None:
    assert role_of(WITH_AUTH_STRING, (secret,), outage) is role


def test_while_the_keys_are_unknown_requests_are_unavailable() -> None:
    for settings, secrets in ((NO_CREDENTIAL, NOTHING), (NO_CREDENTIAL, (KEY,)), (WITH_AUTH_STRING, (KEY,))):
        with pytest.raises(Unavailable):
            role_of(settings, secrets, outage)


def test_an_open_connection_ends_only_when_its_key_is_revoked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECHECK_SECONDS", 0.001)
    monkeypatch.setattr("app.access.key_ring.FRESH_SECONDS", 0.0)
    asked, revoked = threading.Event(), threading.Event()
    answers = iter([KEYS, KEYS])

    def read() -> Keys:
        found = next(answers, None)
        if found is None:
            asked.set()
            return OTHERS if revoked.is_set() else KEYS
        return found

    async def stay() -> None:
        staying = asyncio.create_task(credentials.wait_until_refused((KEY,)))
        async with asyncio.timeout(30):
            while not asked.is_set():
                await asyncio.sleep(0.001)
            assert not staying.done()
            revoked.set()
            await staying

    credentials = Credentials(NO_CREDENTIAL)
    credentials._ring._read = read
    asyncio.run(stay())
    credentials.close()


@pytest.mark.parametrize("text", ["", "user", "user:", ":pass", ":"])
def test_an_auth_string_must_have_a_user_and_a_password(text: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Settings(database_url="d", broker_url="redis://127.0.0.1:1/0", masking_key="k" * 32, api_auth_string=text)
    assert "user:password" in str(raised.value)


def test_the_text_of_the_settings_does_not_contain_the_auth_string() -> None:
    settings = Settings(
        database_url="d", broker_url="redis://127.0.0.1:1/0", masking_key="k" * 32, api_auth_string="user:hunter2"
    )

    assert "hunter2" not in f"{settings!r} {settings}"
