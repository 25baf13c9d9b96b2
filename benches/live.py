"""S6: the time from a commit until WebSocket readers receive its frame, with 1, 100 and 1,000 readers."""

import itertools
import json
import time
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker

from app.crud.deployments.upsert import upsert_deployment
from app.crud.deployments.writing import update_deployment
from app.schemas.deployments import DeploymentCreate, DeploymentUpdate
from benches.bodies import deployment, open_registry
from benches.line import Line, at_most, line
from benches.readers import END
from benches.rig import OURS, Rig
from benches.spread import percentile
from tests.acceptance.stack import Role
from tests.waiting import wait_until

READERS: Final = {1: (30.0, 0.2), 100: (60.0, 0.2), 1000: (250.0, 1.0)}
"""By number of readers: the target for the median in milliseconds, and the pause between changes in seconds."""
CONNECT_SECONDS: Final = 120
WARM_UP_CHANGES: Final = 200
"""The maximum; the warm-up ends as soon as each reader has received a change."""


def measure_live(rig: Rig) -> list[Line]:
    """Measure the lag of every frame of every reader; return its percentiles for each number of readers."""
    rig.run_workers(1)
    lines = []
    with rig.other_side_paused(OURS):
        # Start another API process: an earlier benchmark may have emptied the log under the running one.
        api = rig.stack.start_api()
        port = int(api.url.rpartition(":")[2])
        flow = open_registry(port, "live").flow_id
        for count, (target, pause) in READERS.items():
            rig.say(f"{rig.plan.live_changes} changes, {count} readers")
            lags = _lags(rig, port, flow, count, pause)
            readers = f"{count:,} reader{'s' if count > 1 else ''}"
            lines.append(line(f"commit to frame, {readers}, p50", "ms", [percentile(lags, 50)], at_most(target)))
            lines.append(line(f"commit to frame, {readers}, p99", "ms", [percentile(lags, 99)]))
        api.role.kill()
        rig.stack.roles.remove(api.role)
    return lines


def _lags(rig: Rig, port: int, flow: str, count: int, pause: float) -> list[float]:
    """Return the lag in milliseconds of each frame that the readers received after the warm-up."""
    sessions = rig.stack.sessions
    with sessions() as session:
        body = DeploymentCreate.model_validate(deployment(flow, f"live-{count}"))
        id_ = upsert_deployment(session, body).id
        session.commit()
    role = rig.start(f"readers-{count}", "benches.readers", str(port), str(count), f"prefect.deployment.{id_}")
    _wait_for(role, "connected")
    revisions = itertools.count(2)
    # A reader receives changes only once the server has applied its filter.
    for revision in itertools.islice(revisions, WARM_UP_CHANGES):
        _change(sessions, id_, f"warm-up {revision}")
        time.sleep(pause)
        if "begun" in role.read_log():
            break
    _wait_for(role, "begun")
    commits: dict[int, float] = {}
    for revision in itertools.islice(revisions, rig.plan.live_changes):
        _change(sessions, id_, f"change {revision}")
        commits[revision] = time.monotonic()
        time.sleep(pause)
    _change(sessions, id_, END)
    _wait_for(role, "finished")
    wait_until(lambda: not role.is_running(), "the readers to end")
    received = json.loads(role.read_log().splitlines()[-1])
    return [(at - commits[revision]) * 1000 for revision, at in received if revision in commits]


def _change(sessions: sessionmaker[Session], id_: UUID, description: str) -> None:
    with sessions() as session:
        update_deployment(session, id_, DeploymentUpdate(description=description))
        session.commit()


def _wait_for(role: Role, word: str) -> None:
    def is_logged() -> bool:
        assert role.is_running() or word in role.read_log(), role.read_log()
        return word in role.read_log()

    wait_until(is_logged, f"the readers to be {word}", CONNECT_SECONDS)
