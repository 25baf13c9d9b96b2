"""registry, outbox and event log"""

from collections.abc import Sequence

from alembic import op

from app.migrations.first_schema.access import create_keys
from app.migrations.first_schema.concurrency_limits import create_concurrency_limits
from app.migrations.first_schema.deployments import create_deployments
from app.migrations.first_schema.event_log import create_events, create_head, index_events
from app.migrations.first_schema.flows import create_flows
from app.migrations.first_schema.outbox import create_snapshots, create_tombstones
from app.migrations.first_schema.work_pools import create_pool_workers, create_work_pools, create_work_queues

revision: str = '0001'
down_revision: str | Sequence[str] | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    create_keys()
    create_concurrency_limits()
    create_events()
    index_events()
    create_head()
    create_flows()
    create_snapshots()
    create_tombstones()
    create_work_pools()
    create_work_queues()
    create_pool_workers()
    create_deployments()


def downgrade() -> None:
    for table in (
        'deployment', 'pool_worker', 'work_queue', 'work_pool', 'tombstone', 'snapshot', 'flow', 'event_log',
        'event', 'concurrency_limit', 'api_key',
    ):
        op.drop_table(table)
