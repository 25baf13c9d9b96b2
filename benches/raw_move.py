"""The upper limit for draining: move rows from the outbox to the log with one SQL statement per batch, no Python."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any, Final

import psycopg

from app.models import LANES

BATCH: Final = 500

MOVE: Final = """
WITH gone AS (
  DELETE FROM snapshot WHERE id IN (SELECT id FROM snapshot WHERE lane = %(lane)s ORDER BY sequence LIMIT %(batch)s)
  RETURNING *
), counted AS (
  SELECT count(*) AS number FROM gone
), head AS (
  UPDATE event_log SET position = position + counted.number FROM counted RETURNING position - counted.number AS before
)
INSERT INTO event (position, id, occurred, event, resource_id, resource, related, payload, follows, revision)
SELECT head.before + row_number() OVER (ORDER BY gone.sequence), gone.id, gone.occurred,
       'prefect.deployment.' || gone.operation, 'prefect.deployment.' || gone.resource_id,
       jsonb_build_object('prefect.resource.id', 'prefect.deployment.' || gone.resource_id, 'prefect.resource.name',
                          gone.name, 'aftercommit.revision', gone.revision::text)
         || (SELECT jsonb_object_agg('aftercommit.' || part.key, part.value) FROM jsonb_each(gone.attribution) AS part),
       jsonb_build_array(
         jsonb_build_object('prefect.resource.id', 'prefect.flow.' || (gone."references"->>'flow_id'),
                            'prefect.resource.name', 'flow', 'prefect.resource.role', 'flow'),
         jsonb_build_object('prefect.resource.id', 'prefect.work-queue.' || (gone."references"->>'work_queue_id'),
                            'prefect.resource.name', 'default', 'prefect.resource.role', 'work-queue'),
         jsonb_build_object('prefect.resource.id', 'prefect.work-pool.' || (gone."references"->>'work_queue_id'),
                            'prefect.resource.name', 'bench', 'prefect.resource.role', 'work-pool',
                            'prefect.work-pool.type', 'process'),
         jsonb_build_object('prefect.resource.id', 'aftercommit.' || replace(gone.attribution->>'actor', ':', '.'),
                            'prefect.resource.name', split_part(gone.attribution->>'actor', ':', 2),
                            'prefect.resource.role', 'actor')),
       CASE WHEN gone.before IS NULL THEN jsonb_build_object('fields', gone.after)
            ELSE jsonb_build_object('updated_fields', jsonb_build_array('description'), 'updates', jsonb_build_object(
              'description', jsonb_build_object('from', gone.before->'description', 'to', gone.after->'description')))
       END, gone.follows, gone.revision
FROM gone, head
"""


def move_all(connections: Sequence[psycopg.Connection[Any]]) -> float:
    """Move all snapshots in batches, with the lanes divided among the connections; return the seconds taken."""

    def move(connection: psycopg.Connection[Any], first: int) -> None:
        for lane in range(first, LANES, len(connections)):
            while connection.execute(MOVE, {"lane": lane, "batch": BATCH}).rowcount:
                pass

    start = perf_counter()
    with ThreadPoolExecutor(len(connections)) as threads:
        list(threads.map(move, connections, range(len(connections))))
    return perf_counter() - start
