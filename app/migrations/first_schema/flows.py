"""The flows."""

import sqlalchemy as sa
from alembic import op

from app.migrations.first_schema.columns import json_column, tracked


def create_flows() -> None:
    """Create `flow`."""
    op.create_table(
        "flow",
        sa.Column("name", sa.Text(), nullable=False),
        json_column("tags", default="[]"),
        json_column("labels", default="{}"),
        *tracked(),
        sa.CheckConstraint("name ~ '^[^/%&><]+$'", name=op.f("ck_flow_name")),
        sa.CheckConstraint("jsonb_typeof(tags) = 'array'", name=op.f("ck_flow_tags")),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_flow_revision")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flow")),
        sa.UniqueConstraint("name", name=op.f("uq_flow_name")),
    )
