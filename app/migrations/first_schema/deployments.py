"""The deployments."""

import sqlalchemy as sa
from alembic import op

from app.migrations.first_schema.columns import Column, flag, json_column, moment, tracked


def create_deployments() -> None:
    """Create `deployment`. It has foreign keys to the other resources, so it must be created last."""
    op.create_table(
        "deployment",
        *_columns(),
        *tracked(),
        *_checks(),
        *_references(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployment")),
        sa.UniqueConstraint("flow_id", "name", name=op.f("uq_deployment_flow_id_name")),
    )
    op.create_index(op.f("ix_deployment_concurrency_limit_id"), "deployment", ["concurrency_limit_id"])
    op.create_index(op.f("ix_deployment_work_queue_id"), "deployment", ["work_queue_id"])
    not_ready = sa.text("status = 'NOT_READY'")
    op.create_index("ix_deployment_not_ready", "deployment", ["work_queue_id"], postgresql_where=not_ready)


def _columns() -> list[Column]:
    return [
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("flow_id", sa.Uuid(), nullable=False),
        sa.Column("work_queue_id", sa.Uuid(), nullable=True),
        sa.Column("concurrency_limit_id", sa.Uuid(), nullable=True),
        sa.Column("concurrency_limit", sa.Integer(), nullable=True),
        json_column("concurrency_options", nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("entrypoint", sa.Text(), nullable=True),
        flag("paused", default=False),
        json_column("tags", default="[]"),
        json_column("labels", default="{}"),
        json_column("parameters", default="{}"),
        json_column("parameter_openapi_schema", nullable=True),
        flag("enforce_parameter_schema", default=True),
        json_column("pull_steps", nullable=True),
        json_column("infra_overrides", default="{}"),
        json_column("schedules", default="[]"),
        sa.Column("status", sa.Text(), server_default=sa.text("'NOT_READY'"), nullable=False),
        moment("last_polled", nullable=True),
        sa.Column("storage_document_id", sa.Uuid(), nullable=True),
        sa.Column("infrastructure_document_id", sa.Uuid(), nullable=True),
    ]


def _checks() -> list[sa.CheckConstraint]:
    own_limit_has_its_row = "concurrency_limit IS NULL OR concurrency_limit_id IS NOT NULL"
    return [
        sa.CheckConstraint("jsonb_typeof(schedules) = 'array'", name=op.f("ck_deployment_schedules")),
        sa.CheckConstraint("jsonb_typeof(tags) = 'array'", name=op.f("ck_deployment_tags")),
        sa.CheckConstraint("name ~ '^[^/%&><]*$'", name=op.f("ck_deployment_name")),
        sa.CheckConstraint("concurrency_limit > 0", name=op.f("ck_deployment_concurrency_limit")),
        sa.CheckConstraint(own_limit_has_its_row, name=op.f("ck_deployment_own_limit_has_its_row")),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_deployment_revision")),
        sa.CheckConstraint("status IN ('READY', 'NOT_READY')", name=op.f("ck_deployment_status")),
    ]


def _references() -> list[sa.ForeignKeyConstraint]:
    return [
        # Deferred: a deployment's own limit is inserted after the deployment, because its name contains that id.
        sa.ForeignKeyConstraint(
            ["concurrency_limit_id"],
            ["concurrency_limit.id"],
            name=op.f("fk_deployment_concurrency_limit_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(["flow_id"], ["flow.id"], name=op.f("fk_deployment_flow_id")),
        sa.ForeignKeyConstraint(["work_queue_id"], ["work_queue.id"], name=op.f("fk_deployment_work_queue_id")),
    ]
