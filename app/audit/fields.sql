-- 3. The history of each field: a change must start from the value that the field's previous change left.

-- Each field of each change with its value before and after. A creation has no old value, a deletion has no new one.
change AS (
    SELECT resource_id COLLATE "C" AS resource_id, revision, position, key AS field,
           CASE WHEN payload ? 'updates' THEN value -> 'from' WHEN event LIKE '%.deleted' THEN value END AS old,
           CASE WHEN payload ? 'updates' THEN value -> 'to' WHEN event NOT LIKE '%.deleted' THEN value END AS new
    FROM event
    CROSS JOIN coalesce(payload -> 'updates', payload -> 'fields') AS fields
    -- jsonb_each fails on anything but an object; a damaged payload must not stop the audit.
    CROSS JOIN jsonb_each(CASE jsonb_typeof(fields) WHEN 'object' THEN fields END)
    WHERE revision IS NOT NULL
    UNION ALL
    SELECT concat('prefect.', kind, '.', resource_id), revision, NULL, key, before -> key, after -> key
    FROM snapshot
    CROSS JOIN coalesce(after, before) AS fields
    CROSS JOIN jsonb_each(CASE jsonb_typeof(fields) WHEN 'object' THEN fields END)
    WHERE before -> key IS DISTINCT FROM after -> key
),
-- Each change beside the previous change of the same field. As above, has_previous is false if that is ambiguous.
link AS (
    SELECT *,
           first_value(revision) OVER previous AS previous_revision,
           count(*) OVER previous = 1 AS has_previous,
           first_value(new) OVER previous AS previous_new
    FROM change
    WINDOW previous AS (
        PARTITION BY resource_id, field ORDER BY revision GROUPS BETWEEN 1 PRECEDING AND 1 PRECEDING
    )
),
broken_link AS (
    SELECT resource_id, revision, position, string_agg(field, ', ' ORDER BY field) AS fields
    FROM link JOIN resource USING (resource_id)
    WHERE revision <= latest AND has_previous AND old <> previous_new
      -- A value that was too large for its event is unknown.
      AND old -> '$omitted' IS NULL AND previous_new -> '$omitted' IS NULL
      -- A skipped change in between may have changed the field. Its event does not say.
      AND NOT EXISTS (
          SELECT FROM entry AS skip
          WHERE skip.resource_id = link.resource_id AND skip.event = concat('aftercommit.', skip.kind, '.skipped')
            AND skip.revision > previous_revision AND skip.revision <= link.revision
      )
      -- A lost change may have changed it too. That the change is lost is a finding of its own.
      AND NOT EXISTS (SELECT FROM broken WHERE broken.resource_id = link.resource_id AND is_gap)
    GROUP BY resource_id, revision, position
),
