"""Compares rows that exist in a source's database with what the log tells, and makes the events of the differences.

When a source is attached for the first time, everything is new. When it is attached again, only what has changed
meanwhile is different. A verification compares the rows again later, stretch by stretch.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

from app.models import Source
from workers.follow.folding import ResourceKey, column_text
from workers.follow.reading import Existing
from workers.follow.states import Children, Operation, Rules, observe
from workers.follow.store import States
from workers.follow.telling import Told, tell


def compare(
    source: Source, all_rules: Mapping[str, Rules], states: States, existing: Existing, *, is_first_look: bool
) -> Iterator[Told]:
    """Make the states of the stretch those of the rows, and yield what becomes events.

    At the first look after attaching, a resource without events is `observed`. Later it has passed by the triggers.
    """
    stretch, rules = existing.stretch, all_rules[existing.stretch.kind]
    cause = f"{'observed' if is_first_look else 'verified'} {existing.snapshot}"
    known = states.load_stretch(stretch.kind, stretch.after, existing.until)
    children = _children(rules, existing)
    rows = {column_text(row, rules.kind.key): row for row in existing.rows[rules.kind.table]}
    others = {*children, *(resource.key for resource in known)} - rows.keys()
    for key in (*rows, *sorted(others)):
        resource = ResourceKey(stretch.kind, key)
        state = states.find(resource)
        before = replace(state)
        operation: Operation = "observed" if is_first_look and not state.revision else "resynced"
        steps = observe(rules, state, rows.get(key), children.get(key, {}), operation)
        if steps or state != before:
            states.touch(resource)
        yield from (tell(source, resource, state, step, existing.at, cause) for step in steps)


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
