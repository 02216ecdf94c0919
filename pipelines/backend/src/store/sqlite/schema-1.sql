-- Version 1. Times are milliseconds since 1970 in UTC; texts compare by their bytes.

-- One row a batch: its identity makes that it takes effect once. The run stands first, because an
-- audit asks for a run of one tenant or of all.
create table batches (
    id integer primary key,
    tenant text not null,
    -- 32 hexadecimal digits
    run text not null,
    producer text not null,
    seq integer not null,
    received_ms integer not null,
    -- how many rows it brought
    metrics integer not null,
    unique (run, tenant, producer, seq)
) strict;

-- One row a metric. The number joins that of its batch with its place there (see `ids.rs`): new
-- rows then stand at the end of the table, and no second index is needed to find those of a batch.
create table metrics (
    id integer primary key,
    tenant text not null,
    name text not null,
    -- its own time, or that of its batch's arrival
    time_ms integer not null,
    -- 1: the time is its own
    timed integer not null,
    value real not null,
    -- a JSON object in the order of the body; null: none
    attributes text,
    batch integer generated always as (id >> 10) virtual,
    place integer generated always as (id & 1023) virtual
) strict;

-- Rows of a name, newest first.
create index metrics_by_name on metrics (tenant, name, time_ms);
-- Rows of all names, newest first.
create index metrics_by_time on metrics (tenant, time_ms);

create table rollups_minute (
    tenant text not null,
    name text not null,
    start_ms integer not null,
    count integer not null,
    sum real not null,
    min real not null,
    max real not null,
    primary key (tenant, name, start_ms)
) strict, without rowid;

create table rollups_hour (
    tenant text not null,
    name text not null,
    start_ms integer not null,
    count integer not null,
    sum real not null,
    min real not null,
    max real not null,
    primary key (tenant, name, start_ms)
) strict, without rowid;

-- Entries of a log that could not be stored.
create table dead_letters (
    id integer primary key autoincrement,
    log text not null,
    position text not null,
    -- the identity as JSON, where it could be read
    identity text,
    reason text not null,
    body blob not null,
    received_ms integer,
    buried_ms integer not null,
    unique (log, position)
) strict;
