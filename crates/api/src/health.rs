//! Whether the node is alive, and whether it can work.

use serde::{Deserialize, Serialize};

/// One thing that the node needs for its work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Check {
    /// What was checked, for example `journal`.
    pub name: String,
    /// Whether it is as it must be.
    pub ok: bool,
    /// What is the matter, or what was seen.
    pub detail: String,
}

/// Whether the node is ready.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Readiness {
    /// Whether every check is ok.
    pub ready: bool,
    /// Each check.
    pub checks: Vec<Check>,
}

/// That the process answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Liveness {
    /// Always true: a dead process does not answer.
    pub alive: bool,
}
