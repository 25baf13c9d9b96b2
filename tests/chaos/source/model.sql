-- What the writers have committed. A row is written in the transaction of the change, after the change.
CREATE SCHEMA model;

CREATE TABLE model.resource (kind text, key text, changes integer DEFAULT 1, PRIMARY KEY (kind, key));

-- `number` counts the changes of a resource in the order of their commits: the row of `resource` stays locked until then.
-- `mark` is in what was changed: in the resource's own row, or in a row of a schedule, or in both.
CREATE TABLE model.change (
    kind text, key text, number integer, mark text NOT NULL, operation text NOT NULL, own boolean NOT NULL,
    schedules boolean NOT NULL, PRIMARY KEY (kind, key, number)
);

CREATE FUNCTION model.note(kind text, key text, mark text, operation text, own boolean, schedules boolean)
RETURNS void LANGUAGE sql AS $$
    WITH counted AS (
        INSERT INTO model.resource AS r VALUES (kind, key)
        ON CONFLICT ON CONSTRAINT resource_pkey DO UPDATE SET changes = r.changes + 1 RETURNING changes
    )
    INSERT INTO model.change SELECT kind, key, changes, mark, operation, own, schedules FROM counted
$$;
