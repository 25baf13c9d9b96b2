"""Whether the API may listen where it is told to: without a credential, on this machine only."""

import ipaddress
import socket
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from app.access.key_ring import Digests
from app.errors import ConfigurationError
from app.settings import Settings


def is_loopback(host: str) -> bool:
    """Tell whether every address of this name or number is one that only this machine reaches."""
    try:
        found = socket.getaddrinfo(host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        return False
    # An IPv6 address may carry the name of its interface.
    return all(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)


def require_credential(settings: Settings, host: str, read_keys: Callable[[], Digests]) -> str | None:
    """Return when the API may listen on this host.

    Args:
        read_keys: reads the digests of the valid keys, when the settings have no auth string.

    Returns:
        What to say to the operator, or None. A database that does not answer is no reason not to start: until it is
        known who may come in, nobody may.

    Raises:
        ConfigurationError: others could reach it, and there is no credential that would keep them out.
    """
    if settings.api_auth_string is not None or _has_keys(read_keys) is not False:
        return None
    if is_loopback(host):
        return (
            "There is no credential, so everybody on this machine may do everything, and the API listens on "
            f"{host} only. Set AFTERCOMMIT_API_AUTH_STRING=user:password, or run `aftercommit keys create NAME`."
        )
    raise ConfigurationError(
        f"The API would let everybody in who reaches {host}: there is no credential. Set "
        "AFTERCOMMIT_API_AUTH_STRING=user:password, or create a key with `aftercommit keys create NAME` while the API "
        "listens on 127.0.0.1."
    )


def _has_keys(read_keys: Callable[[], Digests]) -> bool | None:
    try:
        return bool(read_keys())
    except SQLAlchemyError:
        return None
