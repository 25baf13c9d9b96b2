-- 2. The history of each resource, revision by revision. Entries beyond the latest revision are phantoms: see findings.

-- The entries, and an end mark one beyond the latest revision, so that changes missing at the end leave a gap as well.
step AS (
    SELECT resource_id, kind, is_attached, latest, latest_id, revision, id, event, follows, occurred, position, status
    FROM entry
    WHERE revision <= latest
    UNION ALL
    SELECT resource_id, kind, is_attached, latest, latest_id, latest + 1, NULL, NULL, NULL, NULL, NULL, NULL
    FROM resource
),
-- Each entry beside the one before it. If several entries claim the revision before, it is unknown which one is right:
-- they are reported as duplicates, and has_previous is false because the next entry is compared with none of them.
-- is_named says whether a living resource names one of the entries of this revision as its latest.
walk AS (
    SELECT *,
           coalesce(first_value(revision) OVER previous, 0) AS previous_revision,
           count(*) OVER previous = 1 AS has_previous,
           first_value(id) OVER previous AS previous_id,
           first_value(occurred) OVER previous AS previous_occurred,
           first_value(position) OVER previous AS previous_position,
           row_number() OVER same_by_id = 1 AS is_first,
           id <> lag(id) OVER same_by_id AS is_repeated,
           bool_or(id = latest_id) OVER same AS is_named
    FROM step
    WINDOW previous AS (PARTITION BY resource_id ORDER BY revision GROUPS BETWEEN 1 PRECEDING AND 1 PRECEDING),
           same AS (PARTITION BY resource_id, revision),
           same_by_id AS (same ORDER BY id)
),
judged AS (
    SELECT *,
           is_first AND revision > previous_revision + 1 AS is_gap,
           is_first AND revision = latest AND NOT is_named AS is_unnamed,
           CASE WHEN is_attached THEN event <> ALL (
               SELECT concat('aftercommit.', kind, '.', operation)
               FROM unnest(CASE WHEN revision = 1 THEN ARRAY['observed', 'created', 'resynced', 'skipped']
                                ELSE ARRAY['created', 'updated', 'deleted', 'resynced', 'skipped'] END) AS operation
           ) ELSE event NOT IN (
               concat('prefect.', kind, '.', CASE
                   WHEN revision = 1 THEN 'created'
                   WHEN revision = latest AND latest_id IS NULL THEN 'deleted'
                   WHEN status = 'READY' THEN 'ready'
                   WHEN status = 'NOT_READY' THEN 'not-ready'
                   WHEN status = 'PAUSED' THEN 'paused'
                   ELSE 'updated'
               END),
               -- An operator may skip any change.
               concat('aftercommit.', kind, '.skipped')
           ) END AS is_misnamed,
           revision <= latest AND CASE
               WHEN revision = 1 THEN follows IS NOT NULL
               WHEN has_previous AND revision = previous_revision + 1 THEN follows IS DISTINCT FROM previous_id
           END AS is_unlinked,
           has_previous AND occurred <= previous_occurred AS occurred_too_early,
           -- An event is in the log only after all entries before it: none of them is pending or at a later position.
           has_previous AND position IS NOT NULL AND coalesce(position <= previous_position, true) AS logged_too_early
    FROM walk
),
broken AS (
    SELECT *
    FROM judged
    WHERE is_gap OR is_repeated OR is_unnamed OR is_misnamed OR is_unlinked
       OR occurred_too_early OR logged_too_early
),
