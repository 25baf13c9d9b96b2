"""Makes changes at a steady rate through the CRUD functions, and says when each was committed.

`python -m benches.writer RATE SECONDS FLOW_ID` prints one JSON list of `[resource id, revision, committed]` at the end;
the times are of the clock that all processes of a machine share.
"""

import itertools
import json
import sys
import time
from typing import Final
from uuid import UUID

from app.crud.deployments.writing import update_deployment, upsert_deployment
from app.outbox import record as outbox
from app.postgres.engine import make_engine, make_sessions
from app.schemas.deployments import DeploymentCreate, DeploymentUpdate
from app.settings import get_settings
from benches.bodies import deployment

DEPLOYMENTS: Final = 200

Commit = tuple[str, int, float]


def write(rate: float, seconds: float, flow_id: str) -> list[Commit]:
    """Change so many deployments a second, one after the other, and return the commits in their order."""
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
        at = start + number / rate
        if at >= start + seconds or time.monotonic() >= start + seconds:
            break
        time.sleep(max(at - time.monotonic(), 0))
        turn, place = divmod(number, len(ids))
        with sessions() as session:
            update_deployment(session, ids[place], DeploymentUpdate(description=f"turn {turn}"))
            session.commit()
        commits.append((str(ids[place]), turn + 2, time.monotonic()))
    outbox.close()
    engine.dispose()
    return commits


if __name__ == "__main__":
    print(json.dumps(write(float(sys.argv[1]), float(sys.argv[2]), sys.argv[3])))
