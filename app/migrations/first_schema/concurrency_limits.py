"""The concurrency limits."""

import sqlalchemy as sa
from alembic import op

from app.migrations.first_schema.columns import counter, flag, tracked


def create_concurrency_limits() -> None:
    """Create `concurrency_limit`, for shared limits and for limits of a single deployment."""
    op.create_table(
        "concurrency_limit",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("limit", sa.Integer(), nullable=False),
        flag("active", default=True),
        counter("active_slots", default=0),
        counter("denied_slots", default=0),
        sa.Column("slot_decay_per_second", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("avg_slot_occupancy_seconds", sa.Double(), server_default=sa.text("2.0"), nullable=False),
        *tracked(),
        sa.CheckConstraint("name ~ '^[^/%&><]+$'", name=op.f("ck_concurrency_limit_name")),
        sa.CheckConstraint('"limit" >= 0', name=op.f("ck_concurrency_limit_limit")),
        sa.CheckConstraint("active_slots >= 0", name=op.f("ck_concurrency_limit_active_slots")),
        sa.CheckConstraint("slot_decay_per_second >= 0", name=op.f("ck_concurrency_limit_slot_decay_per_second")),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_concurrency_limit_revision")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_concurrency_limit")),
        sa.UniqueConstraint("name", name=op.f("uq_concurrency_limit_name")),
    )
