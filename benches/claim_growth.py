"""S8: claim a batch while more and more snapshots are pending in its lane."""

from time import perf_counter
from typing import Final

from benches.bodies import open_registry
from benches.line import Line, at_most, compared, line
from benches.rig import OURS, Rig
from benches.synthetic import capture_template, connect, insert_backlog
from tests.acceptance.stack import Stack
from workers.claim import claim, lock_lanes

LANE: Final = 0
BATCH: Final = 500
TIMES_SMALLEST: Final = 1.5
CLAIMS: Final = 30
WARM_UP_CLAIMS: Final = 5


def measure_claim_growth(rig: Rig) -> list[Line]:
    """Measure claims of 500 snapshots, each rolled back, for each number of pending snapshots in one lane."""
    port = rig.api_port
    rig.run_workers(0)
    rig.reset_database()
    template = capture_template(rig.stack.sessions, open_registry(port, "bench").flow_id)
    times = {}
    with rig.other_side_paused(OURS), connect(rig.stack) as connection:
        for count in rig.plan.pending:
            rig.say(f"claiming with {count:,} pending")
            connection.execute("TRUNCATE snapshot")
            insert_backlog(connection, template, count, one_lane=True)
            times[count] = _claims(rig.stack)
        connection.execute("TRUNCATE snapshot")
    (smallest, base), *others = times.items()
    lines = [line(f"claim of {BATCH}, {smallest:,} pending", "ms", base)]
    for count, values in others:
        baseline = {f"{smallest:,} pending": base}
        lines.append(compared(f"claim of {BATCH}, {count:,} pending", "ms", values, baseline, at_most(TIMES_SMALLEST)))
    return lines


def _claims(stack: Stack) -> list[float]:
    """Return the milliseconds of each claim."""
    milliseconds = []
    for _ in range(WARM_UP_CLAIMS + CLAIMS):
        with stack.sessions() as session:
            start = perf_counter()
            lanes, _ = lock_lanes(session, [LANE])
            snapshots = claim(session, lanes, BATCH)
            milliseconds.append((perf_counter() - start) * 1000)
            assert len(snapshots) == BATCH, "the lane holds a whole batch"
            session.rollback()
    return milliseconds[WARM_UP_CLAIMS:]
