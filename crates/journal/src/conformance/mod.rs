//! The suite every engine passes. An engine's tests call [`conformance!`](crate::conformance!) with
//! an expression that makes a [`Subject`]; each case becomes one test.

pub mod cases;
mod fixture;
mod guards;

pub use fixture::{Fixture, MemoryDumps, Notes, ORIGIN, counting_entropy};

use crate::{engine::Engine, error::EngineError};

/// Storage under test: opened many times in one case, never twice at once.
pub trait Subject {
    /// Opens the engine on the same storage.
    ///
    /// # Errors
    /// The storage cannot be opened.
    fn open(&self) -> Result<Box<dyn Engine>, EngineError>;
}

/// Makes one test per case of the suite.
#[macro_export]
macro_rules! conformance {
    ($subject:expr) => {
        $crate::conformance!($subject;
            events_are_ordered_gapless_and_chained
            a_wrong_expectation_is_refused_and_changes_nothing
            a_refused_transaction_leaves_no_trace
            limits_and_reserved_kinds_are_refused
            an_idempotent_request_happens_once
            an_expired_key_is_forgotten
            a_lease_is_exclusive_until_it_ends
            a_stale_lease_cannot_settle
            settlements_end_retry_or_bury_an_effect
            pages_are_complete_and_in_order
            records_are_found_by_every_filter
            personal_bytes_are_sealed_at_rest
            shredding_forgets_content_and_keeps_the_chain
            a_personal_event_cannot_write_what_its_stream_does_not_own
            a_reader_keeps_its_snapshot
            a_decision_on_what_has_moved_is_refused
            a_decision_holds_while_other_things_change
            guards_from_before_a_restart_are_read_again
            concurrent_counters_lose_no_increment
            the_writer_numbers_concurrent_transactions_without_a_gap_or_a_conflict
            a_writer_decision_refuses_and_reads_only_what_it_declares
            an_observer_hears_of_a_commit_before_its_caller
            a_reopened_journal_goes_on_where_it_stopped
            foreign_keys_and_origins_are_refused
            proofs_verify_against_every_checkpoint
            a_rebuild_finds_and_repairs_differing_records
            a_dropped_engine_transaction_leaves_no_trace
            a_savepoint_undoes_exactly_its_writes
            concurrent_writers_share_commits_and_lose_nothing
            dropped_bulk_events_leave_a_gap_marker
            fsck_finds_nothing_wrong_in_what_the_writer_wrote
        );
    };
    ($subject:expr; $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                $crate::conformance::cases::$case(&$subject);
            }
        )*
    };
}
