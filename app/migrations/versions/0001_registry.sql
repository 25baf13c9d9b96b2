-- The registry: flows, work pools with their queues and workers, concurrency limits, deployments, and API keys.
-- A tracked table has `revision`, the number of its latest change, and `event_id`, the id of that change's event.

CREATE TABLE flow (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    tags jsonb DEFAULT '[]' NOT NULL,
    labels jsonb DEFAULT '{}' NOT NULL,
    revision integer DEFAULT 1 NOT NULL,
    event_id uuid DEFAULT uuidv7() NOT NULL,
    created timestamptz DEFAULT clock_timestamp() NOT NULL,
    updated timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_flow PRIMARY KEY (id),
    CONSTRAINT uq_flow_name UNIQUE (name),
    CONSTRAINT ck_flow_name CHECK (name ~ '^[^/%&><]+$'),
    CONSTRAINT ck_flow_tags CHECK (jsonb_typeof(tags) = 'array'),
    CONSTRAINT ck_flow_revision CHECK (revision >= 1)
);

CREATE TABLE work_pool (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    type text NOT NULL,
    description text,
    base_job_template jsonb DEFAULT '{}' NOT NULL,
    is_paused boolean DEFAULT false NOT NULL,
    status text DEFAULT 'NOT_READY',
    concurrency_limit integer,
    storage_configuration jsonb DEFAULT '{}' NOT NULL,
    revision integer DEFAULT 1 NOT NULL,
    event_id uuid DEFAULT uuidv7() NOT NULL,
    created timestamptz DEFAULT clock_timestamp() NOT NULL,
    updated timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_work_pool PRIMARY KEY (id),
    CONSTRAINT uq_work_pool_name UNIQUE (name),
    CONSTRAINT ck_work_pool_name CHECK (name ~ '^[^/%&><]+$'),
    CONSTRAINT ck_work_pool_type CHECK (type ~ '^[^/%&><?]+$'),
    CONSTRAINT ck_work_pool_concurrency_limit CHECK (concurrency_limit >= 0),
    CONSTRAINT ck_work_pool_status CHECK (status IN ('READY', 'NOT_READY', 'PAUSED')),
    CONSTRAINT ck_work_pool_is_paused CHECK (is_paused = (status = 'PAUSED')),
    CONSTRAINT ck_work_pool_agents_have_no_status CHECK ((type = 'prefect-agent') = (status IS NULL)),
    CONSTRAINT ck_work_pool_revision CHECK (revision >= 1)
);

CREATE TABLE work_queue (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    work_pool_id uuid NOT NULL,
    name text NOT NULL,
    description text DEFAULT '' NOT NULL,
    is_default boolean DEFAULT false NOT NULL,
    is_paused boolean DEFAULT false NOT NULL,
    status text DEFAULT 'NOT_READY' NOT NULL,
    concurrency_limit integer,
    priority integer DEFAULT 1 NOT NULL,
    filter jsonb,
    last_polled timestamptz,
    revision integer DEFAULT 1 NOT NULL,
    event_id uuid DEFAULT uuidv7() NOT NULL,
    created timestamptz DEFAULT clock_timestamp() NOT NULL,
    updated timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_work_queue PRIMARY KEY (id),
    CONSTRAINT uq_work_queue_work_pool_id_name UNIQUE (work_pool_id, name),
    CONSTRAINT fk_work_queue_work_pool_id FOREIGN KEY (work_pool_id) REFERENCES work_pool (id),
    CONSTRAINT ck_work_queue_name CHECK (name ~ '^[^/%&><]+$'),
    CONSTRAINT ck_work_queue_concurrency_limit CHECK (concurrency_limit >= 0),
    CONSTRAINT ck_work_queue_priority CHECK (priority >= 1),
    CONSTRAINT ck_work_queue_status CHECK (status IN ('READY', 'NOT_READY', 'PAUSED')),
    CONSTRAINT ck_work_queue_is_paused CHECK (is_paused = (status = 'PAUSED')),
    CONSTRAINT ck_work_queue_revision CHECK (revision >= 1)
);
-- A pool has at most one default queue.
CREATE UNIQUE INDEX uq_work_queue_default ON work_queue (work_pool_id) WHERE is_default;

CREATE TABLE pool_worker (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    work_pool_id uuid NOT NULL,
    name text NOT NULL,
    heartbeat_interval_seconds integer,
    online_until timestamptz NOT NULL,
    created timestamptz DEFAULT clock_timestamp() NOT NULL,
    updated timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_pool_worker PRIMARY KEY (id),
    CONSTRAINT uq_pool_worker_work_pool_id_name UNIQUE (work_pool_id, name),
    CONSTRAINT fk_pool_worker_work_pool_id FOREIGN KEY (work_pool_id) REFERENCES work_pool (id)
);

CREATE TABLE concurrency_limit (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    "limit" integer NOT NULL,
    active boolean DEFAULT true NOT NULL,
    active_slots integer DEFAULT 0 NOT NULL,
    denied_slots integer DEFAULT 0 NOT NULL,
    slot_decay_per_second double precision DEFAULT 0 NOT NULL,
    avg_slot_occupancy_seconds double precision DEFAULT 2.0 NOT NULL,
    revision integer DEFAULT 1 NOT NULL,
    event_id uuid DEFAULT uuidv7() NOT NULL,
    created timestamptz DEFAULT clock_timestamp() NOT NULL,
    updated timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_concurrency_limit PRIMARY KEY (id),
    CONSTRAINT uq_concurrency_limit_name UNIQUE (name),
    CONSTRAINT ck_concurrency_limit_name CHECK (name ~ '^[^/%&><]+$'),
    CONSTRAINT ck_concurrency_limit_limit CHECK ("limit" >= 0),
    CONSTRAINT ck_concurrency_limit_active_slots CHECK (active_slots >= 0),
    CONSTRAINT ck_concurrency_limit_slot_decay_per_second CHECK (slot_decay_per_second >= 0),
    CONSTRAINT ck_concurrency_limit_revision CHECK (revision >= 1)
);

