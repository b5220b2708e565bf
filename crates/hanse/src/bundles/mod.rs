//! What proves: bundles about an event or an entity, the audit export, and the judge of both.

pub mod bundle;
pub mod export;
pub mod judge;

use evidence::bundle::PackDigest;
use journal::StreamName;
use serde_json::Value;

use platform::declined::Declined;
use platform::moment::Moment;

/// What the register of a zone has about an entity beside its events.
#[derive(Clone, Debug)]
pub struct EntityFile {
    /// Where the entity is.
    pub jurisdiction: String,
    /// The stream of its public facts.
    pub stream: StreamName,
    /// The credentials that the zone issued to it.
    pub credentials: Vec<Value>,
    /// The newest published status lists that those credentials refer to.
    pub status_lists: Vec<Value>,
    /// The packs it was judged by.
    pub packs: Vec<PackDigest>,
}

/// Finds what a bundle about an entity needs.
pub trait EntityRegister: Send + Sync {
    /// The file of an entity, or nothing when there is no such entity.
    ///
    /// # Errors
    /// It cannot be read.
    fn file(&self, moment: &Moment<'_>, entity: &str) -> Result<Option<EntityFile>, Declined>;
}
