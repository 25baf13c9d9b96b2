"""The keys of programs: made, listed, revoked, and read for the check.

A key is 256 random bits, so its plain SHA-256 tells nobody what it was: there is nothing to guess that a slow hash
would protect, and a slow hash in every request would be a way to keep the API busy.
"""

import hashlib
import secrets
from collections.abc import Sequence
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.errors import Conflict, NotFound
from app.models import ApiKey

PREFIX: Final = "ac_"
"""How each key begins, so that a person or a scanner of sources recognises one."""
RANDOM_BYTES: Final = 32
HINT_LENGTH: Final = len(PREFIX) + 4


def digest_of(key: bytes) -> bytes:
    """Return what is stored of a key."""
    return hashlib.sha256(key).digest()


def create_key(session: Session, name: str) -> str:
    """Make a key and return it; from here on only its digest is known.

    Raises:
        Conflict: the name is taken, perhaps by a key that is revoked.
    """
    key = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    row = {"name": name, "digest": digest_of(key.encode()), "hint": key[:HINT_LENGTH]}
    statement = insert(ApiKey).values(row).on_conflict_do_nothing(index_elements=[ApiKey.name]).returning(ApiKey.id)
    if session.execute(statement).first() is None:
        raise Conflict("There is a key of this name: choose another one. Revoked keys keep their names.")
    return key


def list_keys(session: Session) -> Sequence[ApiKey]:
    """Return all keys, the revoked ones too, in the order of their creation."""
    return session.scalars(select(ApiKey).order_by(ApiKey.created, ApiKey.name)).all()


def revoke_key(session: Session, name: str) -> None:
    """Let the key of this name open nothing from now on.

    Raises:
        NotFound: no key has this name.
        Conflict: it is revoked already.
    """
    of_name = ApiKey.name == name
    revoked = func.greatest(func.clock_timestamp(), ApiKey.created)
    statement = update(ApiKey).where(of_name, ApiKey.revoked.is_(None)).values(revoked=revoked).returning(ApiKey.id)
    if session.execute(statement.execution_options(synchronize_session=False)).first() is not None:
        return
    if session.scalar(select(ApiKey.id).where(of_name)) is None:
        raise NotFound("There is no key of this name: `aftercommit keys list` shows those that there are.")
    raise Conflict("This key is revoked already.")


def valid_digests(session: Session) -> frozenset[bytes]:
    """Return the digests of the keys that are not revoked."""
    return frozenset(session.scalars(select(ApiKey.digest).where(ApiKey.revoked.is_(None))))
