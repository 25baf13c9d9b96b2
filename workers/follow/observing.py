"""Compares what exists in a source's database with what the log tells, and makes the events of the differences.

When a source is attached for the first time, everything is new. When it is attached again, only what has changed
meanwhile is different.
"""

from collections import defaultdict
from collections.abc import Iterator

from app.models import Source
from app.sources.profile import Profile
from workers.follow.folding import ResourceKey, column_text
from workers.follow.reading import Existing
from workers.follow.states import Children, Rules, observe
from workers.follow.store import States
from workers.follow.telling import Told, tell


def observe_all(
    source: Source, profile: Profile, rules: dict[str, Rules], states: States, existing: Existing
) -> list[Told]:
    """Make the states of all resources those that exist, and return what becomes events, in the order of the kinds."""
    told: list[Told] = []
    cause = f"observed {existing.snapshot}"
    states.load_all()
    gone = {key for key in states.loaded() if key.kind in profile.kinds and states.get(key).fields is not None}
    for name, kind in profile.kinds.items():
        children = _children(rules[name], existing)
        rows = {column_text(row, kind.key): row for row in existing.rows[kind.table]}
        for key in (*rows, *sorted(children.keys() - rows.keys())):
            resource = ResourceKey(name, key)
            state = states.touch(resource)
            steps = observe(rules[name], state, rows.get(key), children.get(key, {}))
            told += [tell(source, resource, state, step, existing.at, cause) for step in steps]
            gone.discard(resource)
    for resource in sorted(gone):
        state = states.touch(resource)
        steps = observe(rules[resource.kind], state, None, {})
        told += [tell(source, resource, state, step, existing.at, cause) for step in steps]
    return told


def _children(rules: Rules, existing: Existing) -> dict[str, Children]:
    """Return the rows of children by their parent, masked."""
    found: dict[str, Children] = defaultdict(dict)
    for field, parent, key, row in _rows_of_children(rules, existing):
        found[parent].setdefault(field, {})[key] = rules.child(field, row)
    return found


def _rows_of_children(rules: Rules, existing: Existing) -> Iterator[tuple[str, str, str, dict[str, object]]]:
    for field, child in rules.kind.children.items():
        for row in existing.rows[child.table]:
            if row.get(child.parent) is not None:
                yield field, column_text(row, child.parent), column_text(row, child.key), row
