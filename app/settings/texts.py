"""The settings that are texts in a certain form, and what is said about another one."""

import re
from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, SecretStr

from app.settings.broker_url import read_broker_url

MASKING_KEY_LENGTH = 32


def _require_user_and_password(text: SecretStr) -> SecretStr:
    if not all(text.get_secret_value().partition(":")):
        raise ValueError("must be user:password")
    return text


def _require_broker_url(url: str) -> str:
    read_broker_url(url)
    return url


def _require_length(key: SecretStr) -> SecretStr:
    # As hexadecimal digits, these are 128 bits. Who knows one masked value can try keys until the mask matches.
    if len(key.get_secret_value()) < MASKING_KEY_LENGTH:
        raise ValueError(
            f"must have at least {MASKING_KEY_LENGTH} characters, so that it cannot be guessed from the masks: "
            "`openssl rand -hex 24` makes a good one"
        )
    return key


def _require_path(text: str) -> str:
    path = text.rstrip("/")
    if path and not re.fullmatch(r"(/[\w.~-]+)+", path):
        raise ValueError("must be a path such as /prefect")
    return path


def _require_network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError:
        raise ValueError("must be IP addresses or networks, such as 10.0.0.7,10.1.0.0/16") from None
    return text


ActorField = Literal[
    "role", "client", "address", "request", "traceparent", "worker", "reason", "change", "on-behalf-of"
]
AuthString = Annotated[SecretStr, AfterValidator(_require_user_and_password)]
BrokerUrl = Annotated[str, AfterValidator(_require_broker_url)]
MaskingKey = Annotated[SecretStr, AfterValidator(_require_length)]
Network = Annotated[str, AfterValidator(_require_network)]
PathPrefix = Annotated[str, AfterValidator(_require_path)]
