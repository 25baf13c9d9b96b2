"""The text search in events: parses a query and builds its SQL conditions."""

import json
import re
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ARRAY, ColumnElement, Text, any_, cast, func, literal, not_
from sqlalchemy.dialects.postgresql import JSONPATH

from app.log.patterns import escape_like
from app.models import EventRow

TERM: Final = re.compile(
    r"""
    (?P<sign>[-!+]?+)              # Possessive, because a sign without a word after it is not a term.
    (?:
        "(?P<phrase>(?:\\.|[^"])*+)"?   # The closing quote may be missing.
      | (?P<word>[^\s"]+)
    )
    """,
    re.VERBOSE | re.DOTALL,
)
ESCAPE: Final = re.compile(r'\\(["\\])')

UNICODE_COLLATION: Final = "pg_c_utf8"
"""The collation for `ILIKE`: it ignores case in every script, whatever the locale of the database is."""


@dataclass(frozen=True, slots=True)
class TextQuery:
    """The terms of a query. A text matches if it contains one of `some` (if any), all of `all`, and none of `none`."""

    some: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()


def parse_query(query: str) -> TextQuery:
    """Parse words and "quoted phrases". A leading `+` requires a term, a leading `-` or `!` excludes it."""
    terms: dict[str, list[str]] = {"": [], "+": [], "-": [], "!": []}
    for match in TERM.finditer(query):
        term = match["word"] or ESCAPE.sub(r"\1", match["phrase"] or "")
        if term.strip():
            terms[match["sign"]].append(term)
    return TextQuery(some=tuple(terms[""]), all=tuple(terms["+"]), none=(*terms["-"], *terms["!"]))


def text_conditions(query: str) -> list[ColumnElement[bool]]:
    """Return the conditions for events whose text matches the query: an empty list for a query without terms.

    The text of an event is its name, the label values of its resource and related resources, and its payload with
    its keys. Label keys are left out, because all events have the same ones: `-name` would exclude every event.
    """
    parsed = parse_query(query)
    conditions = [_contains_any([term]) for term in parsed.all]
    if parsed.some:
        conditions.append(_contains_any(parsed.some))
    if parsed.none:
        conditions.append(not_(_contains_any(parsed.none)))
    return conditions


def _contains_any(terms: list[str] | tuple[str, ...]) -> ColumnElement[bool]:
    # The searched text is JSON, so the quotes, backslashes and line ends of a term are written as in JSON.
    patterns = [f"%{escape_like(json.dumps(term, ensure_ascii=False)[1:-1])}%" for term in terms]
    return _searched_text().collate(UNICODE_COLLATION).ilike(any_(literal(patterns, ARRAY(Text))))


def _searched_text() -> ColumnElement[str]:
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