CREATE TABLE deployment (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    flow_id uuid NOT NULL,
    work_queue_id uuid,
    concurrency_limit_id uuid,
    concurrency_limit integer,
    concurrency_options jsonb,
    description text,
    version text,
    path text,
    entrypoint text,
    paused boolean DEFAULT false NOT NULL,
    tags jsonb DEFAULT '[]' NOT NULL,
    labels jsonb DEFAULT '{}' NOT NULL,
    parameters jsonb DEFAULT '{}' NOT NULL,
    parameter_openapi_schema jsonb,
    enforce_parameter_schema boolean DEFAULT true NOT NULL,
    pull_steps jsonb,
    infra_overrides jsonb DEFAULT '{}' NOT NULL,
    schedules jsonb DEFAULT '[]' NOT NULL,
    status text DEFAULT 'NOT_READY' NOT NULL,
    last_polled timestamptz,
    storage_document_id uuid,
    infrastructure_document_id uuid,
    revision integer DEFAULT 1 NOT NULL,
    event_id uuid DEFAULT uuidv7() NOT NULL,
    created timestamptz DEFAULT clock_timestamp() NOT NULL,
    updated timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_deployment PRIMARY KEY (id),
    CONSTRAINT uq_deployment_flow_id_name UNIQUE (flow_id, name),
    CONSTRAINT fk_deployment_flow_id FOREIGN KEY (flow_id) REFERENCES flow (id),
    CONSTRAINT fk_deployment_work_queue_id FOREIGN KEY (work_queue_id) REFERENCES work_queue (id),
    -- Deferred, because a deployment's own limit is written after the deployment, whose id its name contains.
    CONSTRAINT fk_deployment_concurrency_limit_id FOREIGN KEY (concurrency_limit_id) REFERENCES concurrency_limit (id)
        DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT ck_deployment_name CHECK (name ~ '^[^/%&><]+$'),
    CONSTRAINT ck_deployment_concurrency_limit CHECK (concurrency_limit > 0),
    CONSTRAINT ck_deployment_own_limit_has_its_row CHECK (
        concurrency_limit IS NULL OR concurrency_limit_id IS NOT NULL
    ),
    CONSTRAINT ck_deployment_tags CHECK (jsonb_typeof(tags) = 'array'),
    CONSTRAINT ck_deployment_schedules CHECK (jsonb_typeof(schedules) = 'array'),
    CONSTRAINT ck_deployment_status CHECK (status IN ('READY', 'NOT_READY')),
    CONSTRAINT ck_deployment_revision CHECK (revision >= 1)
);
CREATE INDEX ix_deployment_work_queue_id ON deployment (work_queue_id);
CREATE INDEX ix_deployment_concurrency_limit_id ON deployment (concurrency_limit_id);
CREATE INDEX ix_deployment_not_ready ON deployment (work_queue_id) WHERE status = 'NOT_READY';

-- Only the digest of a key is stored.
CREATE TABLE api_key (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    digest bytea NOT NULL,
    hint text NOT NULL,
    role text NOT NULL,
    may_act_for_others boolean DEFAULT false NOT NULL,
    created timestamptz DEFAULT clock_timestamp() NOT NULL,
    expires timestamptz,
    last_used timestamptz,
    revoked timestamptz,
    expiry_noticed timestamptz,
    CONSTRAINT pk_api_key PRIMARY KEY (id),
    CONSTRAINT uq_api_key_name UNIQUE (name),
    CONSTRAINT uq_api_key_digest UNIQUE (digest),
    CONSTRAINT ck_api_key_name CHECK (length(name) BETWEEN 1 AND 200),
    CONSTRAINT ck_api_key_digest CHECK (octet_length(digest) = 32),
    CONSTRAINT ck_api_key_hint CHECK (length(hint) BETWEEN 1 AND 8),
    CONSTRAINT ck_api_key_role CHECK (role IN ('read', 'write', 'admin')),
    CONSTRAINT ck_api_key_expires CHECK (expires > created),
    CONSTRAINT ck_api_key_last_used CHECK (last_used >= created),
    CONSTRAINT ck_api_key_revoked CHECK (revoked >= created),
    CONSTRAINT ck_api_key_expiry_noticed CHECK (
        expiry_noticed IS NULL OR (expires IS NOT NULL AND expiry_noticed >= expires)
    )
);

-- Its single row says which key and rules the masks of this database were made with.
CREATE TABLE masking_key (
    id integer NOT NULL,
    fingerprint bytea NOT NULL,
    rules jsonb NOT NULL,
    since timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_masking_key PRIMARY KEY (id),
    CONSTRAINT ck_masking_key_single_row CHECK (id = 1),
    CONSTRAINT ck_masking_key_fingerprint CHECK (octet_length(fingerprint) = 32),
    CONSTRAINT ck_masking_key_rules CHECK (jsonb_typeof(rules) = 'object')
);
