-- The outbox with the snapshots that wait for their events, the tombstones of deleted resources, and the event log.

CREATE TABLE snapshot (
    id uuid NOT NULL,
    sequence bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    lane smallint NOT NULL,
    kind text NOT NULL,
    resource_id uuid NOT NULL,
    revision integer NOT NULL,
    operation text NOT NULL,
    occurred timestamptz NOT NULL,
    name text NOT NULL,
    before jsonb,
    after jsonb,
    size integer GENERATED ALWAYS AS (
        coalesce(octet_length(before::text), 0) + coalesce(octet_length(after::text), 0)
    ) STORED NOT NULL,
    "references" jsonb NOT NULL,
    labels jsonb DEFAULT '{}' NOT NULL,
    follows uuid,
    attribution jsonb NOT NULL,
    schema_version smallint DEFAULT 1 NOT NULL,
    captured timestamptz DEFAULT clock_timestamp() NOT NULL,
    -- How far the dispatch has come.
    attempts smallint DEFAULT 0 NOT NULL,
    deaths smallint DEFAULT 0 NOT NULL,
    next_attempt timestamptz,
    parked timestamptz,
    error text,
    skip_reason text,
    CONSTRAINT pk_snapshot PRIMARY KEY (id),
    CONSTRAINT uq_snapshot_resource_id_revision UNIQUE (resource_id, revision),
    CONSTRAINT ck_snapshot_before CHECK ((operation = 'created') = (before IS NULL)),
    CONSTRAINT ck_snapshot_after CHECK ((operation = 'deleted') = (after IS NULL)),
    CONSTRAINT ck_snapshot_operation CHECK (
        operation IN ('created', 'updated', 'deleted', 'ready', 'not-ready', 'paused')
    ),
    CONSTRAINT ck_snapshot_follows CHECK ((revision = 1) = (follows IS NULL)),
    CONSTRAINT ck_snapshot_references CHECK (jsonb_typeof("references") = 'object'),
    CONSTRAINT ck_snapshot_labels CHECK (jsonb_typeof(labels) = 'object'),
    CONSTRAINT ck_snapshot_attribution CHECK (attribution ? 'actor' AND jsonb_typeof(attribution -> 'actor') = 'string'),
    CONSTRAINT ck_snapshot_lane CHECK (lane >= 0 AND lane < 64),
    CONSTRAINT ck_snapshot_revision CHECK (revision >= 1),
    CONSTRAINT ck_snapshot_schema_version CHECK (schema_version >= 1),
    CONSTRAINT ck_snapshot_size CHECK (size <= 8388608),
    CONSTRAINT ck_snapshot_state_size CHECK (size <= 4194304 OR octet_length(after::text) <= 4194304),
    CONSTRAINT ck_snapshot_error CHECK ((attempts = 0) = (error IS NULL)),
    CONSTRAINT ck_snapshot_blocked_until_or_parked CHECK (
        attempts = 0 OR (parked IS NULL) = (next_attempt IS NOT NULL)
    ),
    CONSTRAINT ck_snapshot_attempts CHECK (attempts >= 0),
    CONSTRAINT ck_snapshot_deaths CHECK (deaths >= 0),
    CONSTRAINT ck_snapshot_parked CHECK (parked IS NULL OR attempts > 0),
    CONSTRAINT ck_snapshot_skip_reason CHECK (skip_reason IS NULL OR (attempts > 0 AND skip_reason <> ''))
);
CREATE INDEX ix_snapshot_lane_sequence ON snapshot (lane, sequence);
CREATE INDEX ix_snapshot_blocked ON snapshot (lane, resource_id) WHERE attempts > 0;
CREATE INDEX ix_snapshot_newer ON snapshot (lane, resource_id) WHERE schema_version > 2;

CREATE TABLE tombstone (
    id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    attributes jsonb DEFAULT '{}' NOT NULL,
    revision integer NOT NULL,
    deleted timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_tombstone PRIMARY KEY (id),
    CONSTRAINT ck_tombstone_revision CHECK (revision >= 1)
);

CREATE TABLE event (
    position bigint NOT NULL,
    id uuid NOT NULL,
    occurred timestamptz NOT NULL,
    received timestamptz DEFAULT clock_timestamp() NOT NULL,
    event text NOT NULL,
    resource_id text NOT NULL,
    resource jsonb NOT NULL,
    related jsonb NOT NULL,
    payload jsonb NOT NULL,
    follows uuid,
    revision integer,
    CONSTRAINT pk_event PRIMARY KEY (position),
    CONSTRAINT uq_event_id UNIQUE (id),
    CONSTRAINT ck_event_position CHECK (position >= 1),
    CONSTRAINT ck_event_revision CHECK (revision >= 1)
);
CREATE UNIQUE INDEX uq_event_resource_revision ON event (resource_id, revision) WHERE revision IS NOT NULL;
CREATE INDEX ix_event_occurred_position ON event (occurred, position);
CREATE INDEX ix_event_resource_occurred ON event (resource_id, occurred, position);
CREATE INDEX ix_event_name_occurred ON event (event text_pattern_ops, occurred, position);
CREATE INDEX ix_event_related ON event USING gin (related jsonb_path_ops);
-- The events that may give a resource its name: its creation, a change of the name, and a skipped change.
CREATE INDEX ix_event_resource_name ON event ((resource ->> 'prefect.resource.name'))
    WHERE revision IS NOT NULL AND (revision = 1 OR payload -> 'updates' ? 'name' OR payload ? 'skipped');

-- The head of the log: its single row has the last position, and its lock is the append lock.
CREATE TABLE event_log (
    id integer NOT NULL,
    position bigint NOT NULL,
    rescued bigint NOT NULL,
    CONSTRAINT pk_event_log PRIMARY KEY (id),
    CONSTRAINT ck_event_log_single_row CHECK (id = 1),
    CONSTRAINT ck_event_log_position CHECK (position >= 0),
    CONSTRAINT ck_event_log_rescued CHECK (rescued >= 0)
);
INSERT INTO event_log (id, position, rescued) VALUES (1, 0, 0);
