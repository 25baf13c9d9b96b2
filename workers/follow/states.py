"""The states of a source's resources, and what a change does to them: pure, and on masked values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from app.capture.canonical import canonical_text
from app.capture.kind_classes import Same
from app.capture.masking import MASKED, Masker
from app.postgres.base import JsonObject
from app.sources.profile import ProfileKind
from workers.build import same_json
from workers.follow.folding import NetChange, column_text, key_text
from workers.follow.sameness import same

Operation = Literal["observed", "created", "updated", "deleted", "resynced", "skipped"]
Children = dict[str, dict[str, JsonObject]]

MISSING: Final = object()


@dataclass(slots=True)
class State:
    """A resource as the log tells it. `fields` is None if it does not exist; its name, labels and so on are the last.

    `children` has the rows of children by field and key. They may be known before the resource itself.
    """

    revision: int = 0
    event_id: UUID | None = None
    occurred: datetime | None = None
    name: str = ""
    fields: JsonObject | None = None
    references: dict[str, str | None] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    children: Children = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes one event: the operation, and the fields before and after it (None: it does not exist)."""

    operation: Operation
    before: JsonObject | None
    after: JsonObject | None


@dataclass(frozen=True, slots=True)
class Rules:
    """A kind of the profile, and what masks its values."""

    kind: ProfileKind
    masker: Masker

    def own_fields(self, row: Mapping[str, Any]) -> JsonObject:
        """Return the masked fields of the resource's own row."""
        return {name: self.masker.mask(name, row.get(name)) for name in self.kind.fields}

    def child(self, field_name: str, row: Mapping[str, Any]) -> JsonObject:
        """Return what counts of a child's row, masked."""
        content = {column: row.get(column) for column in self.kind.children[field_name].fields}
        masked = self.masker.mask(field_name, [content])
        # A path that masks the whole field masks the list as one value.
        one: JsonObject = masked[0] if isinstance(masked, list) else masked
        return one

    def describe(self, state: State, row: Mapping[str, Any]) -> None:
        """Set the name, the labels and the references of a state from the resource's own row."""
        name = self.masker.mask(self.kind.name, row.get(self.kind.name))
        state.name = column_text(row, self.kind.key) if name is None else _text(name)
        labels = {label: self.masker.mask(column, row.get(column)) for label, column in self.kind.labels.items()}
        state.labels = {label: _text(value) for label, value in labels.items() if value is not None}
        columns = {edge.column: row.get(edge.column) for edge in self.kind.edges}
        state.references = {column: None if key is None else key_text(key) for column, key in columns.items()}


def apply(rules: Rules, state: State, change: NetChange) -> list[Step]:
    """Change the state, and return what becomes events: none, if nothing that counts has changed.

    If the state is not the one from which the change starts, something has passed by the triggers. Then the first step
    says so, and the second one starts from there.
    """
    before = _moved(rules, state, change, is_after=False)
    after = _moved(rules, state, change, is_after=True)
    steps = [*_step(rules, state, before, "resynced"), *_step(rules, state, after, None)]
    if change.row is not None and (row := change.row.after or change.row.before) is not None:
        rules.describe(state, row)
    return steps


def observe(
    rules: Rules, state: State, row: Mapping[str, Any] | None, children: Children, operation: Operation
) -> list[Step]:
    """Make the state the one that was read from the tables, and return what becomes an event, if anything."""
    own = None if row is None else rules.own_fields(row)
    steps = _step(rules, state, (own, children), operation)
    if row is not None:
        rules.describe(state, row)
    return steps


def _moved(rules: Rules, state: State, change: NetChange, *, is_after: bool) -> tuple[JsonObject | None, Children]:
    """Return the own fields and the children before or after the change. What it did not touch is as in the state."""
    own = None if state.fields is None else {name: state.fields.get(name) for name in rules.kind.fields}
    if change.row is not None:
        row = change.row.after if is_after else change.row.before
        own = None if row is None else rules.own_fields(row)
    children = {name: dict(rows) for name, rows in state.children.items()}
    for (name, key), net in change.children.items():
        row = net.after if is_after else net.before
        rows = children.setdefault(name, {})
        rows.pop(key, None)
        if row is not None:
            rows[key] = rules.child(name, row)
    return own, children


def _step(
    rules: Rules, state: State, to: tuple[JsonObject | None, Children], operation: Operation | None
) -> list[Step]:
    """Move the state on, and return the step if something that counts is different.

    Without `operation`, the step is a creation, an update or a deletion.
    """
    own, children = to
    before = state.fields
    after = None if own is None else {**own, **_lists(rules.kind, children)}
    if before is not None and after is not None:
        after = {name: _kept(rules.kind, name, before.get(name, MISSING), value) for name, value in after.items()}
    state.fields, state.children = after, {name: rows for name, rows in children.items() if rows}
    if same_json(before, after):
        return []
    usual: Operation = "created" if before is None else "deleted" if after is None else "updated"
    return [Step(operation or usual, before, after)]


def _lists(kind: ProfileKind, children: Children) -> JsonObject:
    """Return the children as the lists that the fields show, in an order that depends only on their content."""
    return {name: sorted(children.get(name, {}).values(), key=canonical_text) for name in kind.children}


def _kept(kind: ProfileKind, name: str, old: Any, new: Any) -> Any:
    """Return the old value if the new one is the same, so that events show only real changes."""
    if old is MISSING:
        return new
    return old if same(kind.fields.get(name, Same.SAME_CONTENT), old, new) else new


def _text(value: Any) -> str:
    """Return a value as the text of a label."""
    if isinstance(value, dict) and value.keys() == {MASKED}:
        return f"{MASKED}-{value[MASKED]}"
    return key_text(value)
