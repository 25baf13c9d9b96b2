"""Which masking key and rules the masks of this database were made with. The key itself is not stored."""

from datetime import datetime
from typing import Final

from sqlalchemy import CheckConstraint, LargeBinary, func
from sqlalchemy.orm import Mapped, mapped_column

from app.postgres.base import Base, JsonObject

FINGERPRINT_BYTES: Final = 32


class MaskingKey(Base):
    """The fingerprint of the masking key: the only row, or none before the first process has used a key."""

    __tablename__ = "masking_key"
    __table_args__ = (
        CheckConstraint("id = 1", name="single_row"),
        CheckConstraint(f"octet_length(fingerprint) = {FINGERPRINT_BYTES}", name="fingerprint"),
        CheckConstraint("jsonb_typeof(rules) = 'object'", name="rules"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    rules: Mapped[JsonObject]
    """Fingerprints of the masking rules of the process that started last, by the names of their settings."""
    since: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
