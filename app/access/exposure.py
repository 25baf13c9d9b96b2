"""Checks that the API listens only on loopback while no credential is configured."""

import ipaddress
import socket
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from app.access.api_keys import Keys
from app.errors import ConfigurationError
from app.settings import Settings


def is_loopback(host: str) -> bool:
    """Return whether every address of this host name or IP address is a loopback address."""
    try:
        addresses = socket.getaddrinfo(host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        return False
    # An IPv6 address may end with the name of its interface, after a "%".
    return all(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in addresses)


def require_credential(
    settings: Settings, host: str, read_keys: Callable[[], Keys], *, service: str = "the API"
) -> str | None:
    """Check that the API, or another service, may listen on this host.

    If the database does not answer, it may start: it allows no request until it has read the keys.

    Args:
        settings: the settings of the process.
        host: the host name or IP address to listen on.
        read_keys: reads the keys that are not revoked. It is called only if the settings have no auth string.
        service: what listens, for the texts.

    Returns:
        A notice for the operator, or None.

    Raises:
        ConfigurationError: other machines can reach the host, and there is no credential.
    """
    if settings.api_auth_string is not None or _has_keys(read_keys) is not False:
        return None
    if is_loopback(host):
        return (
            "There is no credential, so every user of this machine has full access, and "
            f"{service} listens on {host} only. Set AFTERCOMMIT_API_AUTH_STRING=user:password, or run "
            "`aftercommit keys create NAME`."
        )
    raise ConfigurationError(
        f"{service[0].upper()}{service[1:]} must not listen on {host} while there is no credential. Set "
        "AFTERCOMMIT_API_AUTH_STRING=user:password, or create a key with `aftercommit keys create NAME` while the API "
        "listens on 127.0.0.1."
    )


def _has_keys(read_keys: Callable[[], Keys]) -> bool | None:
    try:
        return bool(read_keys())
    except SQLAlchemyError:
        return None
