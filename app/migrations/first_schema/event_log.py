"""The event log: its events and its head row."""

import sqlalchemy as sa
from alembic import op

from app.migrations.first_schema.columns import json_column, moment, moment_of_writing

NAMES_A_RESOURCE = "revision IS NOT NULL AND (revision = 1 OR payload -> 'updates' ? 'name' OR payload ? 'skipped')"
"""Events that set a resource's name, or may set it."""


def create_events() -> None:
    """Create `event`, the table of the events."""
    op.create_table(
        "event",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        moment("occurred"),
        moment_of_writing("received"),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("resource_id", sa.Text(), nullable=False),
        json_column("resource"),
        json_column("related"),
        json_column("payload"),
        sa.Column("follows", sa.Uuid(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=True),
        sa.CheckConstraint("position >= 1", name=op.f("ck_event_position")),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_event_revision")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_event")),
        sa.UniqueConstraint("id", name=op.f("uq_event_id")),
    )


def index_events() -> None:
    """Create the indexes of `event`. One of them allows only one event for each revision of a resource."""
    op.create_index("ix_event_occurred_position", "event", ["occurred", "position"])
    op.create_index("ix_event_resource_occurred", "event", ["resource_id", "occurred", "position"])
    op.create_index(
        "ix_event_name_occurred",
        "event",
        ["event", "occurred", "position"],
        postgresql_ops={"event": "text_pattern_ops"},
    )
    op.create_index(
        "ix_event_related", "event", ["related"], postgresql_using="gin", postgresql_ops={"related": "jsonb_path_ops"}
    )
    op.create_index(
        "ix_event_resource_name",
        "event",
        [sa.literal_column("(resource ->> 'prefect.resource.name')")],
        postgresql_where=sa.text(NAMES_A_RESOURCE),
    )
    op.create_index(
        "uq_event_resource_revision",
        "event",
        ["resource_id", "revision"],
        unique=True,
        postgresql_where=sa.text("revision IS NOT NULL"),
    )


def create_head() -> None:
    """Create `event_log` with its single row: the log's last position and the number of rescued events."""
    head = op.create_table(
        "event_log",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("rescued", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_event_log_single_row")),
        sa.CheckConstraint("position >= 0", name=op.f("ck_event_log_position")),
        sa.CheckConstraint("rescued >= 0", name=op.f("ck_event_log_rescued")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_log")),
    )
    op.bulk_insert(head, [{"id": 1, "position": 0, "rescued": 0}])
