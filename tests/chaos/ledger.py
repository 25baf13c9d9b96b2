"""Records the requests to the API and their outcomes, outside the database under test."""

import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Verb = Literal[
    "upsert",
    "patch",
    "add-schedule",
    "change-schedule",
    "remove-schedule",
    "pause",
    "resume",
    "delete",
    "bulk-delete",
    "delete-flow",
    "delete-limit",
    "delete-pool",
    "delete-queue",
    "create-flow",
    "create-pool",
    "create-queue",
    "create-limit",
    "tag-flow",
    "update-pool",
    "update-queue",
    "update-limit",
    "heartbeat",
    "poll",
]
Outcome = Literal["acknowledged", "refused", "unknown"]

CREATING: Final[frozenset[Verb]] = frozenset({"upsert", "create-flow", "create-pool", "create-queue", "create-limit"})
CARRYING: Final[frozenset[Verb]] = CREATING | frozenset(
    {"patch", "add-schedule", "change-schedule", "tag-flow", "update-pool", "update-queue", "update-limit"}
)
"""These put their token into a field, so their events name them."""
DELETING: Final[frozenset[Verb]] = frozenset(
    {"delete", "bulk-delete", "delete-flow", "delete-limit", "delete-pool", "delete-queue"}
)


@dataclass
class Operation:
    """One operation, with all tries of it. Only the thread that sends it writes to it."""

    token: str
    verb: Verb
    targets: tuple[str, ...] = ()
    """The ids that it names: of what it changes, of a schedule, or of that in which it creates something."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Columns and the values that they must have right after it."""
    fields: frozenset[str] = frozenset()
    """All columns that it may change."""
    queue: str = ""
    """The name of the queue that it puts a deployment on, which is made if need be."""
    must: bool = True
    """Whether its success means that something was changed: not so when what it found is not known."""
    tries: int = 0
    effects: int = 0
    """Tries that were acknowledged or may have happened all the same: the most events that it can have."""
    acks: int = 0
    sent: float = math.inf
    acknowledged: float | None = None
    """When the first success was answered, by the same clock as `sent`."""
    answers: list[str] = field(default_factory=list)
    """The ids that successful answers named."""

    @property
    def outcome(self) -> Outcome:
        """The outcome as far as its client knows it."""
        if self.acknowledged is not None:
            return "acknowledged"
        return "unknown" if self.effects else "refused"

    @property
    def doubtful(self) -> bool:
        """Whether a try's outcome is unknown: it may even take effect after the next operation."""
        return self.effects > self.acks

    def begin_try(self) -> None:
        """Record that a try is about to be sent."""
        self.tries += 1
        self.sent = min(self.sent, time.monotonic())

    def may_have_happened(self) -> None:
        """Record a try with an unknown outcome."""
        self.effects += 1

    def succeed(self, answers: Sequence[str] = ()) -> None:
        """Record an acknowledged try, and the ids in its response."""
        self.effects += 1
        self.acks += 1
        self.answers += answers
        if self.acknowledged is None:
            self.acknowledged = time.monotonic()


class Ledger:
    """All operations of a run, in the order in which they were begun."""

    def __init__(self) -> None:
        """Create an empty ledger."""
        self._lock = threading.Lock()
        self._operations: list[Operation] = []
        self._counts: dict[str, int] = {}

    def open(self, who: str, verb: Verb, targets: Sequence[str] = (), *, must: bool = True) -> Operation:
        """Add a new operation of a client, with a unique token."""
        with self._lock:
            number = self._counts[who] = self._counts.get(who, 0) + 1
            operation = Operation(f"{who}-op{number}", verb, tuple(targets), must=must)
            self._operations.append(operation)
        return operation

    def operations(self) -> list[Operation]:
        """Return all operations so far."""
        with self._lock:
            return list(self._operations)
