"""The list of planted bugs: the bug, the finding that the driver must report, and the run that exposes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from tests.chaos.planted import (
    append_bugs,
    attribution_bugs,
    capture_bugs,
    cascade_bugs,
    claim_bugs,
    record_bugs,
    source_bugs,
)
from tests.chaos.report import Category

Side = Literal["api", "worker"]
"""Which processes make the mistake: the API's, or those of Celery (workers and beat)."""


@dataclass(frozen=True)
class PlantedBug:
    """One bug. The driver must report `category` and may report others; for None (a control) it must report nothing."""

    category: Category | None
    side: Side
    apply: Callable[[], None]
    disruptions: tuple[str, ...] = ()
    sweep: bool = True
    """A sweep mends what some mistakes break; those are planted without one."""
    aftermath: float = 0
    """For how many seconds the disruptions go on without load."""
    linger_ms: float = 3.0
    """For how long the APIs gather doorbells into one message."""
    pause: tuple[float, float] = (0.1, 0.4)
    """Between two disruptions, in seconds: a run of a few seconds is to have dozens of them."""
    ends_without_broker: bool = False
    """Whether the last changes are committed while there is no broker, so that nothing but the sweep finds them."""
    source: bool = False
    """Whether it is about a source, so that the run has one."""
    seconds: float = 6
    """The length of the load in which it is seen reliably."""

    @property
    def name(self) -> str:
        """Return the function's name with hyphens instead of underscores."""
        return self.apply.__name__.replace("_", "-")


CHILDREN: Final = ("kill-child",)
SLOWER: Final = (0.8, 1.6)
"""What takes seconds to start again is not killed all the time: nothing would be left to make the mistake."""

# Under load, doorbells of later changes also find the snapshots left in their lanes. So the kills go on after the load,
# while workers hold few, large messages. The pauses are long enough that no message is given up: that takes four
# deaths, and only the first delivery is held for long.
UNACKED: Final[dict[str, Any]] = {
    "disruptions": CHILDREN,
    "sweep": False,
    "aftermath": 6,
    "linger_ms": 2000,
    "pause": (0.5, 0.9),
}

_BUGS: Final = (
    PlantedBug(None, "worker", claim_bugs.slow_but_correct, **UNACKED),
    PlantedBug("lost", "worker", claim_bugs.task_acked_before_its_commit, **UNACKED),
    PlantedBug("lost", "api", record_bugs.doorbell_before_the_commit, sweep=False),
    PlantedBug("duplicated", "worker", claim_bugs.claim_without_the_lane_lock),
    PlantedBug("disordered", "worker", claim_bugs.claim_with_skip_locked),
    PlantedBug("disordered", "worker", claim_bugs.claim_without_revision_order),
    PlantedBug(
        "lost", "worker", claim_bugs.snapshot_deleted_without_its_append, ("kill-child", "kill-worker"), pause=SLOWER
    ),
    PlantedBug("disordered", "worker", append_bugs.position_from_a_plain_sequence),
    PlantedBug("phantom", "api", capture_bugs.created_or_updated_decided_by_clock),
    PlantedBug("disordered", "api", capture_bugs.old_values_read_without_the_row_lock),
    PlantedBug("lost", "worker", claim_bugs.no_sweep, sweep=False, ends_without_broker=True),
    PlantedBug("disordered", "worker", append_bugs.event_id_created_in_the_worker),
    PlantedBug("phantom", "api", record_bugs.event_published_for_a_rolled_back_change, ("cut-database",)),
    PlantedBug("lost", "api", record_bugs.outbox_row_written_after_the_commit, ("kill-api",), pause=SLOWER, seconds=8),
    PlantedBug("phantom", "api", capture_bugs.unchanged_write_counts_as_a_change),
    PlantedBug("lost", "api", capture_bugs.flow_deletion_that_cascades),
    PlantedBug("disordered", "api", capture_bugs.lane_chosen_by_the_change),
    PlantedBug("lost", "api", cascade_bugs.status_of_a_poll_without_an_event),
    PlantedBug("misattributed", "api", attribution_bugs.actor_from_a_shared_variable),
    PlantedBug("disordered", "api", cascade_bugs.deletion_that_occurs_after_its_effects),
    PlantedBug(
        "lost",
        "worker",
        source_bugs.cursor_moved_before_the_append,
        CHILDREN,
        source=True,
        seconds=12,
    ),
    PlantedBug("lost", "worker", source_bugs.cursor_that_ignores_open_transactions, source=True, seconds=8),
    PlantedBug("lost", "worker", source_bugs.fold_by_time, source=True, seconds=8),
    PlantedBug("disordered", "worker", source_bugs.transactions_ordered_by_their_first_change, source=True, seconds=12),
)

BUGS: Final = {bug.name: bug for bug in _BUGS}
