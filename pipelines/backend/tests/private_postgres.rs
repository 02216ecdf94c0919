//! A PostgreSQL of one's own: it starts as whoever may, keeps what was committed over its death,
//! and leaves nothing behind.

use tailrace_backend::Found;
use tailrace_backend::private::{Commits, PrivatePostgres};
use tokio_postgres::{Client, NoTls};

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // Ends with the client, or with the server.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

#[tokio::test]
async fn keeps_what_was_committed_and_leaves_nothing_behind() {
    let core = *tailrace_sys::allowed_cores().last().unwrap();
    let mut postgres = PrivatePostgres::start(Commits::Synced, Some(&[core])).unwrap();
    let (port, url, dir) = (postgres.port(), postgres.url(), postgres.dir().to_owned());
    let client = connect(&url).await.unwrap();
    client.batch_execute("CREATE TABLE kept AS SELECT 7 AS n").await.unwrap();
    for (name, value) in postgres.settings() {
        let row = client.query_one("SELECT current_setting($1)", &[&name]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), value, "{name}");
    }
    let pids = postgres.pids();
    for pid in &pids {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        assert!(status.contains(&format!("Cpus_allowed_list:\t{core}\n")), "{status}");
    }

    postgres.restart().unwrap();
    assert_eq!((postgres.port(), postgres.url()), (port, url.clone()));
    assert!(client.simple_query("SELECT 1").await.is_err(), "the connection died with it");
    let client = connect(&url).await.unwrap();
    assert_eq!(client.query_one("SELECT n FROM kept", &[]).await.unwrap().get::<_, i32>(0), 7);

    let stranger = url.replace("postgres://tailrace:", "postgres://tailrace:not-");
    assert!(connect(&stranger).await.is_err(), "others on this machine do not know its password");
    assert!(!format!("{postgres:?}").contains(url.split([':', '@']).nth(2).unwrap()));

    let pids = [pids, postgres.pids()].concat();
    drop(postgres);
    assert!(!dir.exists());
    for pid in pids {
        // One whose parent was killed may wait for its next parent to take note.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
    }
}

#[tokio::test]
async fn a_paused_one_does_not_answer_until_it_is_resumed() {
    let postgres = PrivatePostgres::start(Commits::Lazy, None).unwrap();
    let client = connect(&postgres.url()).await.unwrap();
    postgres.pause().unwrap();
    let question = client.query_one("SELECT 1", &[]);
    tokio::pin!(question);
    let patience = std::time::Duration::from_millis(100);
    assert!(tokio::time::timeout(patience, &mut question).await.is_err());
    postgres.resume().unwrap();
    assert_eq!(question.await.unwrap().get::<_, i32>(0), 1);
    // What is frozen ends like any other.
    postgres.pause().unwrap();
    let dir = postgres.dir().to_owned();
    drop(postgres);
    assert!(!dir.exists());
}

#[test]
fn a_given_url_comes_before_installed_binaries() {
    let given = "postgres://x/".to_owned();
    assert_eq!(Found::postgres(Some(&given)), Found::Given(given));
    assert_eq!(Found::postgres(None), Found::Private);
}
