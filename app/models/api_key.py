"""The API keys of programs. The database stores only the digest of a key, so a key cannot be read from it."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, LargeBinary, Text, false, func
from sqlalchemy.orm import Mapped, mapped_column

from app.postgres.base import Base

DIGEST_BYTES: Final = 32
KEY_NAME_LENGTH: Final = 200


class Role(StrEnum):
    """What the holder of a credential may do. Each role includes the ones before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Return whether the holder of this role may do what the other role may do."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class ApiKey(Base):
    """An API key. Its name is never reused, so it always identifies one key. `hint` is the beginning of the key."""

    __tablename__ = "api_key"
    __table_args__ = (
        CheckConstraint(f"length(name) BETWEEN 1 AND {KEY_NAME_LENGTH}", name="name"),
        CheckConstraint(f"octet_length(digest) = {DIGEST_BYTES}", name="digest"),
        CheckConstraint("length(hint) BETWEEN 1 AND 8", name="hint"),
        CheckConstraint("role IN ('read', 'write', 'admin')", name="role"),
        CheckConstraint("expires > created", name="expires"),
        CheckConstraint("last_used >= created", name="last_used"),
        CheckConstraint("revoked >= created", name="revoked"),
        CheckConstraint(
            "expiry_noticed IS NULL OR (expires IS NOT NULL AND expiry_noticed >= expires)", name="expiry_noticed"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    name: Mapped[str] = mapped_column(Text, unique=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    hint: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    may_act_for_others: Mapped[bool] = mapped_column(server_default=false())
    """Whether its requests may say on whose behalf they make a change."""
    created: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    expires: Mapped[datetime | None]
    last_used: Mapped[datetime | None]
    revoked: Mapped[datetime | None]
    expiry_noticed: Mapped[datetime | None]
    """When the log got the event that the key has expired."""
