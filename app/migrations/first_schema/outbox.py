"""The outbox: the snapshots that wait for their events, and the tombstones of deleted resources."""

import sqlalchemy as sa
from alembic import op

from app.migrations.first_schema.columns import Column, json_column, moment, moment_of_writing

SIZE = "coalesce(octet_length(before::text), 0) + coalesce(octet_length(after::text), 0)"


def create_snapshots() -> None:
    """Create `snapshot`: the committed changes and the state of their dispatch."""
    op.create_table(
        "snapshot",
        *_the_change(),
        *_the_dispatch(),
        *_checks_of_the_change(),
        *_checks_of_the_dispatch(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshot")),
        sa.UniqueConstraint("resource_id", "revision", name=op.f("uq_snapshot_resource_id_revision")),
    )
    op.create_index("ix_snapshot_lane_sequence", "snapshot", ["lane", "sequence"])
    in_a_lane = ["lane", "resource_id"]
    op.create_index("ix_snapshot_blocked", "snapshot", in_a_lane, postgresql_where=sa.text("attempts > 0"))
    op.create_index("ix_snapshot_newer", "snapshot", in_a_lane, postgresql_where=sa.text("schema_version > 2"))


def create_tombstones() -> None:
    """Create `tombstone`: the last name and revision of deleted resources."""
    op.create_table(
        "tombstone",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        json_column("attributes", default="{}"),
        sa.Column("revision", sa.Integer(), nullable=False),
        moment_of_writing("deleted"),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_tombstone_revision")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tombstone")),
    )


def _the_change() -> list[Column]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        moment("occurred"),
        sa.Column("name", sa.Text(), nullable=False),
        json_column("before", nullable=True),
        json_column("after", nullable=True),
        sa.Column("size", sa.Integer(), sa.Computed(SIZE, persisted=True), nullable=False),
        json_column("references"),
        json_column("labels", default="{}"),
        sa.Column("follows", sa.Uuid(), nullable=True),
        sa.Column("correlation_id", sa.Text(), nullable=True),
        sa.Column("schema_version", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        moment_of_writing("captured"),
    ]


def _the_dispatch() -> list[Column]:
    return [
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("deaths", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        moment("next_attempt", nullable=True),
        moment("parked", nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("skip_reason", sa.Text(), nullable=True),
    ]


def _checks_of_the_change() -> list[sa.CheckConstraint]:
    operations = "'created', 'updated', 'deleted', 'ready', 'not-ready', 'paused'"
    state_fits = "size <= 4194304 OR octet_length(after::text) <= 4194304"
    return [
        sa.CheckConstraint("(operation = 'created') = (before IS NULL)", name=op.f("ck_snapshot_before")),
        sa.CheckConstraint("(operation = 'deleted') = (after IS NULL)", name=op.f("ck_snapshot_after")),
        sa.CheckConstraint(f"operation IN ({operations})", name=op.f("ck_snapshot_operation")),
        sa.CheckConstraint("(revision = 1) = (follows IS NULL)", name=op.f("ck_snapshot_follows")),
        sa.CheckConstraint("jsonb_typeof(\"references\") = 'object'", name=op.f("ck_snapshot_references")),
        sa.CheckConstraint("jsonb_typeof(labels) = 'object'", name=op.f("ck_snapshot_labels")),
        sa.CheckConstraint("lane >= 0 AND lane < 64", name=op.f("ck_snapshot_lane")),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_snapshot_revision")),
        sa.CheckConstraint("schema_version >= 1", name=op.f("ck_snapshot_schema_version")),
        sa.CheckConstraint("size <= 8388608", name=op.f("ck_snapshot_size")),
        sa.CheckConstraint(state_fits, name=op.f("ck_snapshot_state_size")),
    ]


def _checks_of_the_dispatch() -> list[sa.CheckConstraint]:
    until_or_parked = "attempts = 0 OR (parked IS NULL) = (next_attempt IS NOT NULL)"
    skip_has_its_reason = "skip_reason IS NULL OR (attempts > 0 AND skip_reason <> '')"
    return [
        sa.CheckConstraint("(attempts = 0) = (error IS NULL)", name=op.f("ck_snapshot_error")),
        sa.CheckConstraint(until_or_parked, name=op.f("ck_snapshot_blocked_until_or_parked")),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_snapshot_attempts")),
        sa.CheckConstraint("deaths >= 0", name=op.f("ck_snapshot_deaths")),
        sa.CheckConstraint("parked IS NULL OR attempts > 0", name=op.f("ck_snapshot_parked")),
        sa.CheckConstraint(skip_has_its_reason, name=op.f("ck_snapshot_skip_reason")),
    ]
