"""The tombstones of deleted resources."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from app.models.resources import OBJECT
from app.postgres.base import Base


class Tombstone(Base):
    """The last name of a deleted resource, and the revision of its deletion.

    Events that are built after the deletion use the name. The audit uses the revision as the number of its events.
    """

    __tablename__ = "tombstone"
    __table_args__ = (CheckConstraint("revision >= 1", name="revision"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    attributes: Mapped[dict[str, Any]] = mapped_column(server_default=OBJECT)
    revision: Mapped[int]
    deleted: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
