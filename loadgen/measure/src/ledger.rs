//! The audit of a trial: what the generator saw acknowledged against what the log holds. It works
//! on ranges of sequences, first and last of each included, and keeps no row a batch. How the
//! log was asked, and what it survives, is not known here.

use crate::record::{AuditSeal, Ledger, Outcomes, StoreLedger};

/// First and last sequence of a run of batches.
pub type Range = (u64, u64);

/// One producer of a trial, from both ends. Ranges may come in any order and touch.
#[derive(Debug, Clone, Copy, Default)]
pub struct Account<'a> {
    /// Acknowledged to the generator, in time or not.
    pub acked: &'a [Range],
    /// Held by the log.
    pub present: &'a [Range],
    /// Held by the log more than once.
    pub repeated: &'a [Range],
    /// Stored after a batch with a larger sequence.
    pub out_of_order: u64,
}

/// Sums up the producers of a trial. `outcomes` covers every batch that was due, warm-up
/// included; `live` is how many sampled batches a live subscriber should have seen, and saw.
pub fn reconcile(accounts: &[Account<'_>], outcomes: Outcomes, live: (u64, u64)) -> Ledger {
    let mut ledger = Ledger { outcomes, present: Some(0), ..Ledger::default() };
    (ledger.live_due, ledger.live_seen) = live;
    for account in accounts {
        let (acked, present) = (tidy(account.acked), tidy(account.present));
        *ledger.present.get_or_insert(0) += size(&present);
        ledger.missing.extend(subtract(&acked, &present));
        ledger.twice.extend(intersect(&tidy(account.repeated), &acked));
        ledger.indeterminate += size(&subtract(&present, &acked));
        ledger.out_of_order += account.out_of_order;
    }
    ledger
}

/// The ledger of a trial that could not be audited: `why` is a sentence.
pub fn not_audited(outcomes: Outcomes, live: (u64, u64), why: &str) -> Ledger {
    let not_audited = Some(why.to_owned());
    let (live_due, live_seen) = live;
    Ledger { outcomes, live_due, live_seen, not_audited, ..Ledger::default() }
}

/// What the store of a trial holds, against what was acknowledged. `metrics` are the rows that it
/// counted, and every batch has `batch_metrics` of them.
pub fn reconcile_store(
    accounts: &[Account<'_>],
    metrics: u64,
    batch_metrics: u32,
    drained_ms: Option<f64>,
) -> StoreLedger {
    let Ledger { present, missing, twice, indeterminate, .. } =
        reconcile(accounts, Outcomes::default(), (0, 0));
    let repeated: u64 = accounts.iter().map(|account| size(&tidy(account.repeated))).sum();
    // What is there more than once is told as such, and not once more by its rows.
    let copies = present.unwrap_or(0) + repeated;
    StoreLedger {
        present,
        metrics,
        metrics_expected: copies * u64::from(batch_metrics),
        missing,
        twice,
        indeterminate,
        drained_ms,
        not_audited: None,
    }
}

impl Ledger {
    /// Puts the store's account beside the log's. A log may forget what the store holds: trimming
    /// is what a worker's acknowledgement allows. Only what neither of them holds is missing in the
    /// log; what the store alone lacks is told in its own account.
    #[must_use]
    pub fn beside(mut self, store: Option<StoreLedger>) -> Self {
        if let Some(audited) = store.as_ref().filter(|store| store.present.is_some()) {
            self.missing = intersect(&tidy(&self.missing), &tidy(&audited.missing));
        }
        self.store = store;
        self
    }
}

/// BROKEN when an acknowledged batch is missing or was stored twice, in the log or in the store,
/// or the store's rows do not belong to its batches. A batch that is stored but was never
/// acknowledged is indeterminate and no fault.
pub fn audit_seal(ledger: &Ledger) -> AuditSeal {
    let store = ledger.store.as_ref();
    let unasked = |store: &StoreLedger| store.not_audited.is_some() || store.present.is_none();
    let log_broken = !ledger.missing.is_empty() || !ledger.twice.is_empty();
    if log_broken || store.is_some_and(|store| store.fault().is_some()) {
        AuditSeal::Broken
    } else if ledger.not_audited.is_some() || ledger.present.is_none() || store.is_some_and(unasked)
    {
        AuditSeal::NotAudited
    } else {
        AuditSeal::Kept
    }
}

/// How many sequences some disjoint ranges hold.
pub fn size(ranges: &[Range]) -> u64 {
    ranges.iter().map(|(first, last)| last - first + 1).sum()
}

/// In order, disjoint, and not touching.
fn tidy(ranges: &[Range]) -> Vec<Range> {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable();
    let mut tidy: Vec<Range> = Vec::with_capacity(sorted.len());
    for (first, last) in sorted {
        match tidy.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => tidy.push((first, last)),
        }
    }
    tidy
}

/// What is in both; both are tidy.
fn intersect(a: &[Range], b: &[Range]) -> Vec<Range> {
    let (mut common, mut i, mut j) = (Vec::new(), 0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        let (first, last) = (x.0.max(y.0), x.1.min(y.1));
        if first <= last {
            common.push((first, last));
        }
        if x.1 < y.1 { i += 1 } else { j += 1 }
    }
    common
}

/// What is in `a` but not in `b`; both are tidy.
fn subtract(a: &[Range], b: &[Range]) -> Vec<Range> {
    let (mut left, mut next) = (Vec::new(), 0);
    for &(first, last) in a {
        let mut from = Some(first);
        while let (Some(start), Some(&(hole, end))) = (from, b.get(next)) {
            if hole > last {
                break;
            }
            if start < hole {
                left.push((start, hole - 1));
            }
            // A hole may also reach into the next range of `a`: it is kept for that one.
            if end > last {
                from = None;
                break;
            }
            from = end.checked_add(1).map(|after| start.max(after)).filter(|after| *after <= last);
            next += 1;
        }
        left.extend(from.map(|start| (start, last)));
    }
    left
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn check(account: Account<'_>, expect: (&[Range], &[Range], u64, AuditSeal)) {
        let ledger = reconcile(&[account], Outcomes::default(), (0, 0));
        let seal = audit_seal(&ledger);
        let actual = (&*ledger.missing, &*ledger.twice, ledger.indeterminate, seal);
        assert_eq!(actual, expect);
    }

    #[test]
    fn accounts_are_settled() {
        let all = Account { acked: &[(1, 9)], present: &[(5, 9), (1, 4)], ..Account::default() };
        check(all, (&[], &[], 0, AuditSeal::Kept));
        let lost = Account { acked: &[(1, 9)], present: &[(1, 3), (6, 12)], ..Account::default() };
        check(lost, (&[(4, 5)], &[], 3, AuditSeal::Broken));
        let twice = Account { repeated: &[(8, 11)], acked: &[(1, 9)], ..all };
        check(twice, (&[], &[(8, 9)], 0, AuditSeal::Broken));
        // Sent again because nobody answered, stored twice, never acknowledged: no promise broken.
        let unanswered = Account { repeated: &[(5, 6)], acked: &[(1, 4)], ..all };
        check(unanswered, (&[], &[], 5, AuditSeal::Kept));
    }

    #[test]
    fn producers_are_summed_up() {
        let one =
            Account { acked: &[(1, 2)], present: &[(1, 2)], out_of_order: 1, ..Account::default() };
        let other =
            Account { acked: &[(1, 3)], present: &[(2, 4)], out_of_order: 2, ..Account::default() };
        let outcomes = Outcomes { scheduled: 6, ..Outcomes::default() };
        let ledger = reconcile(&[one, other], outcomes, (4, 3));
        assert_eq!((ledger.present, ledger.out_of_order, ledger.indeterminate), (Some(5), 3, 1));
        assert_eq!((ledger.live_due, ledger.live_seen), (4, 3));
        assert_eq!((ledger.missing, ledger.outcomes.scheduled), (vec![(1, 1)], 6));
    }

    #[test]
    fn a_store_is_judged_beside_the_log() {
        let account = |present: &'static [Range], repeated: &'static [Range]| Account {
            acked: &[(1, 9)],
            present,
            repeated,
            out_of_order: 0,
        };
        let check = |account: Account<'_>, rows, seal, fault: Option<&str>| {
            let log = Account { present: &[(1, 9)], repeated: &[], ..account };
            let mut ledger = reconcile(&[log], Outcomes::default(), (0, 0));
            ledger.store = Some(reconcile_store(&[account], rows, 10, Some(1.0)));
            assert_eq!(audit_seal(&ledger), seal);
            assert_eq!(ledger.store.unwrap().fault().as_deref(), fault);
        };
        check(account(&[(1, 9)], &[]), 90, AuditSeal::Kept, None);
        // More than was acknowledged: its answer may have been lost.
        check(account(&[(1, 11)], &[]), 110, AuditSeal::Kept, None);
        let missing = Some("1 acknowledged missing");
        check(account(&[(1, 8)], &[]), 80, AuditSeal::Broken, missing);
        let twice = Some("2 acknowledged stored twice");
        check(account(&[(1, 9)], &[(3, 4)]), 110, AuditSeal::Broken, twice);
        let torn = Some("89 rows where 90 belong");
        check(account(&[(1, 9)], &[]), 89, AuditSeal::Broken, torn);
        let mut silent = reconcile(&[account(&[(1, 9)], &[])], Outcomes::default(), (0, 0));
        silent.store = Some(StoreLedger { not_audited: Some("x".into()), ..Default::default() });
        assert_eq!(audit_seal(&silent), AuditSeal::NotAudited);
    }

    #[test]
    fn a_log_may_forget_what_the_store_holds_and_nothing_else() {
        let of = |present: &'static [Range]| Account {
            acked: &[(1, 9)],
            present,
            repeated: &[],
            out_of_order: 0,
        };
        let check = |log, stored, rows, missing: &[Range], seal| {
            let log = reconcile(&[of(log)], Outcomes::default(), (0, 0));
            let ledger = log.beside(Some(reconcile_store(&[of(stored)], rows, 1, None)));
            assert_eq!((ledger.missing.as_slice(), audit_seal(&ledger)), (missing, seal));
        };
        check(&[(5, 9)], &[(1, 9)], 9, &[], AuditSeal::Kept);
        check(&[(5, 9)], &[(3, 9)], 7, &[(1, 2)], AuditSeal::Broken);
        check(&[(1, 9)], &[(3, 9)], 7, &[], AuditSeal::Broken);
        let log = reconcile(&[of(&[(5, 9)])], Outcomes::default(), (0, 0));
        let silent = StoreLedger { not_audited: Some("x".into()), ..StoreLedger::default() };
        assert_eq!(log.clone().beside(Some(silent)).missing, [(1, 4)], "nobody asked the store");
        assert_eq!(log.beside(None).missing, [(1, 4)]);
    }

    #[test]
    fn what_was_not_audited_is_not_kept() {
        let ledger = not_audited(Outcomes::default(), (0, 0), "the floor stores nothing");
        assert_eq!(audit_seal(&ledger), AuditSeal::NotAudited);
    }

    fn ranges() -> impl Strategy<Value = Vec<Range>> {
        let range = (0_u64..60, 0_u64..8).prop_map(|(first, length)| (first, first + length));
        prop::collection::vec(range, 0..8)
    }

    fn plain(ranges: &[Range]) -> BTreeSet<u64> {
        ranges.iter().flat_map(|(first, last)| *first..=*last).collect()
    }

    proptest! {
        #[test]
        fn ranges_are_sets(a in ranges(), b in ranges()) {
            let (tidy_a, tidy_b) = (tidy(&a), tidy(&b));
            let (plain_a, plain_b) = (plain(&a), plain(&b));
            prop_assert_eq!(size(&tidy_a), plain_a.len() as u64);
            let left: BTreeSet<u64> = plain_a.difference(&plain_b).copied().collect();
            prop_assert_eq!(plain(&subtract(&tidy_a, &tidy_b)), left);
            let both: BTreeSet<u64> = plain_a.intersection(&plain_b).copied().collect();
            prop_assert_eq!(plain(&intersect(&tidy_a, &tidy_b)), both);
        }
    }

    #[test]
    fn the_largest_sequence_does_not_wrap() {
        let all = [(0, u64::MAX)];
        assert_eq!(subtract(&all, &[(3, u64::MAX)]), [(0, 2)]);
        assert_eq!(tidy(&[(5, u64::MAX), (0, 7)]), all);
    }
}
