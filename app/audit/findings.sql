-- 4. The findings. Their texts name positions, revisions and fields. They never quote the value of a field.

-- What is wrong with single entries. part groups the checks in the order in which they are shown.
wrong_entry AS (
    SELECT 1 AS part, problem, resource_id, revision, position, reason
    FROM broken CROSS JOIN LATERAL (VALUES
        (is_repeated, 'duplicate', 'repeats a change that already has an event or a pending snapshot'),
        (is_unnamed, 'phantom', 'is not the event that the resource names as its latest'),
        (is_misnamed OR is_unlinked OR occurred_too_early OR logged_too_early, 'disordered', concat_ws(', and ',
            CASE WHEN is_misnamed THEN 'is named for another operation than the one that took place' END,
            CASE WHEN is_unlinked THEN 'does not follow the event of the previous revision' END,
            CASE WHEN occurred_too_early THEN 'did not occur after the previous revision' END,
            CASE WHEN logged_too_early THEN 'is in the log before the previous revision' END))
    ) AS verdict (is_wrong, problem, reason)
    WHERE is_wrong
    UNION ALL
    SELECT 2, 'disordered', resource_id, revision, position, 'does not start from the previous values of: ' || fields
    FROM broken_link
    UNION ALL
    -- Entries that belong to no committed change of a resource.
    SELECT 3, 'phantom', resource_id, revision, position, reason
    FROM entry CROSS JOIN LATERAL (SELECT CASE
        WHEN latest IS NULL AND NOT EXISTS (
            SELECT FROM tracked WHERE starts_with(resource_id, concat('prefect.', tracked.kind, '.'))
        ) THEN 'is about no tracked kind of resource'
        WHEN latest IS NULL THEN 'is about a resource that never existed'
        WHEN revision > latest THEN concat('is beyond the latest revision, which is ', latest)
        WHEN is_void THEN 'describes an update that changed nothing'
    END) AS verdict (reason)
    WHERE reason IS NOT NULL
),
-- All findings. One finding may stand for several problems: amount says for how many.
finding AS (
    SELECT part, problem, resource_id, revision, 1 AS amount,
           concat(coalesce('The event at position ' || position, 'The pending snapshot'), ' ', reason, '.') AS text
    FROM wrong_entry
    UNION ALL
    SELECT 1, 'lost', resource_id, previous_revision + 1, revision - previous_revision - 1,
           CASE WHEN revision = previous_revision + 2
                THEN concat('Revision ', revision - 1, ' has neither an event nor a pending snapshot.')
                ELSE concat('Revisions ', previous_revision + 1, ' to ', revision - 1,
                            ' have neither events nor pending snapshots.') END
    FROM broken
    WHERE is_gap
    UNION ALL
    SELECT 4, 'duplicate', NULL, NULL, count(*) - 1,
           concat('The id ', id, ' is used ', count(*), ' times in the log and the outbox.')
    FROM (SELECT id FROM event UNION ALL SELECT id FROM snapshot) AS used
    GROUP BY id
    HAVING count(*) > 1
    UNION ALL
    -- The positions of the log are 1, 2, 3 and so on, without a gap. The log's head names the last one.
    SELECT 5, 'disordered', NULL, NULL, 1, concat('Position ', position, ' comes after position ', previous, '.')
    FROM (SELECT position, lag(position, 1, 0::bigint) OVER (ORDER BY position) AS previous FROM event) AS pair
    WHERE position <> previous + 1
    UNION ALL
    SELECT 5, 'disordered', NULL, NULL, 1,
           concat('The log''s head is ', coalesce(head, 0), ', its last event is at position ', last, '.')
    FROM (SELECT coalesce(max(position), 0) AS last, (SELECT position FROM event_log) AS head FROM event) AS log
    WHERE head IS DISTINCT FROM last
),
numbered AS (
    SELECT *,
           sum(amount) OVER (PARTITION BY problem)::bigint AS total,
           row_number() OVER (PARTITION BY problem, part ORDER BY resource_id, revision, text) AS number
    FROM finding
),
checked AS (
    SELECT (SELECT count(*) FROM resource) AS resources,
           count(position) AS events,
           count(*) - count(position) AS pending
    FROM entry
)
-- One row for each finding that is shown, at most `shown` of each problem and part. total counts all of them.
-- Without a finding there is one row, in which problem is NULL.
SELECT resources, events, pending, problem, total, resource_id, revision, text
FROM checked LEFT JOIN numbered ON number <= :shown
ORDER BY array_position(ARRAY['lost', 'phantom', 'duplicate', 'disordered'], problem), part, number;
