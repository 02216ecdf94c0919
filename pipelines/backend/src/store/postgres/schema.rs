//! Tables brought to this version, by whoever starts first. Versions only go up; a store that a
//! later program has changed is left alone.

use tailrace_contract::StoreError;

use super::fault::store_error;
use super::pool::Session;

/// What leads from each version to the next.
const MIGRATIONS: [&str; 1] = [include_str!("migrations/0001_first.sql")];
/// Length of a name in PostgreSQL.
const SCHEMA_BYTES_MAX: usize = 63;

/// Whether a name can stand in statements without quotes.
///
/// # Errors
/// It cannot.
pub(super) fn check_name(schema: &str) -> Result<(), StoreError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let starts = schema.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if starts && schema.len() <= SCHEMA_BYTES_MAX && schema.bytes().all(plain) {
        return Ok(());
    }
    let cause = format!(
        "the schema {schema:?} is not of small letters, digits and '_', at most \
         {SCHEMA_BYTES_MAX} of them"
    );
    Err(StoreError::Backend { cause })
}

/// Brings the tables to this version. Those who start at the same time wait for each other.
pub(super) async fn migrate(session: &Session, schema: &str) -> Result<(), StoreError> {
    try_timescale(session).await;
    session
        .run(&format!(
            "BEGIN;
             SELECT pg_advisory_xact_lock(hashtext('tailrace schema {schema}'));
             CREATE SCHEMA IF NOT EXISTS {schema};
             CREATE TABLE IF NOT EXISTS migrations (
                 version integer PRIMARY KEY,
                 applied timestamptz NOT NULL DEFAULT now());"
        ))
        .await?;
    let newest = "SELECT coalesce(max(version), 0) FROM migrations";
    let row = session.client.query_one(newest, &[]).await.map_err(|error| store_error(&error))?;
    let version = usize::try_from(row.get::<_, i32>(0)).unwrap_or_default();
    if version > MIGRATIONS.len() {
        return Err(too_new(schema, version));
    }
    for (migration, version) in MIGRATIONS.iter().zip(1..).skip(version) {
        session.run(migration).await?;
        session.run(&format!("INSERT INTO migrations (version) VALUES ({version})")).await?;
    }
    session.run("COMMIT").await
}

/// It is used where it is installed and may be created; nothing depends on it.
async fn try_timescale(session: &Session) {
    let create = "DO $$ BEGIN
             IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb') THEN
                 CREATE EXTENSION IF NOT EXISTS timescaledb;
             END IF;
         END $$";
    if let Err(error) = session.run(create).await {
        tracing::info!(%error, "TimescaleDB is not used");
    }
}

fn too_new(schema: &str, version: usize) -> StoreError {
    let cause = format!(
        "the tables of schema \"{schema}\" have version {version}, this program knows up to \
         {}: a later program made them; use that one, or another schema",
        MIGRATIONS.len()
    );
    StoreError::Backend { cause }
}
