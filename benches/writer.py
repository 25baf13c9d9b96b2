"""Makes changes at a steady rate through the CRUD functions, and prints when each was committed.

`python -m benches.writer RATE SECONDS FLOW_ID` prints one JSON list of `[resource id, revision, committed]` at the end.
The times are of the monotonic clock, which all processes of a machine share.
"""

import itertools
import json
import sys
import time
from typing import Final
from uuid import UUID

from app.broker import doorbells as broker
from app.crud.deployments.upsert import upsert_deployment
from app.crud.deployments.writing import update_deployment
from app.postgres.engine import make_engine, make_sessions
from app.schemas.deployments import DeploymentCreate, DeploymentUpdate
from app.settings import get_settings
from benches.bodies import deployment

DEPLOYMENTS: Final = 200

Commit = tuple[str, int, float]


def write(rate: float, seconds: float, flow_id: str) -> list[Commit]:
    """Make `rate` changes per second for `seconds` seconds, one by one, and return the commits in order."""
    engine = make_engine(get_settings(), application_name="aftercommit-bench", pool_size=1)
    sessions = make_sessions(engine)
    ids: list[UUID] = []
    for number in range(DEPLOYMENTS):
        with sessions() as session:
            body = DeploymentCreate.model_validate(deployment(flow_id, f"lag-{number}"))
            ids.append(upsert_deployment(session, body).id)
            session.commit()
    commits: list[Commit] = []
    start = time.monotonic()
    for number in itertools.count():
        due = start + number / rate
        if due >= start + seconds or time.monotonic() >= start + seconds:
            break
        time.sleep(max(due - time.monotonic(), 0))
        turn, place = divmod(number, len(ids))
        with sessions() as session:
            update_deployment(session, ids[place], DeploymentUpdate(description=f"turn {turn}"))
            session.commit()
        commits.append((str(ids[place]), turn + 2, time.monotonic()))
    broker.close()
    engine.dispose()
    return commits


if __name__ == "__main__":
    print(json.dumps(write(float(sys.argv[1]), float(sys.argv[2]), sys.argv[3])))
