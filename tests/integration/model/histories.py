"""The model: the history of each resource in plain Python, computed without the database."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from tests.integration.model.states import NEW, OPERATIONS, Key, State, same

LANES = 3
"""Few, so that resources often share one."""

lanes: dict[UUID, int] = {}
"""In the order in which the resources are met, so that the same history has the same lanes again."""


def lane_of(id_: UUID) -> int:
    """Replace the product's function of the same name."""
    return lanes.setdefault(id_, len(lanes) % LANES)


ATTEMPTS = 2
"""Failures before a snapshot is parked: few, so that a short run gets there."""


@dataclass
class Entry:
    """One committed change of one resource, and the progress of its snapshot."""

    revision: int
    operation: str
    after: State | None
    causes: tuple["Entry", ...] = field(default=(), compare=False, repr=False)
    """The changes of other resources that it follows from: they occur earlier."""
    id: UUID | None = None
    """The id that the database gave it, read once right after the commit; it must stay."""
    is_logged: bool = False
    attempts: int = 0
    is_due: bool = True
    is_parked: bool = False
    skip_reason: str | None = None


@dataclass(frozen=True)
class Living:
    """A resource that exists. `active_polls` is untracked: its workers or polls, until they stop."""

    id: UUID
    revision: int
    state: State
    active_polls: frozenset[str] = frozenset()
    """Workers of a pool by name; of a queue or a deployment that there was a poll."""
    is_default: bool = False
    """Whether it is its pool's default queue."""


@dataclass
class History:
    """All committed changes of one resource, from creation to deletion. A recreated resource has a new history."""

    kind: str
    id: UUID
    entries: list[Entry] = field(default_factory=list)

    @property
    def lane(self) -> int:
        """The lane of the resource's snapshots."""
        return lane_of(self.id)

    @property
    def pending(self) -> list[Entry]:
        """The changes without an event, in order."""
        return [entry for entry in self.entries if not entry.is_logged]

    @property
    def claimable(self) -> list[Entry]:
        """The changes that a worker may take now: all pending ones, or none if one has failed and is not due."""
        blocked = any(entry.attempts and (entry.is_parked or not entry.is_due) for entry in self.pending)
        return [] if blocked else self.pending


@dataclass
class Registry:
    """The committed state."""

    alive: dict[Key, Living] = field(default_factory=dict)
    histories: dict[UUID, History] = field(default_factory=dict)

    def pending(self) -> list[tuple[History, Entry]]:
        """Return the changes that wait in the outbox."""
        return [(history, entry) for history in self.histories.values() for entry in history.pending]

    def commit(self, draft: "Draft") -> list[tuple[History, Entry]]:
        """Commit a draft to the model, and return its changes in order."""
        committed = []
        for kind, id_, entry in draft.changes:
            history = self.histories.setdefault(id_, History(kind, id_))
            history.entries.append(entry)
            committed.append((history, entry))
        # Keep what others committed while the transaction was open.
        for key in draft.touched:
            self.alive.pop(key, None)
            if key in draft.alive:
                self.alive[key] = draft.alive[key]
        return committed


@dataclass
class Draft:
    """The changes of an open transaction so far."""

    alive: dict[Key, Living]
    changes: list[tuple[str, UUID, Entry]] = field(default_factory=list)
    touched: dict[Key, None] = field(default_factory=dict)
    """In the order in which it was done, which is the same in the same history; a set's is not."""
    undone: int = 0
    """How many changes went with a savepoint: their doorbells may ring, and find nothing."""

    @classmethod
    def of(cls, registry: Registry) -> "Draft":
        """Return the draft of a new transaction."""
        return cls(dict(registry.alive))

    def savepoint(self) -> "Draft":
        """Return a copy for `roll_back_to`."""
        return replace(self, alive=dict(self.alive), changes=list(self.changes), touched=dict(self.touched))

    def roll_back_to(self, savepoint: "Draft") -> None:
        """Forget the changes since the savepoint."""
        self.undone += len(self.changes) - len(savepoint.changes)
        self.alive, self.changes, self.touched = savepoint.alive, savepoint.changes, savepoint.touched

    def keys(self, kind: str, *names: str) -> list[Key]:
        """Return the keys of the resources of a kind, restricted to those that start with these names."""
        return [key for key in self.alive if key[: 1 + len(names)] == (kind, *names)]

    def create(
        self, key: Key, id_: UUID, fields: State, causes: Iterable[Entry] = (), *, is_default: bool = False
    ) -> Entry:
        """Create a resource."""
        state = {**NEW[key[0]], **fields}
        return self._note(key, Living(id_, 1, state, is_default=is_default), Entry(1, "created", state, tuple(causes)))

    def change(self, key: Key, causes: Iterable[Entry] = (), **fields: Any) -> Entry | None:
        """Set these values; return the change if any differs. Values that count as equal are not replaced."""
        living = self.alive[key]
        differing = {name: value for name, value in fields.items() if not same(name, living.state[name], value)}
        if not differing:
            return None
        state, revision = {**living.state, **differing}, living.revision + 1
        operation = OPERATIONS[state["status"]] if "status" in differing else "updated"
        entry = Entry(revision, operation, state, tuple(causes))
        return self._note(key, replace(living, revision=revision, state=state), entry)

    def delete(self, key: Key, causes: Iterable[Entry] = ()) -> Entry:
        """Delete a resource."""
        living = self.alive[key]
        entry = self._note(key, living, Entry(living.revision + 1, "deleted", None, tuple(causes)))
        del self.alive[key]
        return entry

    def set_active_polls(self, key: Key, active_polls: Iterable[str]) -> None:
        """Set the resource's workers or polls; this is not a tracked change."""
        self.alive[key] = replace(self.alive[key], active_polls=frozenset(active_polls))
        self.touched[key] = None

    def rename(self, key: Key, new: Key) -> None:
        """Change the key of a resource."""
        self.touched |= {key: None, new: None}
        self.alive[new] = self.alive.pop(key)

    def _note(self, key: Key, living: Living, entry: Entry) -> Entry:
        self.alive[key] = living
        self.touched[key] = None
        self.changes.append((key[0], living.id, entry))
        return entry
