"""The profile of a source: which tables of a foreign database hold which resources, and what counts as a change."""

import re
from functools import cached_property
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from app.capture.kind_classes import Same

WORD: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
RESERVED_LABELS: Final = ("aftercommit.", "prefect.resource.")
"""The prefixes of the labels that every event has."""
MAX_IDENTIFIER_BYTES: Final = 63


def _require_word(text: str) -> str:
    if not WORD.fullmatch(text) or len(text) > MAX_IDENTIFIER_BYTES:
        raise ValueError("must be lower-case words joined by hyphens, such as work-pool")
    return text


def _require_identifier(text: str) -> str:
    if not text or "\0" in text or len(text.encode()) > MAX_IDENTIFIER_BYTES:
        raise ValueError("must be the name of a column or table, of at most 63 bytes")
    return text


def _require_table(text: str) -> str:
    parts = text.split(".")
    if len(parts) > 2:
        raise ValueError("must be a table, or schema.table")
    for part in parts:
        _require_identifier(part)
    return text


def _require_path(text: str) -> str:
    parts = text.split(".")
    if not all(parts) or any("*" in part and part != "*" for part in parts):
        raise ValueError("must be field.key.key, with '*' for any key")
    return text


def _require_label(text: str) -> str:
    if not text or text.startswith(RESERVED_LABELS):
        raise ValueError("is a label that every event has already")
    return text


Word = Annotated[str, AfterValidator(_require_word)]
Column = Annotated[str, AfterValidator(_require_identifier)]
TableName = Annotated[str, AfterValidator(_require_table)]
"""A table, with its schema if that is not `public`."""
Path = Annotated[str, AfterValidator(_require_path)]
Label = Annotated[str, AfterValidator(_require_label)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ProfileEdge(_Part):
    """A relation: `column` contains the key of a resource of the kind `kind`, which has this role."""

    role: Word
    kind: Word
    column: Column


class ProfileTable(_Part):
    """What all tables of a profile have.

    Attributes:
        table: the table, with its schema if that is not `public`.
        key: the column that identifies a row.
        noise: columns whose changes never count. The trigger does not fire for them.
    """

    table: TableName
    key: Column
    noise: tuple[Column, ...] = ()

    @property
    def schema_and_table(self) -> tuple[str, str]:
        """Return the schema and the name of the table."""
        schema, _, name = self.table.rpartition(".")
        return schema or "public", name

    @property
    def used(self) -> frozenset[str]:
        """The columns that are read."""
        return frozenset({self.key})


class ProfileChild(ProfileTable):
    """Rows that belong to the resource of a parent, such as the lines of an order. They are one field of it.

    Their order and keys do not count.

    Attributes:
        parent: the column with the key of the parent.
        fields: the columns that count.
    """

    parent: Column
    fields: tuple[Column, ...] = Field(min_length=1)

    @property
    def used(self) -> frozenset[str]:
        """The columns that are read."""
        return frozenset({self.key, self.parent, *self.fields})


class ProfileKind(ProfileTable):
    """A kind of resource: one row of a table, with the rows of other tables that belong to it.

    Attributes:
        name: the column with the resource's name.
        fields: the columns whose changes count, with the rule that says when two values are the same.
        children: rows of other tables that belong to the resource, by the field in which they appear.
        labels: labels of its events, each with the column that contains the value.
        edges: the related resources.
        masked: paths of values to mask, besides those that the general rules find: `field` or `field.key`.
    """

    name: Column
    fields: dict[Column, Same]
    children: dict[Column, ProfileChild] = {}
    labels: dict[Label, Column] = {}
    edges: tuple[ProfileEdge, ...] = ()
    masked: tuple[Path, ...] = ()

    @property
    def used(self) -> frozenset[str]:
        """The columns of its own table that are read."""
        edges = (edge.column for edge in self.edges)
        return frozenset({self.key, self.name, *self.fields, *self.labels.values(), *edges})

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if both := self.fields.keys() & self.children.keys():
            raise ValueError(f"{_names(both)} cannot be a column and a list of children")
        tables: list[ProfileTable] = [self, *self.children.values()]
        for table in tables:
            if both := {*table.noise} & table.used:
                raise ValueError(f"{_names(both)} cannot be noise and be used")
        if unknown := {path.split(".")[0] for path in self.masked} - {*self.fields, *self.children, self.name}:
            raise ValueError(f"masked has paths that begin with no field: {_names(unknown)}")
        return self


class Profile(_Part):
    """All that is known about a source: its kinds of resources, by name."""

    name: Word
    kinds: dict[Word, ProfileKind] = Field(min_length=1)

    @cached_property
    def tables(self) -> dict[str, ProfileTable]:
        """All tables, those of the kinds and of their children, by the text that names them in the profile."""
        found: dict[str, ProfileTable] = {}
        for kind in self.kinds.values():
            found[kind.table] = kind
            found.update({child.table: child for child in kind.children.values()})
        return found

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        named = [table.schema_and_table for kind in self.kinds.values() for table in (kind, *kind.children.values())]
        if twice := {".".join(table) for table in named if named.count(table) > 1}:
            raise ValueError(f"each table can be used once; used more often: {_names(twice)}")
        for name, kind in self.kinds.items():
            if unknown := {edge.kind for edge in kind.edges} - self.kinds.keys():
                raise ValueError(f"the edges of {name} lead to kinds that are not declared: {_names(unknown)}")
        return self


def _names(names: set[str]) -> str:
    return ", ".join(sorted(names))
