"""Loads and saves the states of a source's resources. A batch takes the same number of statements whatever its size."""

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Text, column, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from app.models import SourceResource
from app.postgres.base import core_table
from app.postgres.bulk import upsert_many
from app.sources.profile import Profile
from workers.follow.folding import ResourceKey, related_keys
from workers.follow.states import State

VALUES: Final = ("revision", "event_id", "occurred", "name", "fields", "references", "labels", "children")
VALUES_OF: Final = attrgetter(*VALUES)


class States:
    """The states of one source's resources, as far as they were loaded."""

    def __init__(self, session: Session, source_id: UUID) -> None:
        """Take the session in whose transaction the states are loaded and saved."""
        self._session = session
        self._source_id = source_id
        self._known: dict[ResourceKey, State] = {}
        self._touched: dict[ResourceKey, None] = {}

    def load(self, keys: Iterable[ResourceKey]) -> None:
        """Load the states of these resources, unless they are loaded. One that was never seen has an empty state."""
        missing = [key for key in dict.fromkeys(keys) if key not in self._known]
        if not missing:
            return
        columns = ([key.kind for key in missing], [key.key for key in missing])
        pairs = func.unnest(*(literal(values, ARRAY(Text)) for values in columns))
        wanted = pairs.table_valued(column("kind", Text), column("key", Text)).render_derived(name="wanted")
        table = core_table(SourceResource)
        of_wanted = tuple_(table.c.kind, table.c.key).in_(select(wanted.c.kind, wanted.c.key))
        self._read(table.c.source_id == self._source_id, of_wanted)
        for key in missing:
            self.find(key)

    def load_stretch(self, kind: str, after: str | None, until: str | None) -> list[ResourceKey]:
        """Load the states of the resources of a kind whose keys follow `after`, up to `until`; return their keys.

        The order is that of the characters' codes. None is no bound.
        """
        table = core_table(SourceResource)
        key = table.c.key.collate("C")
        bounds = [key > after] if after is not None else []
        bounds += [key <= until] if until is not None else []
        self._read(table.c.source_id == self._source_id, table.c.kind == kind, *bounds)
        return [
            known
            for known in self._known
            if known.kind == kind and (after is None or known.key > after) and (until is None or known.key <= until)
        ]

    def _read(self, *conditions: ColumnElement[bool]) -> None:
        """Load the states of these rows, except for those that are loaded: they may have changed since."""
        table = core_table(SourceResource)
        columns = (table.c.kind, table.c.key, *(table.c[name] for name in VALUES))
        for kind, key, *values in self._session.execute(select(*columns).where(*conditions)):
            self._known.setdefault(ResourceKey(kind, key), State(*values))

    def load_related(self, profile: Profile, resources: Iterable[tuple[ResourceKey, Mapping[str, str | None]]]) -> None:
        """Load the states of the resources to which these refer, and those to which these refer in turn."""
        seen: set[ResourceKey] = set()
        wanted = {other for key, references in resources for _, other in related_keys(profile, key, references)}
        while wanted:
            self.load(wanted)
            seen |= wanted
            further = (related_keys(profile, key, self.find(key).references) for key in wanted)
            wanted = {other for found in further for _, other in found} - seen

    def find(self, key: ResourceKey) -> State:
        """Return the state of a resource, to be read. One that is not loaded has an empty state."""
        return self._known.setdefault(key, State())

    def touch(self, key: ResourceKey) -> State:
        """Return the state of a resource, to be changed and saved."""
        self._touched[key] = None
        return self.find(key)

    def forget(self) -> None:
        """Forget the states that are loaded. What was changed and not saved is lost."""
        self._known.clear()
        self._touched.clear()

    def save(self) -> None:
        """Store the states that were touched."""
        if not self._touched:
            return
        rows = ((self._source_id, *key, *VALUES_OF(self._known[key])) for key in self._touched)
        upsert_many(self._session, core_table(SourceResource), ("source_id", "kind", "key", *VALUES), rows)
        self._touched.clear()
