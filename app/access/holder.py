"""Whoever sends a request, as far as the credential tells."""

from dataclasses import dataclass
from typing import Final

from app.access.api_keys import KnownKey
from app.capture.attribution import KEY, USER
from app.models.api_key import Role


@dataclass(frozen=True, slots=True)
class Holder:
    """The holder of a credential, or anyone where no credential is needed.

    `actor` names the holder in events: `key:<name>`, `user:<name>`, or `anonymous`.
    """

    actor: str
    role: Role
    may_act_for_others: bool = False


ANYONE: Final = Holder("anonymous", Role.ADMIN)


def holder_of_key(key: KnownKey) -> Holder:
    """Return the holder of an API key."""
    return Holder(f"{KEY}:{key.name}", key.role, key.may_act_for_others)


def holder_of_auth_string(auth_string: bytes | None) -> Holder:
    """Return the holder of the auth string, `user:password`."""
    name = (auth_string or b"").partition(b":")[0]
    return Holder(f"{USER}:{name.decode()}", Role.ADMIN)
