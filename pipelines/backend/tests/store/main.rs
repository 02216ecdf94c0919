//! What every store must do, written once and run on each of them: `sqlite.rs` also holds what
//! only a file can do wrong. To add a store, add a module that makes fresh ones and hands them to
//! `every_case!`.

#![allow(clippy::float_cmp, reason = "values come back as they went in, and sums here are exact")]

mod commits;
mod crash;
mod history;
mod letters;
mod made;
mod postgres;
mod property;
mod sqlite;
mod tenants;

/// Calls a macro with the name of every case. Each takes an empty `Arc<dyn Store>`.
macro_rules! every_case {
    ($run:ident) => {
        $run! {
            commits::a_batch_takes_effect_once,
            commits::a_batch_that_one_call_holds_twice_counts_once,
            commits::one_batch_from_four_tasks_is_stored_once,
            commits::what_differs_in_one_part_of_its_identity_is_another_batch,
            commits::a_dropped_commit_is_stored_whole_or_not_at_all,
            commits::poison_is_refused_and_nothing_of_its_call_is_stored,
            commits::odd_values_come_back_as_they_were,
            commits::sums_beyond_the_largest_number_break_nothing,
            commits::an_audit_finds_what_is_missing,
            commits::a_store_says_that_it_works,
            history::every_filter_finds_its_rows,
            history::a_filter_with_nasty_keys_finds_its_rows,
            history::a_walk_over_equal_times_meets_every_row_once,
            history::a_walk_is_stable_while_metrics_come_in,
            history::many_names_with_one_prefix_come_newest_first,
            history::a_range_has_its_first_millisecond_and_not_its_end,
            history::buckets_are_as_wide_as_they_say,
            history::percentiles_are_exact_by_group,
            history::one_answer_too_many_is_refused,
            history::rollups_at_the_ends_of_a_range_count_what_is_in_it,
            history::a_summary_has_every_name_once,
            history::an_empty_store_answers_with_nothing,
            letters::a_letter_is_kept_once,
            letters::letters_come_in_pages,
            letters::a_letter_is_revived_once,
            letters::what_is_still_poison_stays_a_letter,
            property::rollups_are_the_sums_of_their_rows,
            property::every_answer_is_that_of_the_plain_rows,
            property::every_summary_is_that_of_the_plain_rows,
            tenants::two_tenants_never_see_each_other,
        }
    };
}

use every_case;
