-- The attached sources, the states of their resources as the log tells them, and their changes that failed.

CREATE TABLE source (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    profile text NOT NULL,
    -- Encrypted. NULL once the source is detached.
    url bytea,
    shown_url text NOT NULL,
    identity text,
    -- How far its changes were moved.
    moved_until text,
    moving_until text,
    moving_after bigint,
    batch bigint DEFAULT 0 NOT NULL,
    moved timestamptz,
    attached timestamptz DEFAULT clock_timestamp() NOT NULL,
    paused timestamptz,
    detached timestamptz,
    failures integer DEFAULT 0 NOT NULL,
    error text,
    failing_since timestamptz,
    retry_at timestamptz,
    CONSTRAINT pk_source PRIMARY KEY (id),
    CONSTRAINT uq_source_name UNIQUE (name),
    CONSTRAINT ck_source_name CHECK (name ~ '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$'),
    CONSTRAINT ck_source_reserved_name CHECK (
        name NOT IN (
            'address', 'anonymous', 'broker', 'change', 'cli', 'credentials', 'key', 'masking', 'probe', 'service',
            'snapshot', 'source', 'unknown', 'user'
        )
    ),
    CONSTRAINT ck_source_url CHECK ((url IS NULL) = (detached IS NOT NULL)),
    CONSTRAINT ck_source_moving CHECK ((moving_until IS NULL) = (moving_after IS NULL)),
    CONSTRAINT ck_source_moving_from CHECK (moving_until IS NULL OR moved_until IS NOT NULL),
    CONSTRAINT ck_source_batch CHECK (batch >= 0),
    CONSTRAINT ck_source_failures CHECK (failures >= 0),
    CONSTRAINT ck_source_error CHECK (
        (failures = 0) = (error IS NULL) AND (failures = 0) = (retry_at IS NULL)
        AND (failures = 0) = (failing_since IS NULL)
    )
);

CREATE TABLE source_resource (
    source_id uuid NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    revision integer NOT NULL,
    event_id uuid,
    occurred timestamptz,
    name text NOT NULL,
    fields jsonb,
    "references" jsonb DEFAULT '{}' NOT NULL,
    labels jsonb DEFAULT '{}' NOT NULL,
    children jsonb DEFAULT '{}' NOT NULL,
    CONSTRAINT pk_source_resource PRIMARY KEY (source_id, kind, key),
    CONSTRAINT fk_source_resource_source_id FOREIGN KEY (source_id) REFERENCES source (id),
    CONSTRAINT ck_source_resource_revision CHECK (revision >= 0),
    CONSTRAINT ck_source_resource_latest_event CHECK (
        (revision = 0) = (event_id IS NULL) AND (revision = 0) = (occurred IS NULL)
    ),
    CONSTRAINT ck_source_resource_fields CHECK (fields IS NULL OR revision > 0)
);

-- The latest comparison of a source's rows with the states of its resources, and how far it is.
CREATE TABLE source_verification (
    source_id uuid NOT NULL,
    requested timestamptz DEFAULT clock_timestamp() NOT NULL,
    since_position bigint NOT NULL,
    kind text,
    after text,
    compared bigint DEFAULT 0 NOT NULL,
    finished timestamptz,
    until_position bigint,
    CONSTRAINT pk_source_verification PRIMARY KEY (source_id),
    CONSTRAINT fk_source_verification_source_id FOREIGN KEY (source_id) REFERENCES source (id),
    CONSTRAINT ck_source_verification_compared CHECK (compared >= 0),
    CONSTRAINT ck_source_verification_after CHECK (after IS NULL OR kind IS NOT NULL),
    CONSTRAINT ck_source_verification_finished CHECK ((finished IS NULL) = (until_position IS NULL)),
    CONSTRAINT ck_source_verification_positions CHECK (until_position >= since_position)
);

CREATE TABLE held_change (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    source_id uuid NOT NULL,
    xid bigint NOT NULL,
    last_seq bigint NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    -- NULL: which resource it is about could not be read, so all resources of the kind wait.
    key text,
    attempts smallint DEFAULT 0 NOT NULL,
    next_attempt timestamptz,
    parked timestamptz,
    error text,
    skip_reason text,
    CONSTRAINT pk_held_change PRIMARY KEY (id),
    CONSTRAINT fk_held_change_source_id FOREIGN KEY (source_id) REFERENCES source (id),
    CONSTRAINT uq_held_change_resource UNIQUE NULLS NOT DISTINCT (source_id, xid, kind, key),
    CONSTRAINT ck_held_change_attempts CHECK (attempts >= 0),
    CONSTRAINT ck_held_change_error CHECK ((attempts = 0) = (error IS NULL)),
    CONSTRAINT ck_held_change_parked CHECK (parked IS NULL OR attempts > 0),
    CONSTRAINT ck_held_change_blocked_until_or_parked CHECK (
        attempts = 0 OR (parked IS NULL) = (next_attempt IS NOT NULL)
    ),
    CONSTRAINT ck_held_change_skip_reason CHECK (skip_reason IS NULL OR (attempts > 0 AND skip_reason <> ''))
);
