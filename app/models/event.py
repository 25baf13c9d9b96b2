"""The event log: an append-only table. Its positions have no gaps and follow the order of commits."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.postgres.base import Base, Json, JsonObject

NAMES_A_RESOURCE: Final = (
    "revision IS NOT NULL AND (revision = 1 OR payload -> 'updates' ? 'name' OR payload ? 'skipped')"
)
"""Events that set a resource's name, or may set it: its creation, a change of its name, and a skipped change."""


class EventRow(Base):
    """An event and its position. `revision` is NULL for an event that is not about a change of a registry resource.

    `resource` has the labels of the resource itself. `related` is the list of related resources, as it is delivered.
    """

    __tablename__ = "event"
    __table_args__ = (
        Index(
            "uq_event_resource_revision",
            "resource_id",
            "revision",
            unique=True,
            postgresql_where=text("revision IS NOT NULL"),
        ),
        Index("ix_event_occurred_position", "occurred", "position"),
        Index("ix_event_resource_occurred", "resource_id", "occurred", "position"),
        Index("ix_event_name_occurred", "event", "occurred", "position", postgresql_ops={"event": "text_pattern_ops"}),
        Index("ix_event_related", "related", postgresql_using="gin", postgresql_ops={"related": "jsonb_path_ops"}),
        # It has one entry for each name of a resource. So a resource is found by name without a scan of its events.
        Index(
            "ix_event_resource_name",
            text("(resource ->> 'prefect.resource.name')"),
            postgresql_where=text(NAMES_A_RESOURCE),
        ),
        CheckConstraint("position >= 1", name="position"),
        CheckConstraint("revision >= 1", name="revision"),
    )

    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    id: Mapped[UUID] = mapped_column(unique=True)
    occurred: Mapped[datetime]
    received: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    event: Mapped[str] = mapped_column(Text)
    resource_id: Mapped[str] = mapped_column(Text)
    resource: Mapped[dict[str, str]] = mapped_column(Json)
    related: Mapped[list[dict[str, str]]] = mapped_column(Json)
    payload: Mapped[JsonObject]
    follows: Mapped[UUID | None]
    revision: Mapped[int | None]


class EventLog(Base):
    """The single row with the log's last position. Locking this row is the append lock.

    `rescued` counts the events whose snapshots only the sweep found.
    """

    __tablename__ = "event_log"
    __table_args__ = (
        CheckConstraint("id = 1", name="single_row"),
        CheckConstraint("position >= 0", name="position"),
        CheckConstraint("rescued >= 0", name="rescued"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(BigInteger)
    rescued: Mapped[int] = mapped_column(BigInteger)
