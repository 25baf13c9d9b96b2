"""Creates, lists, revokes and reads API keys.

The database stores the plain SHA-256 of a key. A slow hash is not needed, because a key is 256 random bits and cannot
be guessed. A slow hash in every request would let clients overload the API.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, TIMESTAMP, Uuid, cast, column, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.errors import Conflict, NotFound
from app.models import ApiKey
from app.models.api_key import Role

PREFIX: Final = "ac_"
"""The first characters of every key, so that people and secret scanners recognise one."""
RANDOM_BYTES: Final = 32
SAME_USE: Final = timedelta(seconds=30)
HINT_LENGTH: Final = len(PREFIX) + 4


class KnownKey(NamedTuple):
    """What decides about the requests of a key that is not revoked. It may have expired."""

    id: UUID
    name: str
    role: Role
    expires: datetime | None = None
    may_act_for_others: bool = False

    def has_expired(self) -> bool:
        """Return whether the key is no longer valid, by the clock of this machine."""
        return self.expires is not None and self.expires <= datetime.now(UTC)


Keys = Mapping[bytes, KnownKey]
"""The keys that are not revoked, by their digests. Expired keys are among them, so that expiry opens nothing."""


def digest_of(key: bytes) -> bytes:
    """Return the digest of a key, which is what the database stores."""
    return hashlib.sha256(key).digest()


def create_key(
    session: Session,
    name: str,
    role: Role = Role.WRITE,
    expires: datetime | None = None,
    *,
    may_act_for_others: bool = False,
) -> str:
    """Create a key and return it. It cannot be read again, because only its digest is stored.

    With `may_act_for_others`, its requests may say on whose behalf they make a change.

    Raises:
        Conflict: a key with this name exists; it may be revoked.
    """
    key = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    row = {
        "name": name,
        "digest": digest_of(key.encode()),
        "hint": key[:HINT_LENGTH],
        "role": role,
        "expires": expires,
        "may_act_for_others": may_act_for_others,
    }
    statement = insert(ApiKey).values(row).on_conflict_do_nothing(index_elements=[ApiKey.name]).returning(ApiKey.id)
    if session.execute(statement).first() is None:
        raise Conflict("A key with this name already exists. Choose another name; revoked keys keep theirs.")
    return key


def list_keys(session: Session) -> Sequence[ApiKey]:
    """Return all keys, including revoked ones, in the order of their creation."""
    return session.scalars(select(ApiKey).order_by(ApiKey.created, ApiKey.name)).all()


def revoke_key(session: Session, name: str) -> KnownKey:
    """Revoke the key with this name, and return it.

    Raises:
        NotFound: no key has this name.
        Conflict: the key is already revoked.
    """
    has_name = ApiKey.name == name
    revoked = func.greatest(func.clock_timestamp(), ApiKey.created)
    statement = update(ApiKey).where(has_name, ApiKey.revoked.is_(None)).values(revoked=revoked)
    columns = (ApiKey.id, ApiKey.name, ApiKey.role, ApiKey.expires, ApiKey.may_act_for_others)
    key = session.execute(statement.returning(*columns), execution_options={"synchronize_session": False}).one_or_none()
    if key is not None:
        return KnownKey(key.id, key.name, Role(key.role), key.expires, key.may_act_for_others)
    if session.scalar(select(ApiKey.id).where(has_name)) is None:
        raise NotFound("There is no key with this name. `aftercommit keys list` shows all keys.")
    raise Conflict("This key is already revoked.")


def known_keys(session: Session) -> Keys:
    """Return the keys that are not revoked."""
    columns = (ApiKey.digest, ApiKey.id, ApiKey.name, ApiKey.role, ApiKey.expires, ApiKey.may_act_for_others)
    rows = session.execute(select(*columns).where(ApiKey.revoked.is_(None)))
    return {digest: KnownKey(id_, name, Role(role), expires, may) for digest, id_, name, role, expires, may in rows}


def record_uses(session: Session, uses: Mapping[UUID, datetime]) -> None:
    """Record when these keys were last used, in one statement.

    A use shortly after the recorded one is left out, so that several API processes write little more than one.
    """
    used = func.unnest(cast(list(uses), ARRAY(Uuid)), cast(list(uses.values()), ARRAY(TIMESTAMP(timezone=True))))
    rows = used.table_valued("id", column("time", TIMESTAMP(timezone=True))).render_derived(name="used")
    is_later = or_(ApiKey.last_used.is_(None), ApiKey.last_used < rows.c.time - SAME_USE)
    statement = (
        update(ApiKey)
        .where(ApiKey.id == rows.c.id, is_later)
        # The clock of this machine may be behind the clock of the database.
        .values(last_used=func.greatest(rows.c.time, ApiKey.created))
    )
    session.execute(statement, execution_options={"synchronize_session": False})
