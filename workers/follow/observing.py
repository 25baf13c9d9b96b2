"""Compares rows that exist in a source's database with what the log tells, and makes the events of the differences.

When a source is attached for the first time, everything is new. When it is attached again, only what has changed
meanwhile is different. A verification compares the rows again later, stretch by stretch.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Literal

from app.models import Source
from workers.follow.folding import ResourceKey, column_text
from workers.follow.reading import Existing
from workers.follow.states import Children, Operation, Rules, observe
from workers.follow.store import States
from workers.follow.telling import Told, tell


def compare(
    source: Source,
    all_rules: Mapping[str, Rules],
    states: States,
    existing: Existing,
    *,
    operation: Literal["observed", "resynced"],
    is_held: Callable[[ResourceKey], bool] = lambda _: False,
) -> Iterator[Told]:
    """Make the states of the stretch those of the rows, and yield what becomes events.

    Args:
        source: the source, for the ids of the events.
        all_rules: the kinds of its profile.
        states: where the states are, and are changed.
        existing: the rows.
        operation: what a resource without an event is: `observed` at the first look, or `resynced` later. One with an
            event has passed by the triggers.
        is_held: whether a resource has changes that could not be applied, so that its state says nothing.
    """
    stretch, rules = existing.stretch, all_rules[existing.stretch.kind]
    known = states.load_stretch(stretch.kind, stretch.after, existing.until)
    children = _children(rules, existing)
    rows = {column_text(row, rules.kind.key): row for row in existing.rows[rules.kind.table]}
    others = {*children, *(resource.key for resource in known)} - rows.keys()
    for key in (*rows, *sorted(others)):
        resource = ResourceKey(stretch.kind, key)
        if is_held(resource):
            continue
        state = states.find(resource)
        before = replace(state)
        name: Operation = "resynced" if state.revision else operation
        steps = observe(rules, state, rows.get(key), children.get(key, {}), name)
        if steps or state != before:
            states.touch(resource)
        cause = f"{operation} {existing.snapshot}"
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
