"""Who sent a request: what the middleware has found out, in the ASGI scope."""

from ipaddress import ip_address
from typing import Final

from starlette.types import Scope

from app.access import Holder, Secrets

SECRETS: Final = "aftercommit.secrets"
"""The key in the scope for the secrets of the request. Routes that stream check them again from time to time."""
HOLDER: Final = "aftercommit.holder"
"""The key in the scope for the holder of the credential."""


def secrets_of(scope: Scope) -> Secrets:
    """Return the secrets of an authenticated request."""
    secrets: Secrets = scope[SECRETS]
    return secrets


def holder_of(scope: Scope) -> Holder:
    """Return the holder of the credential of an authenticated request."""
    holder: Holder = scope[HOLDER]
    return holder


def address_of(scope: Scope) -> str:
    """Return the address of the client. Behind a trusted proxy, uvicorn has taken it from `X-Forwarded-For`."""
    client = scope.get("client")
    return client[0] if client else "unknown"


def ip_address_of(scope: Scope) -> str | None:
    """Return the address of the client if it is an IP address. A trusted proxy may pass on any text."""
    try:
        return str(ip_address(address_of(scope).partition("%")[0]))
    except ValueError:
        return None
