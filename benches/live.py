"""S6: from a commit to the frame on a WebSocket, with few and with many readers."""

import json
import time
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker

from app.crud.deployments import update_deployment, upsert_deployment
from app.schemas.deployments import DeploymentCreate, DeploymentUpdate
from benches.bodies import deployment, open_registry
from benches.line import Line, at_most, line
from benches.rig import OURS, Rig
from benches.spread import percentile
from tests.acceptance.stack import Role
from tests.waiting import wait_until

READERS: Final = {1: 30.0, 100: 60.0, 1000: 250.0}
"""How many, and the milliseconds that half of their frames may take."""
CONNECT_SECONDS: Final = 120
WARM_UP_CHANGES: Final = 40


def measure_live(rig: Rig) -> list[Line]:
    """Measure the lag of every frame of every reader, and return its percentiles for each number of readers."""
    rig.staff(1)
    lines = []
    with rig.awake(OURS):
        # A process of its own: the log may have been emptied under the other one.
        api = rig.stack.start_api()
        port = int(api.url.rpartition(":")[2])
        flow = open_registry(port, "live").flow_id
        for count, most in READERS.items():
            rig.say(f"{rig.plan.live_changes} changes, {count} readers")
            lags = _lags(rig, port, flow, count)
            readers = f"{count:,} reader{'s' if count > 1 else ''}"
            lines.append(line(f"commit to frame, {readers}, p50", "ms", [percentile(lags, 50)], at_most(most)))
            lines.append(line(f"commit to frame, {readers}, p99", "ms", [percentile(lags, 99)]))
        api.role.kill()
        rig.stack.roles.remove(api.role)
    return lines


def _lags(rig: Rig, port: int, flow: str, count: int) -> list[float]:
    """Return the milliseconds of each frame that the readers got of the changes after the warm-up."""
    sessions = rig.stack.sessions
    with sessions() as session:
        body = DeploymentCreate.model_validate(deployment(flow, f"live-{count}"))
        id_, _ = upsert_deployment(session, body)
        session.commit()
    last = 1 + WARM_UP_CHANGES + rig.plan.live_changes
    resource = f"prefect.deployment.{id_}"
    role = rig.start(f"readers-{count}", "benches.readers", str(port), str(count), resource, str(last))
    _wait_for(role, "connected")
    commits: dict[int, float] = {}
    for revision in range(2, last + 1):
        if revision == 2 + WARM_UP_CHANGES:
            # Each reader has its filter in place, or it would not have got one of the changes before.
            _wait_for(role, "begun")
        _change(sessions, id_, revision)
        commits[revision] = time.monotonic()
        time.sleep(rig.plan.live_pause)
    _wait_for(role, "finished")
    wait_until(lambda: not role.is_running(), "the readers to end")
    got = json.loads(role.said().splitlines()[-1])
    return [(at - commits[revision]) * 1000 for revision, at in got if revision >= 2 + WARM_UP_CHANGES]


def _change(sessions: sessionmaker[Session], id_: UUID, revision: int) -> None:
    with sessions() as session:
        update_deployment(session, id_, DeploymentUpdate(description=f"change {revision}"))
        session.commit()


def _wait_for(role: Role, word: str) -> None:
    def said() -> bool:
        assert role.is_running() or word in role.said(), role.said()
        return word in role.said()

    wait_until(said, f"the readers to be {word}", CONNECT_SECONDS)
