//! Storage on the journal: documents are records made by the projection, archives are streams read in slices.

mod cache;
mod changed;
mod event;
mod journal_store;
mod names;
mod project;
mod reading;

pub use event::{ARCHIVED, DELETE, MalformedEvent, PUT, archived_entry, write_event};
pub use journal_store::JournalStore;
pub use names::{OwnerTooLong, account_stream, archive_stream, owner_of};
pub use project::{project, record_id, record_kind};

pub(crate) use cache::{Cache, Touched};
pub(crate) use changed::{Changed, changes};
pub(crate) use event::archive_event;
pub(crate) use reading::{Reading, Reads};
