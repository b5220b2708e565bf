//! What callers ask of this part of the node.

platform::actions! {
    ExportJournal => Read JournalExport, "Take an audit export or an evidence bundle.";
    ReadJournal => Read JournalRead, "See events, proofs and checkpoints.";
}
