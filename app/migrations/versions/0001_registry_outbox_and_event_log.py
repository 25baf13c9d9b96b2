"""Create the registry, the outbox, the event log and the sources: the SQL is in the files beside this one."""

from collections.abc import Sequence
from pathlib import Path

from alembic import op

revision: str = "0001"
down_revision: str | Sequence[str] | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    for name in ("0001_registry.sql", "0001_outbox_and_event_log.sql", "0001_sources.sql"):
        sql = Path(__file__).with_name(name).read_text()
        # Without parameters, so that psycopg takes no `%` for a placeholder and sends all statements at once.
        op.get_bind().exec_driver_sql(sql, execution_options={"no_parameters": True})


def downgrade() -> None:
    op.execute(
        "DROP TABLE deployment, pool_worker, work_queue, work_pool, tombstone, snapshot, flow, event_log, event, "
        "concurrency_limit, api_key, masking_key, source_resource, source_verification, held_change, source"
    )
