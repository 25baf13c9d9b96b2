"""The model: what each deployment went through, in plain Python, without a look at the database."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

Key = tuple[str, str]
"""The name of a flow, and of a deployment in it."""

State = Mapping[str, Any]
"""What the model knows of a deployment's tracked fields; `limit` is None, "own" or the id of a shared one."""

LANES = 3
"""Few, so that deployments often share one."""

lanes: dict[UUID, int] = {}
"""In the order in which the deployments are met, so that the same history has the same lanes again."""


def lane_of(id_: UUID) -> int:
    """Stand in for the product's function of this name."""
    return lanes.setdefault(id_, len(lanes) % LANES)


ATTEMPTS = 2
"""Failures before a snapshot is parked: few, so that a short run gets there."""

NEW: State = {
    "description": None,
    "version": None,
    "paused": False,
    "tags": [],
    "parameters": {},
    "schedules": [],
    "concurrency_limit": None,
    "limit": None,
}


@dataclass
class Entry:
    """One committed change of one deployment, and how far its snapshot has come."""

    revision: int
    operation: str
    after: State | None
    id: UUID | None = None
    """The id that the database gave it, read once right after the commit; it must stay."""
    is_logged: bool = False
    attempts: int = 0
    is_due: bool = True
    is_parked: bool = False
    skip_reason: str | None = None


@dataclass(frozen=True)
class Living:
    """A deployment that exists."""

    id: UUID
    revision: int
    state: State


@dataclass
class History:
    """All committed changes of one deployment, from its creation to its deletion. A second life is another one."""

    id: UUID
    entries: list[Entry] = field(default_factory=list)

    @property
    def lane(self) -> int:
        """The lane of its snapshots."""
        return lane_of(self.id)

    @property
    def pending(self) -> list[Entry]:
        """What has not become an event yet, in order."""
        return [entry for entry in self.entries if not entry.is_logged]

    @property
    def claimable(self) -> list[Entry]:
        """What a worker may take now: all that waits, or nothing behind a failed one that is not due."""
        blocked = any(entry.attempts and (entry.is_parked or not entry.is_due) for entry in self.pending)
        return [] if blocked else self.pending


@dataclass
class Registry:
    """What has been committed."""

    alive: dict[Key, Living] = field(default_factory=dict)
    limits: dict[str, UUID] = field(default_factory=dict)
    histories: dict[UUID, History] = field(default_factory=dict)

    def pending(self) -> list[tuple[History, Entry]]:
        """Return what waits in the outbox."""
        return [(history, entry) for history in self.histories.values() for entry in history.pending]

    def commit(self, draft: "Draft") -> list[tuple[History, Entry]]:
        """Make true what a transaction did, and return its changes in order."""
        committed = []
        for key, id_, entry in draft.changes:
            history = self.histories.setdefault(id_, History(id_))
            history.entries.append(entry)
            committed.append((history, entry))
            self.alive.pop(key, None)
        for key in {key for key, _, _ in draft.changes} & draft.alive.keys():
            self.alive[key] = draft.alive[key]
        if draft.limits != draft.limits_before:
            self.limits = draft.limits
        return committed


@dataclass
class Draft:
    """What an open transaction has done so far."""

    alive: dict[Key, Living]
    limits: dict[str, UUID]
    limits_before: dict[str, UUID]
    changes: list[tuple[Key, UUID, Entry]] = field(default_factory=list)
    taken_back: int = 0
    """How many changes went with a savepoint: their doorbells may ring, and find nothing."""

    @classmethod
    def of(cls, registry: Registry) -> "Draft":
        """Return the draft of a transaction that begins now."""
        return cls(dict(registry.alive), dict(registry.limits), dict(registry.limits))

    def savepoint(self) -> "Draft":
        """Return what `roll_back_to` needs to come back to here."""
        return replace(self, alive=dict(self.alive), limits=dict(self.limits), changes=list(self.changes))

    def roll_back_to(self, savepoint: "Draft") -> None:
        """Forget what happened since the savepoint."""
        self.taken_back += len(self.changes) - len(savepoint.changes)
        self.alive, self.limits, self.changes = savepoint.alive, savepoint.limits, savepoint.changes

    def create(self, key: Key, id_: UUID, state: State) -> None:
        """A deployment begins to exist."""
        self.alive[key] = Living(id_, 1, state)
        self.changes.append((key, id_, Entry(1, "created", state)))

    def change(self, key: Key, **fields: Any) -> bool:
        """Give a deployment these values; return whether any differs. One that counts as the same stays as it is."""
        living = self.alive[key]
        differing = {name: value for name, value in fields.items() if not same(name, living.state[name], value)}
        if not differing:
            return False
        state = {**living.state, **differing}
        self.alive[key] = Living(living.id, living.revision + 1, state)
        self.changes.append((key, living.id, Entry(living.revision + 1, "updated", state)))
        return True

    def delete(self, key: Key) -> None:
        """A deployment ends."""
        living = self.alive.pop(key)
        self.changes.append((key, living.id, Entry(living.revision + 1, "deleted", None)))


def same(name: str, left: Any, right: Any) -> bool:
    """Tell whether two values of a field count as the same: tags are a set, and `1` is `1.0` but not `true`."""
    if name == "tags":
        return set(left) == set(right)
    return bool(plain(left) == plain(right))


def plain(value: Any) -> Any:
    """Return the value so that Python's `==` tells true from 1, and lists from tuples no more."""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, Mapping):
        return {key: plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [plain(member) for member in value]
    return value


def known_part(tracked: Mapping[str, Any]) -> State:
    """Return what the model knows of a deployment's tracked fields, as an event or a row holds them."""
    own = tracked["concurrency_limit"] is not None
    shared = tracked["concurrency_limit_id"]
    return {
        **{name: tracked[name] for name in NEW if name not in {"schedules", "limit"}},
        "schedules": [[entry["slug"], entry["schedule"]["interval"]] for entry in tracked["schedules"]],
        "limit": "own" if own else str(shared) if shared is not None else None,
    }
