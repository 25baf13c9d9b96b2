"""The text search in events: what a query asks for, and the condition that finds it."""

import json
import re
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ARRAY, ColumnElement, Text, any_, cast, func, literal, not_
from sqlalchemy.dialects.postgresql import JSONPATH

from app.log.patterns import escaped
from app.models import EventRow

TERM: Final = re.compile(
    r"""
    (?P<sign>[-!+]?+)              # A sign with nothing behind it is no term: hence it is never given back.
    (?:
        "(?P<phrase>(?:\\.|[^"])*+)"?   # The closing quote may be missing.
      | (?P<word>[^\s"]+)
    )
    """,
    re.VERBOSE | re.DOTALL,
)
ESCAPE: Final = re.compile(r'\\(["\\])')

UNICODE: Final = "pg_c_utf8"
"""Folds the case of every script, whatever the locale of the database is."""


@dataclass(frozen=True, slots=True)
class TextQuery:
    """The terms of a query: at least one of `some` (when there are any), every one of `all`, and none of `none`."""

    some: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()


def parse_query(query: str) -> TextQuery:
    """Read words and "quoted phrases"; `+` before one requires it, `-` or `!` excludes it."""
    terms: dict[str, list[str]] = {"": [], "+": [], "-": [], "!": []}
    for match in TERM.finditer(query):
        term = match["word"] or ESCAPE.sub(r"\1", match["phrase"] or "")
        if term.strip():
            terms[match["sign"]].append(term)
    return TextQuery(some=tuple(terms[""]), all=tuple(terms["+"]), none=(*terms["-"], *terms["!"]))


def holds_text(query: str) -> list[ColumnElement[bool]]:
    """Return the conditions for events whose text answers the query; a query without terms has none.

    The text of an event is its name, the label values of its resource and related resources, and its payload with
    its keys. Label keys are left out: they are the same everywhere, and `-name` would exclude every event.
    """
    parsed = parse_query(query)
    conditions = [_holds_any([term]) for term in parsed.all]
    if parsed.some:
        conditions.append(_holds_any(parsed.some))
    if parsed.none:
        conditions.append(not_(_holds_any(parsed.none)))
    return conditions


def _holds_any(terms: list[str] | tuple[str, ...]) -> ColumnElement[bool]:
    # The text searched is JSON, in which quotes, backslashes and line ends look different: so must the term.
    patterns = [f"%{escaped(json.dumps(term, ensure_ascii=False)[1:-1])}%" for term in terms]
    return _searchable().collate(UNICODE).ilike(any_(literal(patterns, ARRAY(Text))))


def _searchable() -> ColumnElement[str]:
    values = func.jsonb_path_query_array
    return cast(
        func.jsonb_build_array(
            EventRow.event,
            values(EventRow.resource, cast("$.*", JSONPATH)),
            values(EventRow.related, cast("$[*].*", JSONPATH)),
            EventRow.payload,
        ),
        Text,
    )
