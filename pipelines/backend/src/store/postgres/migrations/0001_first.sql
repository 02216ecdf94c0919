-- Texts are compared by their bytes: orders and prefixes are then those of every other store.

-- Every batch that was stored, once. A run is random, so it comes first in the key: an audit
-- asks for one run of all tenants.
CREATE TABLE batches (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run uuid NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    producer text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    received_ms bigint NOT NULL,
    metrics integer NOT NULL,
    CONSTRAINT batches_identity UNIQUE (run, tenant, producer, seq)
);

-- Names are few and metrics are many: a metric and its index hold four bytes instead of a tenant
-- and a name. A name may be here without any metric.
CREATE TABLE names (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    CONSTRAINT names_of_tenants UNIQUE (tenant, name)
);

-- No key: batches are unique, and a key would cost three quarters of the rate. Wide columns
-- first, so that none needs padding. Attributes are json, not jsonb: the order of the body and
-- the spelling of numbers stay, and writing costs less. The table itself is made below.
CREATE TABLE metrics_columns (
    time_ms bigint NOT NULL,
    batch bigint NOT NULL,
    value double precision NOT NULL,
    name_id integer NOT NULL,
    index smallint NOT NULL,
    -- Whether the time is the metric's own, not that of its batch's arrival.
    timed boolean NOT NULL,
    attributes json
);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        CREATE TABLE metrics (LIKE metrics_columns);
        PERFORM create_hypertable('metrics', 'time_ms', chunk_time_interval => 86400000::bigint,
                                  create_default_indexes => false);
    ELSE
        CREATE TABLE metrics (LIKE metrics_columns) PARTITION BY RANGE (time_ms);
        -- Takes what no day has a partition for; a commit never fails for the lack of one.
        CREATE TABLE metrics_other PARTITION OF metrics DEFAULT;
    END IF;
END $$;

DROP TABLE metrics_columns;

-- Pages and aggregates go through this one, name by name.
CREATE INDEX metrics_name_time ON metrics (name_id, time_ms);
-- Audits count the rows of a stretch of batches, which were written one after the other: a block
-- range index has an entry for a hundred pages, and costs a tenth of what a commit costs.
CREATE INDEX metrics_batch ON metrics USING brin (batch) WITH (autosummarize = on);

-- Makes the partition of the day that begins at this time. Attached rather than created in place:
-- that lets others go on writing.
CREATE FUNCTION add_partition(day_ms bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    partition text := 'metrics_' ||
        to_char(to_timestamp(day_ms / 1000) AT TIME ZONE 'UTC', 'YYYYMMDD');
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('tailrace partition ' || current_schema()));
    IF to_regclass(format('%I.%I', current_schema(), partition)) IS NULL THEN
        EXECUTE format('CREATE TABLE %I (LIKE metrics)', partition);
        EXECUTE format('ALTER TABLE metrics ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
                       partition, day_ms, day_ms + 86400000);
    END IF;
END $$;

-- Updated in place many times each: room in every page keeps the indexes out of it.
CREATE TABLE rollups_minute (
    name_id integer NOT NULL,
    start_ms bigint NOT NULL,
    count bigint NOT NULL,
    sum double precision NOT NULL,
    min double precision NOT NULL,
    max double precision NOT NULL,
    PRIMARY KEY (name_id, start_ms)
) WITH (fillfactor = 60);

CREATE TABLE rollups_hour (LIKE rollups_minute INCLUDING ALL) WITH (fillfactor = 60);

-- The sum of two finite numbers, at most the largest finite one: PostgreSQL would refuse it, and
-- with it the whole batch.
CREATE FUNCTION saturating_sum(a double precision, b double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN b > 0 AND a >= 1.797693134862315e308 - b THEN 1.7976931348623157e308
        WHEN b < 0 AND a <= -1.797693134862315e308 - b THEN -1.7976931348623157e308
        ELSE a + b
    END
$$;

CREATE TABLE dead_letters (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    log text NOT NULL,
    position text NOT NULL,
    -- As JSON, because it may hold what no column takes.
    identity text,
    reason text NOT NULL,
    body bytea NOT NULL,
    received_ms bigint,
    buried_ms bigint NOT NULL,
    CONSTRAINT dead_letters_once UNIQUE (log, position)
);
