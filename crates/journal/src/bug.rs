//! Rules that can be broken on purpose.
//!
//! Each variant breaks one rule of the writer or of the simulated engine. A test shows that the
//! simulation notices each, and notices nothing when none is planted.

/// A rule to break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlantedBug {
    /// Success is reported before the commit is durable.
    AckBeforeSync,
    /// A refusal is released before the state it was computed from is durable.
    RefusalBeforeSync,
    /// Sequence numbers start again at 1 with every group.
    SequenceResetOnFlush,
    /// Dropped bulk events leave no gap marker.
    DropWithoutGapMarker,
    /// Outbox rows are committed before the events that cause them.
    OutboxBeforeCommit,
    /// The idempotency key is stored after the transaction, not with it.
    IdempotencyOutsideTransaction,
    /// A refused transaction leaves its leaves in the Merkle frontier.
    FrontierNotRolledBack,
    /// A refused transaction leaves its rows.
    RefusedRowsKept,
    /// A failed fsync is tried again and its second success believed.
    FsyncRetried,
    /// An effect can be settled by whoever held a lease once.
    LeaseWithoutFencing,
    /// The expected sequence number is not checked.
    ExpectationIgnored,
    /// What a decision read is not looked at again when it is committed.
    GuardsIgnored,
    /// A transaction is reported as diverted without a dump.
    DumpNotWritten,
    /// A recovered dump is not remembered.
    RecoveryForgotten,
    /// A dumped transaction is replayed although its commit became durable.
    RecoveryIgnoresLog,
}

impl PlantedBug {
    /// Every bug.
    pub const ALL: [PlantedBug; 15] = [
        PlantedBug::AckBeforeSync,
        PlantedBug::RefusalBeforeSync,
        PlantedBug::SequenceResetOnFlush,
        PlantedBug::DropWithoutGapMarker,
        PlantedBug::OutboxBeforeCommit,
        PlantedBug::IdempotencyOutsideTransaction,
        PlantedBug::FrontierNotRolledBack,
        PlantedBug::RefusedRowsKept,
        PlantedBug::FsyncRetried,
        PlantedBug::LeaseWithoutFencing,
        PlantedBug::ExpectationIgnored,
        PlantedBug::GuardsIgnored,
        PlantedBug::DumpNotWritten,
        PlantedBug::RecoveryForgotten,
        PlantedBug::RecoveryIgnoresLog,
    ];
}
