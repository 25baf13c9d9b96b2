"""Deploys the flow `etl` with `flow.deploy()`: deploy.py NAME POOL HOW."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.schedules import Cron, Interval

HOW = {
    "plain": {"version": "1", "tags": ["a"]},
    "changed": {"version": "2", "tags": ["a", "b"], "description": "changed", "parameters": {"n": 7}},
    "scheduled": {
        "version": "1",
        "tags": ["a"],
        "schedules": [
            Cron("0 3 * * *", timezone="Europe/Rome", slug="at-three"),
            # Without an anchor, the client would send the present time, so each deploy would be a change.
            Interval(
                timedelta(hours=1), anchor_date=datetime(2026, 1, 1, tzinfo=UTC), slug="hourly", parameters={"n": 2}
            ),
        ],
    },
    "limited": {"version": "1", "tags": ["a"], "concurrency_limit": 4},
    "limited with a strategy": {
        "version": "1",
        "tags": ["a"],
        "concurrency_limit": ConcurrencyLimitConfig(limit=4, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
    },
    "with variables": {
        "version": "1",
        "tags": ["a"],
        "work_queue_name": "fast",
        "job_variables": {"env": {"API_KEY": "s3cr3t"}},
    },
}

name, pool, how = sys.argv[1:]
etl = flow.from_source(source=str(Path.cwd()), entrypoint="flows.py:etl")
print(etl.deploy(name=name, work_pool_name=pool, ignore_warnings=True, **HOW[how]))
