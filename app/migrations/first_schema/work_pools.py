"""The work pools, their work queues and their workers."""

import sqlalchemy as sa
from alembic import op

from app.migrations.first_schema.columns import counter, flag, identity, json_column, moment, tracked

NOT_READY = sa.text("'NOT_READY'")
STATUSES = "status IN ('READY', 'NOT_READY', 'PAUSED')"
PAUSED_MEANS_PAUSED = "is_paused = (status = 'PAUSED')"


def create_work_pools() -> None:
    """Create `work_pool`."""
    op.create_table(
        "work_pool",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        json_column("base_job_template", default="{}"),
        flag("is_paused", default=False),
        sa.Column("status", sa.Text(), server_default=NOT_READY, nullable=True),
        sa.Column("concurrency_limit", sa.Integer(), nullable=True),
        json_column("storage_configuration", default="{}"),
        *tracked(),
        sa.CheckConstraint("name ~ '^[^/%&><]+$'", name=op.f("ck_work_pool_name")),
        sa.CheckConstraint("type ~ '^[^/%&><?]+$'", name=op.f("ck_work_pool_type")),
        sa.CheckConstraint("concurrency_limit >= 0", name=op.f("ck_work_pool_concurrency_limit")),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_work_pool_revision")),
        sa.CheckConstraint(STATUSES, name=op.f("ck_work_pool_status")),
        sa.CheckConstraint(PAUSED_MEANS_PAUSED, name=op.f("ck_work_pool_is_paused")),
        sa.CheckConstraint(
            "(type = 'prefect-agent') = (status IS NULL)", name=op.f("ck_work_pool_agents_have_no_status")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_pool")),
        sa.UniqueConstraint("name", name=op.f("uq_work_pool_name")),
    )


def create_work_queues() -> None:
    """Create `work_queue`. A pool has at most one default queue."""
    op.create_table(
        "work_queue",
        sa.Column("work_pool_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        flag("is_default", default=False),
        flag("is_paused", default=False),
        sa.Column("status", sa.Text(), server_default=NOT_READY, nullable=False),
        sa.Column("concurrency_limit", sa.Integer(), nullable=True),
        counter("priority", default=1),
        json_column("filter", nullable=True),
        moment("last_polled", nullable=True),
        *tracked(),
        sa.CheckConstraint("name ~ '^[^/%&><]+$'", name=op.f("ck_work_queue_name")),
        sa.CheckConstraint("concurrency_limit >= 0", name=op.f("ck_work_queue_concurrency_limit")),
        sa.CheckConstraint("priority >= 1", name=op.f("ck_work_queue_priority")),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_work_queue_revision")),
        sa.CheckConstraint(STATUSES, name=op.f("ck_work_queue_status")),
        sa.CheckConstraint(PAUSED_MEANS_PAUSED, name=op.f("ck_work_queue_is_paused")),
        sa.ForeignKeyConstraint(["work_pool_id"], ["work_pool.id"], name=op.f("fk_work_queue_work_pool_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_queue")),
        sa.UniqueConstraint("work_pool_id", "name", name=op.f("uq_work_queue_work_pool_id_name")),
    )
    default = sa.text("is_default")
    op.create_index("uq_work_queue_default", "work_queue", ["work_pool_id"], unique=True, postgresql_where=default)


def create_pool_workers() -> None:
    """Create `pool_worker`: the workers that sent heartbeats for a pool, and until when they are online."""
    op.create_table(
        "pool_worker",
        sa.Column("work_pool_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("heartbeat_interval_seconds", sa.Integer(), nullable=True),
        moment("online_until"),
        *identity(),
        sa.ForeignKeyConstraint(["work_pool_id"], ["work_pool.id"], name=op.f("fk_pool_worker_work_pool_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pool_worker")),
        sa.UniqueConstraint("work_pool_id", "name", name=op.f("uq_pool_worker_work_pool_id_name")),
    )
