"""Without a credential, the API listens only on loopback."""

from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError

from app.access import is_loopback, require_credential
from app.access.api_keys import Keys, KnownKey
from app.errors import ConfigurationError
from app.models.api_key import Role
from app.settings import Settings

NO_CREDENTIAL = Settings(database_url="d", broker_url="redis://127.0.0.1:1/0", masking_key="k" * 32)
WITH_AUTH_STRING = NO_CREDENTIAL.model_copy(update={"api_auth_string": SecretStr("user:password")})
A_KEY: Keys = {b"1" * 32: KnownKey(uuid4(), "key", Role.READ)}


def no_keys() -> Keys:
    return {}


def no_answer() -> Keys:
    raise OperationalError("SELECT", {}, Exception("gone"))


def not_asked() -> Keys:
    raise AssertionError("the database was asked")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.8.7", "::1", "localhost"])
def test_loopback_addresses_are_recognized(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.1", "192.0.2.1", "no such host", "x" * 300])
def test_every_other_address_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", ""])
def test_without_a_credential_the_api_does_not_listen_on_the_network(host: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"while there is no credential\. Set AFTERCOMMIT_API_AUTH_STRING=user:pass"
    ):
        require_credential(NO_CREDENTIAL, host, no_keys)


def test_without_a_credential_the_notice_says_that_the_api_listens_on_loopback_only() -> None:
    notice = require_credential(NO_CREDENTIAL, "127.0.0.1", no_keys)

    assert notice is not None
    assert "every user of this machine has full access, and the API listens on 127.0.0.1 only" in notice


def test_a_key_is_a_credential() -> None:
    assert require_credential(NO_CREDENTIAL, "0.0.0.0", lambda: A_KEY) is None


def test_an_auth_string_is_a_credential_and_the_keys_are_not_read() -> None:
    assert require_credential(WITH_AUTH_STRING, "0.0.0.0", not_asked) is None


def test_an_unreachable_database_does_not_prevent_the_start() -> None:
    assert require_credential(NO_CREDENTIAL, "0.0.0.0", no_answer) is None
