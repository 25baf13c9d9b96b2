-- The audit: every committed change has exactly one event, in order.
--
-- A revision counts the committed changes of a resource. In any snapshot of the database, each revision from 1 to the
-- latest has exactly one entry: an event in the log or a pending snapshot in the outbox. A snapshot is stored in the
-- transaction of its change and deleted in the transaction that appends its event.
--
-- The audit is one statement: history.sql, revisions.sql, fields.sql and findings.sql, one after the other.
-- `aftercommit outbox reconcile --sql` prints it for psql. Write EXPLAIN (ANALYZE) before it to see its plan.

-- 1. What the audit compares: the tracked resources, and the entries of their histories.

-- The kinds of resources whose changes become events.
WITH tracked (kind) AS (
    VALUES ('flow'), ('work-pool'), ('work-queue'), ('concurrency-limit'), ('deployment')
),
live AS (
    SELECT 'flow' AS kind, id, revision, event_id FROM flow
    UNION ALL SELECT 'work-pool', id, revision, event_id FROM work_pool
    UNION ALL SELECT 'work-queue', id, revision, event_id FROM work_queue
    UNION ALL SELECT 'concurrency-limit', id, revision, event_id FROM concurrency_limit
    UNION ALL SELECT 'deployment', id, revision, event_id FROM deployment
),
-- Every tracked resource with its latest revision: the living ones, and the deleted ones by their tombstones.
-- latest_id is the event id that a living resource names as its latest. It is NULL for a deleted one.
-- The resources of attached sources name their latest event even if they are deleted.
resource AS (
    SELECT concat('prefect.', kind, '.', id) AS resource_id, kind, revision::bigint AS latest, event_id AS latest_id,
           false AS is_attached
    FROM live
    UNION ALL
    SELECT concat('prefect.', kind, '.', id), kind, revision, NULL, false
    FROM tombstone
    WHERE kind IN (SELECT kind FROM tracked)
      AND NOT EXISTS (SELECT FROM live WHERE live.kind = tombstone.kind AND live.id = tombstone.id)
    UNION ALL
    SELECT concat('aftercommit.', source.name, '.', kind, '.', key), kind, revision, event_id, true
    FROM source_resource JOIN source ON source.id = source_id
    WHERE revision > 0
),
-- Every event of the registry and every pending snapshot, each beside its resource if that exists. The position of a
-- snapshot is NULL. status is the new status where the change is one of the status. is_void marks an update without a
-- changed field. COLLATE "C" compares bytes, which sorts a large log much faster than the rules of a language do.
entry AS (
    SELECT *
    FROM (
        SELECT resource_id COLLATE "C" AS resource_id, revision::bigint AS revision, id, event, follows, occurred,
               position, payload -> 'updates' -> 'status' ->> 'to' AS status,
               event ~ '\.(updated|ready|not-ready|paused)$' AND coalesce(payload -> 'updates', '{}') = '{}' AS is_void
        FROM event
        WHERE revision IS NOT NULL
        UNION ALL
        SELECT concat('prefect.', kind, '.', resource_id), revision, id, concat('prefect.', kind, '.', operation),
               follows, occurred, NULL,
               CASE WHEN before -> 'status' IS DISTINCT FROM after -> 'status' THEN after ->> 'status' END,
               coalesce(before = after, false)
        FROM snapshot
    ) AS recorded
    LEFT JOIN resource USING (resource_id)
),
