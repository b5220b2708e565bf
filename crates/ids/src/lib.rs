//! What all institutions of a zone share: what things are called, salts, days, and the shape of an [`aggregate`].
//!
//! Each type holds its only check, and serde goes through it: whoever has the value has the proof.
//! Nothing here knows an institution.

pub mod aggregate;
mod id;
mod salt;
pub mod time;

pub use id::{
    ActorId, CountryCode, EntityId, InvalidId, JurisdictionId, PackItemId, PersonId, PrincipalId,
    ZoneId,
};
pub use salt::{InvalidSalt, Salt};
