//! What an institution tells the node of itself. One table each; the node reads them and knows nothing else of it.

use api::scope::Scope;
use std::future::Future;
use std::pin::Pin;

use journal::{
    Append, Declared, Event, LeasedEffect, ProjectionError, Records, Settlement, WriterDecision,
    WriterRefusal,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa_axum::router::OpenApiRouter;

use crate::cli::{Failure, Global};
use crate::state::Node;
use platform::declined::Declined;

/// Work for the outbox, as an institution's closed enum of effects has it.
pub trait Work: Serialize {
    /// The kind under which the outbox stores it, which chooses the executor.
    fn kind(&self) -> &'static str;
}

/// Makes records from one event. It MUST be a function of the event and the records alone.
pub type Project = fn(&Event, &mut dyn Records) -> Result<(), ProjectionError>;

/// Does what one effect says and settles it, in one transaction. It will run twice one day.
pub type Execute = fn(Node, LeasedEffect) -> Executing;

/// An effect under way.
pub type Executing = Pin<Box<dyn Future<Output = Result<(), Declined>> + Send>>;

/// Decides for the writer: see [`journal::WriterDecision`].
pub type Rule = fn(&WriterDecision, &dyn Declared, &mut [Append]) -> Result<(), WriterRefusal>;

/// A command of the command line.
#[derive(Clone, Copy)]
pub struct Tool {
    /// The command with its subcommands; its name is what people type.
    pub command: fn() -> clap::Command,
    /// Runs it.
    pub run: fn(&clap::ArgMatches, &Global) -> Result<(), Failure>,
}

/// An institution of the zone.
#[derive(Clone, Copy)]
pub struct Institution {
    /// Its name, as its folder has it.
    pub name: &'static str,
    /// Its kinds of events, each with what it makes of the records. A kind that ends in a dot means all that begin with it.
    pub projections: &'static [(&'static str, Project)],
    /// What it has the writer decide, by name.
    pub rules: &'static [(&'static str, Rule)],
    /// Its routes.
    pub routes: fn() -> OpenApiRouter<Node>,
    /// Its kinds of effects, each with its executor.
    pub effects: &'static [(&'static str, Execute)],
    /// Its areas of sealed streams (the first two segments of their names), each with the scope that opens it to a reader of
    /// the journal; nothing for an area that nobody reads there.
    pub sealed: &'static [(&'static str, Option<Scope>)],
    /// Its command, where people use it from a terminal.
    pub tool: Option<Tool>,
}

impl Institution {
    /// An institution that does nothing yet: what one leaves out of its table.
    pub const NONE: Self = Self {
        name: "",
        projections: &[],
        rules: &[],
        routes: OpenApiRouter::default,
        effects: &[],
        sealed: &[],
        tool: None,
    };
}

impl std::fmt::Debug for Institution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Institution")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Institution {
    /// What makes records of events of `kind`.
    pub fn projection(&self, kind: &str) -> Option<Project> {
        let of_kind =
            |known: &str| known == kind || (known.ends_with('.') && kind.starts_with(known));
        let found = self.projections.iter().find(|(known, _)| of_kind(known));
        found.map(|(_, project)| *project)
    }
}

/// The work that a leased effect carries.
///
/// # Errors
/// The payload is not of this type.
pub fn work<T: Work + DeserializeOwned>(leased: &LeasedEffect) -> Result<T, serde_json::Error> {
    serde_json::from_slice(&leased.payload)
}

/// The settlement of an effect that is done.
pub fn done(leased: &LeasedEffect) -> Settlement {
    Settlement::Done {
        id: leased.id.clone(),
        lease: leased.lease,
    }
}
