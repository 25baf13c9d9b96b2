CREATE SCHEMA aftercommit;

-- One row: who reads the changes. `batch` counts how often they were moved.
CREATE TABLE aftercommit.attachment (
    id integer DEFAULT 1 PRIMARY KEY CHECK (id = 1),
    version integer NOT NULL,
    profile text NOT NULL,
    source uuid,
    batch bigint DEFAULT 0 NOT NULL
);

-- The changes that wait to be moved. A row without `old` and `new` marks a change that could not be captured.
CREATE TABLE aftercommit.row_change (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    at timestamptz DEFAULT clock_timestamp() NOT NULL,
    relation text NOT NULL,
    operation text NOT NULL,
    old jsonb,
    new jsonb
);
