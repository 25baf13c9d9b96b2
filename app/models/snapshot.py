"""The outbox: one row for each committed change that has not become an event yet."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    Identity,
    Index,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.postgres.base import Base, Json, JsonObject

LANES: Final = 64

STATE_LIMIT: Final = 4 * 1024 * 1024
"""The maximum size in bytes of the JSON of the state after a change.

A recorded state can therefore always be changed again, and a worker has memory for it.
"""

TOO_LARGE: Final = ("ck_snapshot_size", "ck_snapshot_state_size")
"""The constraints that reject a change because of its size."""

SCHEMA_VERSION: Final = 2
"""The version of the meaning of a snapshot's columns. Each snapshot has the version of the process that captured it.

Increase it with every change that an older worker would misread: a new kind, or a tracked field or edge that is added,
removed or interpreted differently. A worker leaves snapshots of a newer version to newer workers. The migration of
such a release must recreate `ix_snapshot_newer`. Until the last old worker has stopped, the claims of old workers are
slower, but correct.
"""


class SnapshotRow(Base):
    """A captured change that waits for its event. Its values are masked.

    It is inserted in the transaction of the change and deleted in the transaction that appends its event.
    `sequence` is assigned while the resource's row is locked, so for one resource it increases with the revision.
    """

    __tablename__ = "snapshot"
    __table_args__ = (
        UniqueConstraint("resource_id", "revision"),
        Index("ix_snapshot_lane_sequence", "lane", "sequence"),
        Index("ix_snapshot_blocked", "lane", "resource_id", postgresql_where=text("attempts > 0")),
        Index("ix_snapshot_newer", "lane", "resource_id", postgresql_where=text(f"schema_version > {SCHEMA_VERSION}")),
        CheckConstraint(f"lane >= 0 AND lane < {LANES}", name="lane"),
        CheckConstraint("revision >= 1", name="revision"),
        CheckConstraint("attempts >= 0", name="attempts"),
        CheckConstraint("deaths >= 0", name="deaths"),
        CheckConstraint("schema_version >= 1", name="schema_version"),
        CheckConstraint("skip_reason IS NULL OR (attempts > 0 AND skip_reason <> '')", name="skip_reason"),
        CheckConstraint("jsonb_typeof(\"references\") = 'object'", name="references"),
        CheckConstraint("jsonb_typeof(labels) = 'object'", name="labels"),
        CheckConstraint(
            "attribution ? 'actor' AND jsonb_typeof(attribution -> 'actor') = 'string'", name="attribution"
        ),
        CheckConstraint(f"size <= {2 * STATE_LIMIT}", name="size"),
        # The second condition serializes the state once more. Small states skip it.
        CheckConstraint(f"size <= {STATE_LIMIT} OR octet_length(after::text) <= {STATE_LIMIT}", name="state_size"),
        CheckConstraint(
            "operation IN ('created', 'updated', 'deleted', 'ready', 'not-ready', 'paused')", name="operation"
        ),
        CheckConstraint("(operation = 'created') = (before IS NULL)", name="before"),
        CheckConstraint("(operation = 'deleted') = (after IS NULL)", name="after"),
        CheckConstraint("(revision = 1) = (follows IS NULL)", name="follows"),
        CheckConstraint("(attempts = 0) = (error IS NULL)", name="error"),
        CheckConstraint("parked IS NULL OR attempts > 0", name="parked"),
        CheckConstraint(
            "attempts = 0 OR (parked IS NULL) = (next_attempt IS NOT NULL)", name="blocked_until_or_parked"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    lane: Mapped[int] = mapped_column(SmallInteger)
    kind: Mapped[str] = mapped_column(Text)
    resource_id: Mapped[UUID]
    revision: Mapped[int]
    operation: Mapped[str] = mapped_column(Text)
    occurred: Mapped[datetime]
    name: Mapped[str] = mapped_column(Text)
    before: Mapped[JsonObject | None] = mapped_column(Json)
    after: Mapped[JsonObject | None] = mapped_column(Json)
    size: Mapped[int] = mapped_column(
        # Stored, so that a claim can limit the bytes that it will load.
        Computed("coalesce(octet_length(before::text), 0) + coalesce(octet_length(after::text), 0)", persisted=True)
    )
    references: Mapped[JsonObject] = mapped_column(Json)
    labels: Mapped[JsonObject] = mapped_column(server_default=text("'{}'::jsonb"))
    follows: Mapped[UUID | None]
    attribution: Mapped[JsonObject] = mapped_column(Json)
    """Who made the change, by which request, and why: the parts of `app.capture.attribution.Attribution`."""
    schema_version: Mapped[int] = mapped_column(
        # Set by the process: the database is migrated while processes of the previous version still write.
        SmallInteger,
        default=SCHEMA_VERSION,
        server_default=text("1"),
    )
    captured: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    deaths: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    """How many worker processes died while processing it, plus one while a worker processes it in careful mode."""
    next_attempt: Mapped[datetime | None]
    parked: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)
    skip_reason: Mapped[str | None] = mapped_column(Text)
    """The operator's reason for skipping it. Its event then contains this reason instead of the changes."""
