//! Which index each question uses, as SQLite itself explains it. A question that reads a whole
//! table, or sorts what an index has in order, is slow only when there is much: no other test
//! would see it.

use rusqlite::Connection;

use super::{audit, letters, questions, reconcile, scan, schema};

/// The plan of a statement, one line a step.
fn plan(sql: &str) -> String {
    let mut connection = Connection::open_in_memory().unwrap();
    schema::migrate(&mut connection).unwrap();
    let mut statement = connection.prepare(&format!("explain query plan {sql}")).unwrap();
    // The plan depends on the statement, not on what its parameters will be.
    let rows = statement.raw_query().mapped(|row| row.get::<_, String>(3));
    rows.collect::<Result<Vec<_>, _>>().unwrap().join("\n")
}

/// Every step stands there, and nothing is sorted that need not be.
fn check(sql: &str, steps: &[&str]) {
    let plan = plan(sql);
    for step in steps {
        assert!(plan.contains(step), "{sql}\nhas the plan\n{plan}\nwithout {step}");
    }
    assert!(!plan.contains("TEMP B-TREE"), "{sql}\nsorts:\n{plan}");
}

#[test]
fn pages_and_aggregates_walk_an_index_from_the_newest_row() {
    let by_name = "USING INDEX metrics_by_name (tenant=? AND name=? AND time_ms>? AND time_ms<?)";
    check(scan::BY_NAME, &[by_name]);
    check(scan::BY_TIME, &["USING INDEX metrics_by_time (tenant=? AND time_ms>? AND time_ms<?)"]);
    check(questions::ORIGIN, &["SEARCH batches USING INTEGER PRIMARY KEY (rowid=?)"]);
}

#[test]
fn names_are_found_by_leaps_not_by_reading_all_rollups() {
    check(
        scan::NAMES,
        &[
            "rollups_hour USING PRIMARY KEY (tenant=? AND name>?)",
            "SEARCH rollups_hour USING PRIMARY KEY (tenant=? AND name>?)",
        ],
    );
    assert!(!plan(scan::NAMES).contains("SCAN rollups_hour"));
}

#[test]
fn rollups_are_read_by_their_key() {
    for sql in questions::ROLLUPS.into_iter().chain([questions::LAST_MINUTE]) {
        check(sql, &["USING PRIMARY KEY (tenant=? AND name=? AND start_ms>? AND start_ms<?)"]);
    }
}

#[test]
fn reconciling_reads_both_sides_in_one_order() {
    check(reconcile::VALUES, &["SCAN metrics USING INDEX metrics_by_name"]);
    for sql in reconcile::ROLLUPS {
        check(sql, &["SCAN rollups_"]);
    }
}

/// An audit sorts the batches of its run by their numbers: that much it may.
#[test]
fn an_audit_reads_its_run_only() {
    for (sql, key) in audit::BATCHES.into_iter().zip(["run=?", "run=? AND tenant=?"]) {
        let plan = plan(sql);
        let search =
            format!("SEARCH batches USING COVERING INDEX sqlite_autoindex_batches_1 ({key})");
        assert!(plan.contains(&search), "{plan}");
        let rows = "SEARCH metrics USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)";
        assert!(plan.contains(rows), "{plan}");
    }
}

#[test]
fn letters_are_read_in_the_order_of_their_numbers() {
    check(letters::AFTER, &["SEARCH dead_letters USING INTEGER PRIMARY KEY (rowid>?)"]);
}

/// Indexes that no question needs would only cost writes.
#[test]
fn there_is_no_other_index() {
    let mut connection = Connection::open_in_memory().unwrap();
    schema::migrate(&mut connection).unwrap();
    let mut indexes = connection
        .prepare(
            "select name from sqlite_schema where type = 'index' and sql is not null order by 1",
        )
        .unwrap();
    let names: Vec<String> =
        indexes.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(names, ["metrics_by_name", "metrics_by_time"]);
}
