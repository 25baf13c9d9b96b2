"""A filter in SQL finds the same events as a few lines of plain Python."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import delete, select
from sqlalchemy.orm import Session, sessionmaker

from app.log.filter import matching
from app.log.text import parse_query
from app.models import EventRow
from app.schemas.event import RESOURCE_ID, RESOURCE_ROLE
from app.schemas.event_queries import EventFilter
from tests.integration.events_in_log import an_event, append

NOW = datetime.now(UTC)
ALL_TIMES = {"since": "2001-01-01T00:00:00Z", "until": "3001-01-01T00:00:00Z"}

# Few values, so that filters often match.
texts = st.sampled_from(["a", "ab", "a_", "é%"])
wanted = st.sampled_from(["a", "ab", "a*", "?", "??", "*b", "!a", "!a*", "!*%", "a_", "é%", "%", "_", "\\a", "", "!"])
few_texts = st.lists(texts, max_size=2)
labels = st.dictionaries(st.sampled_from(["x", "y"]), texts, max_size=2)
wanted_labels = st.dictionaries(st.sampled_from(["x", "y"]), st.lists(wanted, max_size=2) | wanted, max_size=2)
roles = st.sampled_from(["flow", "queue"])
related = st.builds(lambda id_, role, more: {**more, RESOURCE_ID: id_, RESOURCE_ROLE: role}, texts, roles, labels)
events = st.builds(
    an_event,
    event=texts,
    resource_id=texts,
    name=st.none() | texts,
    labels=labels,
    related=st.lists(related, max_size=3),
    payload=st.dictionaries(texts, texts, max_size=1),
    occurred=st.integers(0, 3).map(lambda days: NOW - timedelta(days=days)),
)
word = st.sampled_from(["a", "AB", "É", "%", "_", "a_", "flow", "x", "zz"])
query = st.lists(st.tuples(st.sampled_from(["", "", "+", "-", "!"]), word).map("".join), max_size=3).map(" ".join)
parts: dict[str, st.SearchStrategy[Any]] = {
    "occurred": st.integers(0, 3).map(
        lambda days: {"since": (NOW - timedelta(days=days)).isoformat(), "until": NOW.isoformat()}
    ),
    "event": st.fixed_dictionaries(
        {}, optional={"prefix": few_texts, "exclude_prefix": few_texts, "name": few_texts, "exclude_name": few_texts}
    ),
    "resource": st.fixed_dictionaries(
        {}, optional={"id": few_texts, "id_prefix": few_texts, "labels": wanted_labels, "distinct": st.booleans()}
    ),
    "related": st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "id": few_texts,
                "role": st.lists(roles, max_size=1),
                "resources_in_roles": st.lists(st.tuples(texts, roles), max_size=2),
                "labels": wanted_labels,
            },
        ),
        max_size=2,
    ),
    "any_resource": st.lists(
        st.fixed_dictionaries({}, optional={"id": few_texts, "id_prefix": few_texts, "labels": wanted_labels}),
        max_size=2,
    ),
    "text": st.fixed_dictionaries({"query": query}),
}
# At most two parts: with all of them, hardly any event would match.
filters = st.lists(st.sampled_from(sorted(parts)), max_size=2, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: parts[name] for name in names})
)


@given(log=st.lists(events, max_size=6), asked=st.lists(filters, min_size=1, max_size=6))
@hypothesis_settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
def test_sql_and_python_find_the_same_events(
    sessions: sessionmaker[Session], log: list[EventRow], asked: list[dict[str, Any]]
) -> None:
    with sessions.begin() as session:
        session.execute(delete(EventRow))
    # A row belongs to one session, and hypothesis runs an example several times while shrinking.
    rows = append(sessions, *(EventRow(**_columns(row)) for row in log))
    with sessions() as session:
        for body in asked:
            condition = matching(EventFilter.model_validate(body))
            found = set(session.scalars(select(EventRow.position).where(condition)))
            assert found == _expected(rows, body), body


def _columns(row: EventRow) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in EventRow.__table__.columns if column.key in vars(row)}


def _expected(rows: list[EventRow], body: dict[str, Any]) -> set[int]:
    found = [row for row in rows if _matches(row, body)]
    if body.get("resource", {}).get("distinct"):
        latest = {row.resource_id: row for row in sorted(found, key=lambda row: (row.occurred, row.position))}
        found = list(latest.values())
    return {row.position for row in found}


def _matches(row: EventRow, body: dict[str, Any]) -> bool:
    since, until = body.get("occurred", ALL_TIMES).values()
    name, own = body.get("event", {}), body.get("resource", {})
    return all(
        [
            datetime.fromisoformat(since) <= row.occurred <= datetime.fromisoformat(until),
            _is_one_of(row.event, name.get("name"), name.get("prefix")),
            row.event not in name.get("exclude_name", []),
            not any(row.event.startswith(prefix) for prefix in name.get("exclude_prefix", [])),
            _matches_part(own, row.resource),
            all(
                any(_matches_part(part, entry) for entry in row.related)
                for part in body.get("related", [])
                if any(part.values())
            ),
            all(
                any(_matches_part(part, entry) for entry in (row.resource, *row.related))
                for part in body.get("any_resource", [])
            ),
            _matches_query(row, body.get("text", {}).get("query", "")),
        ]
    )


def _matches_part(part: dict[str, Any], resource: dict[str, str]) -> bool:
    id_, role = resource[RESOURCE_ID], resource.get(RESOURCE_ROLE)
    return all(
        [
            _is_one_of(id_, part.get("id"), part.get("id_prefix")),
            not part.get("role") or role in part["role"],
            not part.get("resources_in_roles") or (id_, role) in part["resources_in_roles"],
            all(_has_any(resource.get(key), values) for key, values in part.get("labels", {}).items()),
        ]
    )


def _is_one_of(value: str, exact: list[str] | None, prefixes: list[str] | None) -> bool:
    return (not exact or value in exact) and (not prefixes or value.startswith(tuple(prefixes)))


def _has_any(value: str | None, values: list[str] | str) -> bool:
    values = [values] if isinstance(values, str) else values
    if value is None or not values:
        return False
    wanted = [_is_like(value, pattern) for pattern in values if not pattern.startswith("!")]
    unwanted = [_is_like(value, pattern[1:]) for pattern in values if pattern.startswith("!")]
    return (not wanted or any(wanted)) and not any(unwanted)


def _is_like(value: str, pattern: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), value) is not None


def _matches_query(row: EventRow, query: str) -> bool:
    values = [row.event, *row.resource.values(), *(value for entry in row.related for value in entry.values())]
    text = "\n".join([*values, json.dumps(row.payload, ensure_ascii=False)]).lower()
    asked = parse_query(query)
    return all(
        [
            not asked.some or any(term.lower() in text for term in asked.some),
            all(term.lower() in text for term in asked.all),
            not any(term.lower() in text for term in asked.none),
        ]
    )
