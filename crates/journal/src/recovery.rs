//! The content of an emergency dump, and its way back into the log.
//!
//! A dump is written when a group failed, perhaps in its commit, so its transactions may be durable
//! or not. Each item therefore carries the receipts that were planned for it: when the log holds
//! exactly those events, the item is present. A replayed dump is remembered in the same commit
//! that replays it, under the digest of its bytes, so the same dump never adds anything twice.

use std::io;

use evidence::{digest::Digest, merkle::Frontier};
use serde::{Deserialize, Serialize};

use crate::{
    dump::DumpStore,
    engine::{Read, Write},
    error::{CommitError, EngineError, HaltReason, SealError},
    rules::Rules,
    seal::{Place, SealingKey},
    transaction::{EventReceipt, Transaction},
    writer::isolated,
};

/// What a recovery found and did.
#[derive(Debug, Default)]
pub struct Recovery {
    /// Transactions that were brought into the log.
    pub replayed: u64,
    /// Transactions that were there already.
    pub present: u64,
    /// Transactions that the present state refuses. Their dumps are kept.
    pub refused: Vec<RefusedItem>,
}

/// A dumped transaction that the present state refuses.
#[derive(Debug)]
pub struct RefusedItem {
    /// Name of the dump.
    pub dump: String,
    /// Position in the dump, from 0.
    pub position: usize,
    /// Why it is refused.
    pub refusal: CommitError,
}

/// Why dumps could not be recovered. What was recovered before stays recovered.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The dumps cannot be listed.
    #[error("emergency dumps could not be listed")]
    List {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A dump cannot be read.
    #[error("emergency dump {name} could not be read")]
    Load {
        /// Name of the dump.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A dump does not open with the node key.
    #[error("emergency dump {name} does not open with the node key")]
    Open {
        /// Name of the dump.
        name: String,
        /// Why.
        #[source]
        source: SealError,
    },
    /// A dump opens, but is no list of transactions.
    #[error("emergency dump {name} is malformed")]
    Form {
        /// Name of the dump.
        name: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A recovered dump could not be removed. Recovering it again adds nothing.
    #[error("recovered dump {name} could not be removed")]
    Remove {
        /// Name of the dump.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The engine failed; the dump is kept.
    #[error("engine failed")]
    Engine(#[from] EngineError),
    /// The queue is full or closed.
    #[error("journal takes no request")]
    Refused(#[source] Box<CommitError>),
    /// The writer halted.
    #[error("journal is halted: {reason}")]
    Halted {
        /// Why.
        reason: HaltReason,
    },
}

/// A transaction in a dump.
#[derive(Serialize, Deserialize)]
pub(crate) struct DumpItem {
    pub(crate) transaction: Transaction,
    /// Receipts it would have had; empty when it was not judged.
    pub(crate) planned: Vec<EventReceipt>,
}

/// An opened dump.
pub(crate) struct Dump {
    name: String,
    digest: Digest,
    pub(crate) items: Vec<DumpItem>,
}

pub(crate) fn encode(items: &[DumpItem]) -> zeroize::Zeroizing<Vec<u8>> {
    zeroize::Zeroizing::new(serde_json::to_vec(items).expect("transactions are JSON"))
}

/// Name of a dump: sorts by the size of the log it was made at, and is unique by its bytes.
pub(crate) fn name_of(sealed: &[u8], size: u64) -> String {
    let digest = Digest::raw(sealed).to_hex();
    format!("{size:020}-{}", &digest[..16])
}

pub(crate) fn load(
    dumps: &dyn DumpStore,
    name: &str,
    node_key: &SealingKey,
) -> Result<Dump, RecoverError> {
    let name = name.to_owned();
    let sealed = match dumps.load(&name) {
        Ok(sealed) => sealed,
        Err(source) => return Err(RecoverError::Load { name, source }),
    };
    let opened = match node_key.open(Place::Dump, &sealed) {
        Ok(opened) => zeroize::Zeroizing::new(opened),
        Err(source) => return Err(RecoverError::Open { name, source }),
    };
    match serde_json::from_slice(&opened) {
        Ok(items) => Ok(Dump {
            name,
            digest: Digest::raw(&sealed),
            items,
        }),
        Err(source) => Err(RecoverError::Form { name, source }),
    }
}

/// What a dump brings into the log, or had in it: positions in the dump, with receipts.
pub(crate) type Replayed = Vec<(usize, Vec<EventReceipt>)>;

/// Replays a dump into an open engine transaction. Nothing if there is nothing to commit.
pub(crate) fn replay(
    rules: &mut Rules,
    rows: &mut dyn Write,
    frontier: &mut Frontier,
    dump: &Dump,
    report: &mut Recovery,
) -> Result<Option<Replayed>, EngineError> {
    let mark = format!("dump/{}", dump.digest.to_hex());
    if rows.meta(&mark)?.is_some() && !planted!(rules, RecoveryForgotten) {
        report.present += dump.items.len() as u64;
        return Ok(None);
    }
    let mut replayed = Replayed::new();
    for (position, item) in dump.items.iter().enumerate() {
        if is_present(rows, &item.planned)? && !planted!(rules, RecoveryIgnoresLog) {
            report.present += 1;
            // Its caller was told that it failed, so nobody heard of it.
            replayed.push((position, item.planned.clone()));
            continue;
        }
        let judged = isolated(rules, rows, frontier, |rules, state| {
            rules.apply(state, &item.transaction)
        })?;
        match judged {
            Ok(receipts) => {
                report.replayed += 1;
                replayed.push((position, receipts));
            }
            Err(CommitError::Replayed { .. }) => report.present += 1,
            Err(refusal) => {
                report.refused.push(RefusedItem {
                    dump: dump.name.clone(),
                    position,
                    refusal,
                });
            }
        }
    }
    rows.put_meta(&mark, b"recovered")?;
    Ok(Some(replayed))
}

fn is_present(rows: &dyn Read, planned: &[EventReceipt]) -> Result<bool, EngineError> {
    let Some(first) = planned.first() else {
        return Ok(false);
    };
    let stored = rows.events(first.index, planned.len())?;
    Ok(stored.len() == planned.len()
        && stored
            .iter()
            .zip(planned)
            .all(|(row, receipt)| row.index == receipt.index && row.digest == receipt.digest))
}
