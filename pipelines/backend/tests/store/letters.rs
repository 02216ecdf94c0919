//! Dead letters.

use std::sync::Arc;

use bytes::Bytes;
use tailrace_contract::{Committed, DeadLetter, Position, Store, StoreError};

use crate::made::{ALWAYS, NOON_MS, aggregate, batch, is_whole, metric, named, question};

type Fresh = Arc<dyn Store>;

fn letter(log: &str, minor: u64) -> DeadLetter {
    DeadLetter {
        log: log.into(),
        position: Position { major: 1_526_919_030_474, minor },
        id: None,
        reason: "it is no batch: expected value at line 1 column 1".into(),
        body: Bytes::from_static(b"\x00\xff not a body"),
        received_ms: None,
        buried_ms: NOON_MS,
    }
}

pub(crate) async fn a_letter_is_kept_once(store: Fresh) {
    let mut id = batch(0, Vec::new()).id;
    // What is no sequence is a reason to be buried, and must be shown all the same.
    id.seq = u64::MAX;
    let full = DeadLetter { id: Some(id), received_ms: Some(NOON_MS), ..letter("a", 1) };
    store.bury(vec![full.clone(), letter("a", 2)]).await.unwrap();
    store.bury(vec![DeadLetter { reason: "again".into(), ..letter("a", 1) }]).await.unwrap();
    store.bury(vec![letter("b", 1), letter("b", 1)]).await.unwrap();
    let letters: Vec<_> =
        store.dead(0, 10).await.unwrap().into_iter().map(|(_, letter)| letter).collect();
    assert_eq!(letters, [full, letter("a", 2), letter("b", 1)]);
    assert_eq!(store.reconcile().await.unwrap().dead, 3);
}

pub(crate) async fn letters_come_in_pages(store: Fresh) {
    store.bury((0..5).map(|minor| letter("a", minor)).collect()).await.unwrap();
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let page = store.dead(after, 2).await.unwrap();
        assert!(page.len() <= 2);
        let Some(&(last, _)) = page.last() else { break };
        after = last;
        seen.extend(page.into_iter().map(|(_, letter)| letter.position.minor));
    }
    assert_eq!(seen, [0, 1, 2, 3, 4]);
}

pub(crate) async fn a_letter_is_revived_once(store: Fresh) {
    store.bury(vec![letter("a", 1), letter("a", 2)]).await.unwrap();
    let letters = store.dead(0, 10).await.unwrap();
    let mended = batch(0, vec![metric("a", 1.0)]);
    let first = store.revive(letters[0].0, mended.clone()).await.unwrap();
    assert_eq!(first, Committed { new: 1, duplicate: 0, metrics: 1 });
    let again = store.revive(letters[0].0, mended.clone()).await.unwrap_err();
    assert!(matches!(again, StoreError::Refused { .. }), "{again}");
    // The other one turns out to be the same batch: it goes, and nothing is stored twice.
    let other = store.revive(letters[1].0, mended).await.unwrap();
    assert_eq!(other, Committed { new: 0, duplicate: 1, metrics: 0 });
    assert_eq!(store.dead(0, 10).await.unwrap(), []);
    assert_eq!(aggregate(&*store, &question(ALWAYS, named("a"))).await[0].count, 1);
    is_whole(&*store).await;
}

pub(crate) async fn what_is_still_poison_stays_a_letter(store: Fresh) {
    store.bury(vec![letter("a", 1)]).await.unwrap();
    let number = store.dead(0, 10).await.unwrap()[0].0;
    let refused = store.revive(number, batch(0, vec![metric("a", f64::NAN)])).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused { .. }), "{refused}");
    assert_eq!(store.dead(0, 10).await.unwrap().len(), 1);
    let unknown = store.revive(number + 1_000, batch(0, vec![metric("a", 1.0)])).await;
    assert!(matches!(unknown, Err(StoreError::Refused { .. })));
    assert_eq!(aggregate(&*store, &question(ALWAYS, named("a"))).await, []);
}
