"""A log of any length, inserted by PostgreSQL itself."""

from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb

from app.capture.attribution import PARTS, as_labels, as_related, stored
from app.capture.masking import Masker
from benches.synthetic import ATTRIBUTION

EVENTS_OF_RESOURCE: Final = 20
EVENTS_OF_FLOW: Final = 100
POOL: Final = "prefect.work-pool.00000000-0000-4000-8000-00000000aaaa"
RARE_NAME: Final = "prefect.deployment.deleted"
RARE_EVERY: Final = 100

EVENTS: Final = """
INSERT INTO event (position, id, occurred, event, resource_id, resource, related, payload, revision)
SELECT n, uuidv7(), now() - make_interval(secs => %(most)s - n), name, resource_id,
       jsonb_build_object('prefect.resource.id', resource_id, 'prefect.resource.name', 'bench-' || n / %(of_resource)s,
                          'aftercommit.revision', (n %% %(of_resource)s + 1)::text) || %(attribution)s,
       jsonb_build_array(
         jsonb_build_object('prefect.resource.id', 'prefect.flow.' || lpad(to_hex(n / %(of_flow)s), 32, '0')::uuid,
                            'prefect.resource.name', 'flow', 'prefect.resource.role', 'flow'),
         jsonb_build_object('prefect.resource.id', %(pool)s::text, 'prefect.resource.name', 'bench',
                            'prefect.resource.role', 'work-pool', 'prefect.work-pool.type', 'process')) || %(actor)s,
       %(payload)s, n %% %(of_resource)s + 1
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n,
     LATERAL (SELECT 'prefect.deployment.' || lpad(to_hex(n / %(of_resource)s), 32, '0')::uuid AS resource_id,
                     CASE WHEN n %% %(rare_every)s = 0 THEN %(rare)s ELSE 'prefect.deployment.updated' END AS name) AS a
ORDER BY n
"""


@dataclass(frozen=True)
class EventFilters:
    """Ids to filter by. Each matches the same number of events in a log of any length."""

    resource: str
    flow: str


def grow_log(connection: psycopg.Connection[Any], first: int, last: int, most: int) -> None:
    """Append events at the positions `first` to `last`. The event at `most` occurs now, others before."""
    payload = {"updated_fields": ["description"], "updates": {"description": {"from": "x" * 40, "to": "y" * 40}}}
    parts = stored(ATTRIBUTION, Masker(""), PARTS)
    parameters = {
        "first": first,
        "last": last,
        "most": most,
        "of_resource": EVENTS_OF_RESOURCE,
        "of_flow": EVENTS_OF_FLOW,
        "pool": POOL,
        "attribution": Jsonb(as_labels(parts)),
        "actor": Jsonb(as_related(parts)),
        "payload": Jsonb(payload),
        "rare": RARE_NAME,
        "rare_every": RARE_EVERY,
    }
    connection.execute(EVENTS, parameters)
    connection.execute("UPDATE event_log SET position = %s", [last])
    connection.execute("VACUUM ANALYZE event")
    connection.execute("CHECKPOINT")


def filters_at(connection: psycopg.Connection[Any], position: int) -> EventFilters:
    """Return the resource and the flow of the event at this position."""
    row = connection.execute(
        "SELECT resource_id, related->0->>'prefect.resource.id' FROM event WHERE position = %s", [position]
    ).fetchone()
    assert row is not None, "each position has an event"
    return EventFilters(*row)
