"""The attached sources, and what is known of their resources."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.models.resources import OBJECT
from app.postgres.base import Base, Json, JsonObject

SOURCE_NAME: Final = "^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"
"""The form of a source's name. It is a part of resource ids, in which dots separate the parts."""
RESERVED_NAMES: Final = (
    "address",
    "anonymous",
    "broker",
    "change",
    "cli",
    "credentials",
    "key",
    "masking",
    "probe",
    "service",
    "snapshot",
    "source",
    "unknown",
    "user",
)
"""What follows `aftercommit.` in the ids of other resources. A source with such a name could have the same ids."""


class Source(Base):
    """A database that is not ours, whose changes become events. Its name is never used for another one.

    Its row lock decides which worker moves its changes. A snapshot here is PostgreSQL's `pg_snapshot`, as text.

    Attributes:
        profile: the text of its profile.
        url: its URL, encrypted; NULL once it is detached. `shown_url` is the URL without the password.
        identity: tells the database from a restored copy.
        moved_until: the changes that this snapshot sees are in the log. NULL until the existing resources were read.
        moving_until: the snapshot whose changes are being moved, batch by batch; NULL between two of them.
        moving_after: of those, the transactions up to this number are in the log.
        batch: how many batches were moved. The source's database has the same number, or the one before.
        failures: the failed tries since the last success. `error` is the latest.
    """

    __tablename__ = "source"
    __table_args__ = (
        CheckConstraint(f"name ~ '{SOURCE_NAME}'", name="name"),
        CheckConstraint(f"name NOT IN {RESERVED_NAMES}", name="reserved_name"),
        CheckConstraint("(url IS NULL) = (detached IS NOT NULL)", name="url"),
        CheckConstraint("(moving_until IS NULL) = (moving_after IS NULL)", name="moving"),
        CheckConstraint("moving_until IS NULL OR moved_until IS NOT NULL", name="moving_from"),
        CheckConstraint("batch >= 0", name="batch"),
        CheckConstraint("failures >= 0", name="failures"),
        CheckConstraint(
            "(failures = 0) = (error IS NULL) AND (failures = 0) = (retry_at IS NULL)"
            " AND (failures = 0) = (failing_since IS NULL)",
            name="error",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    name: Mapped[str] = mapped_column(Text, unique=True)
    profile: Mapped[str] = mapped_column(Text)
    url: Mapped[bytes | None] = mapped_column(LargeBinary)
    shown_url: Mapped[str] = mapped_column(Text)
    identity: Mapped[str | None] = mapped_column(Text)
    moved_until: Mapped[str | None] = mapped_column(Text)
    moving_until: Mapped[str | None] = mapped_column(Text)
    moving_after: Mapped[int | None] = mapped_column(BigInteger)
    batch: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    moved: Mapped[datetime | None]
    attached: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    paused: Mapped[datetime | None]
    detached: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    error: Mapped[str | None] = mapped_column(Text)
    failing_since: Mapped[datetime | None]
    retry_at: Mapped[datetime | None]


class SourceResource(Base):
    """The state of a resource of a source as the log tells it, masked.

    Attributes:
        revision: the number of its latest event. 0: only rows of children are known, and there is no event.
        fields: the tracked fields; NULL if the resource does not exist now.
        references: the keys of related resources, by column.
        labels: the labels that its profile declares.
        children: the rows of children, by field and key.
    """

    __tablename__ = "source_resource"
    __table_args__ = (
        CheckConstraint("revision >= 0", name="revision"),
        CheckConstraint(
            "(revision = 0) = (event_id IS NULL) AND (revision = 0) = (occurred IS NULL)", name="latest_event"
        ),
        CheckConstraint("fields IS NULL OR revision > 0", name="fields"),
    )

    source_id: Mapped[UUID] = mapped_column(ForeignKey("source.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    revision: Mapped[int]
    event_id: Mapped[UUID | None]
    occurred: Mapped[datetime | None]
    name: Mapped[str] = mapped_column(Text)
    fields: Mapped[JsonObject | None] = mapped_column(Json)
    references: Mapped[dict[str, Any]] = mapped_column(server_default=OBJECT)
    labels: Mapped[dict[str, Any]] = mapped_column(server_default=OBJECT)
    children: Mapped[dict[str, Any]] = mapped_column(server_default=OBJECT)


class SourceVerification(Base):
    """The latest comparison of all rows of a source with the states of its resources.

    Attributes:
        requested: when it was asked for. It begins and ends after that.
        since_position: the last position of the log at that time.
        kind: the kind that is being compared. NULL: the first one.
        after: the resources of this kind up to this key are compared. NULL: none of them.
        compared: how many resources were compared.
        until_position: the last position of the log at the end.
    """

    __tablename__ = "source_verification"
    __table_args__ = (
        CheckConstraint("compared >= 0", name="compared"),
        CheckConstraint("after IS NULL OR kind IS NOT NULL", name="after"),
        CheckConstraint("(finished IS NULL) = (until_position IS NULL)", name="finished"),
        CheckConstraint("until_position >= since_position", name="positions"),
    )

    source_id: Mapped[UUID] = mapped_column(ForeignKey("source.id"), primary_key=True)
    requested: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    since_position: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str | None] = mapped_column(Text)
    after: Mapped[str | None] = mapped_column(Text)
    compared: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    finished: Mapped[datetime | None]
    until_position: Mapped[int | None] = mapped_column(BigInteger)


class HeldChange(Base):
    """A change that could not be moved, or waits for one of its resource that could not. Its values stay in the source.

    Attributes:
        xid: the transaction of the source; its row changes are not deleted there while it is held.
        last_seq: the number of its last row change; the changes of a resource are moved in this order.
        at: the time of the change.
        key: NULL if the resource could not be read from the row. Then all resources of the kind wait.
        attempts: how often it failed. 0: it only waits for an earlier one.
        parked: since when it waits for an operator, after too many failures.
        skip_reason: an operator's reason for skipping it.
    """

    __tablename__ = "held_change"
    __table_args__ = (
        UniqueConstraint(
            "source_id", "xid", "kind", "key", name="uq_held_change_resource", postgresql_nulls_not_distinct=True
        ),
        CheckConstraint("attempts >= 0", name="attempts"),
        CheckConstraint("(attempts = 0) = (error IS NULL)", name="error"),
        CheckConstraint("parked IS NULL OR attempts > 0", name="parked"),
        CheckConstraint(
            "attempts = 0 OR (parked IS NULL) = (next_attempt IS NOT NULL)", name="blocked_until_or_parked"
        ),
        CheckConstraint("skip_reason IS NULL OR (attempts > 0 AND skip_reason <> '')", name="skip_reason"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    source_id: Mapped[UUID] = mapped_column(ForeignKey("source.id"))
    xid: Mapped[int] = mapped_column(BigInteger)
    last_seq: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(Text)
    key: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0, server_default=text("0"))
    next_attempt: Mapped[datetime | None]
    parked: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)
    skip_reason: Mapped[str | None] = mapped_column(Text)
