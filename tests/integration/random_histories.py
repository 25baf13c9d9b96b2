"""Random changes of any tracked kind, with valid column values, and the state after each change."""

import random
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Column, Float, Integer, Table, UniqueConstraint, Uuid, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.types import TypeEngine

from app.capture.kind_classes import ResourceKind, Same
from app.capture.kinds import STATUS
from app.capture.masking import Masker
from app.capture.row_changes import delete_rows, update_rows, upsert_row
from app.capture.snapshot import Change, capture
from app.models import ConcurrencyLimit, Flow, Readiness, WorkPool, WorkQueue
from app.outbox.record import record
from app.postgres.base import JsonObject
from tests.guard import unguarded

Sessions = sessionmaker[Session]
References = Mapping[str, list[UUID]]
"""The ids that a reference may hold, by the table it refers to."""

NEVER_NULL = {"concurrency_limit_id", STATUS}
"""The number asked for on a deployment itself needs its limit's row, and only a pool of agents has no status."""

SCALARS: tuple[tuple[type[TypeEngine[Any]], Callable[[random.Random], Any]], ...] = (
    (Boolean, lambda chance: chance.random() < 0.5),
    (Integer, lambda chance: chance.randint(1, 9)),
    (Float, lambda chance: chance.randint(0, 99) / 8),
    (Uuid, lambda chance: uuid.UUID(int=chance.getrandbits(128))),
)


def a_text(chance: random.Random) -> str:
    """Return a text that is also a valid name."""
    return f"text {chance.getrandbits(32)}"


@dataclass
class RandomHistory:
    """One resource of a kind, and its tracked state after each change."""

    kind: ResourceKind
    sessions: Sessions
    masker: Masker
    chance: random.Random
    references: References
    id: UUID | None = None
    states: list[tuple[datetime, JsonObject | None]] = field(default_factory=list)

    @property
    def table(self) -> Table:
        """The table of the kind."""
        return self.kind.table

    def create(self) -> None:
        """Create the resource with random values."""
        unique = [set(rule.columns.keys()) for rule in self.table.constraints if isinstance(rule, UniqueConstraint)]
        identity = next(columns for columns in unique if "name" in columns)
        needed = {c.name for c in self.table.columns if not c.nullable and c.server_default is None}
        values = self._values(sorted(needed | {*self.kind.tracked}))
        with self.sessions() as session:
            change = upsert_row(session, self.kind, values, tuple(sorted(identity)))
            assert change is not None
            self._record(session, [change])
        self.id = change.row["id"]

    def change_each_field_and_random_sets(self, times: int) -> None:
        """Change each field alone, then `times` times a random set of fields together."""
        for name in self.kind.tracked:
            self._update([name])
        for _ in range(times):
            names = sorted(self.kind.tracked)
            self._update(self.chance.sample(names, self.chance.randint(1, len(names))))

    def delete(self) -> None:
        """Delete the resource."""
        with self.sessions() as session:
            self._record(session, delete_rows(session, self.kind, self.table.c.id == self.id))

    def row(self) -> JsonObject | None:
        """Return the row's tracked state, masked, or None when there is no row."""
        with self.sessions() as session:
            row = session.execute(select(self.table).where(self.table.c.id == self.id)).mappings().one_or_none()
        if row is None:
            return None
        return capture(Change(self.kind, None, dict(row), row["event_id"], 1, row["updated"]), self.masker, {}).after

    def _update(self, names: list[str]) -> None:
        values = self._values(names)
        with self.sessions() as session:
            self._record(session, update_rows(session, self.kind, self.table.c.id == self.id, values))

    def _record(self, session: Session, changes: list[Change]) -> None:
        record(session, changes)
        session.commit()
        self.states += [(change.occurred, capture(change, self.masker, {}).after) for change in changes]

    def _values(self, names: list[str]) -> dict[str, Any]:
        values = {name: self._value(self.table.columns[name]) for name in names}
        if {STATUS, "is_paused"} & {*names} and "is_paused" in self.table.columns:
            # The database refuses a status that contradicts `is_paused`.
            values[STATUS] = self.chance.choice([*Readiness])
            values["is_paused"] = values[STATUS] is Readiness.PAUSED
        return values

    def _value(self, column: Column[Any]) -> Any:
        chance = self.chance
        if column.nullable and column.name not in NEVER_NULL and chance.random() < 0.2:
            return None
        if column.name == STATUS:
            return chance.choice([Readiness.READY, Readiness.NOT_READY])
        if column.foreign_keys:
            (key,) = column.foreign_keys
            return chance.choice(self.references[key.column.table.name])
        if isinstance(column.type, JSONB):
            return self._json(column.name)
        make = next((make for type_, make in SCALARS if isinstance(column.type, type_)), a_text)
        return make(chance)

    def _json(self, name: str) -> Any:
        chance = self.chance
        match self.kind.tracked.get(name):
            case Same.UNORDERED:
                return chance.sample("abcdef", chance.randint(0, 4))
            case Same.SAME_CONTENT:
                return [
                    {"id": str(at), "cron": f"{chance.randint(0, 59)} * * * *"} for at in range(chance.randint(0, 3))
                ]
            case _:
                secret = f"s3cr3t-{chance.randint(0, 3)}"
                return chance.choice(
                    [{}, {"env": {"KEY": secret}, "n": chance.randint(0, 3)}, {"a": [{"password": secret}]}]
                )


def make_references(session: Session) -> References:
    """Store and commit resources that others may refer to; the new histories do not include them."""
    found: dict[str, list[UUID]] = {name: [uuid.uuid4() for _ in range(2)] for name in _REFERENCE_TABLES}
    with unguarded(session):
        for name, ids in found.items():
            session.add_all(_random_reference(name, ids, found))
            session.flush()
    session.commit()
    return found


_REFERENCE_TABLES = ("flow", "work_pool", "work_queue", "concurrency_limit")


def _random_reference(name: str, ids: list[UUID], found: References) -> Iterator[Any]:
    for id_ in ids:
        match name:
            case "flow":
                yield Flow(id=id_, name=str(id_))
            case "work_pool":
                yield WorkPool(id=id_, name=str(id_), type="process")
            case "work_queue":
                yield WorkQueue(id=id_, name=str(id_), work_pool_id=found["work_pool"][0])
            case _:
                yield ConcurrencyLimit(id=id_, name=str(id_), limit=1)
