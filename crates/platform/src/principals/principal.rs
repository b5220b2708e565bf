//! A principal, decided without clock and I/O: who may act, and what it is in the zone.

use std::collections::BTreeSet;
use std::convert::Infallible;

use api::principals::{
    CreatePrincipal, DisablePrincipal, PrincipalKind, PrincipalStatus, PrincipalView, SetStanding,
};
use api::scope::Standing;
use evidence::did::DidKey;
use ids::PrincipalId;
use ids::aggregate::{Aggregate, CommonRefusal, Decision, Misfit};
use serde::{Deserialize, Serialize};

use super::event::events;
use super::refusal::{Refusal, check_binding, check_text};
use crate::moment::NODE_ACTOR;

/// Names of actors in the journal that are no principals.
const RESERVED: [&str; 3] = [NODE_ACTOR, "iris", "invitation"];

/// The aggregate.
pub(super) enum Principal {}

/// A principal as stored, and as the event that created it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PrincipalBody {
    pub id: PrincipalId,
    pub kind: PrincipalKind,
    pub display_name: String,
    pub key: Option<String>,
    pub standing: Standing,
    pub entities: BTreeSet<String>,
    pub jurisdiction: Option<String>,
    pub status: PrincipalStatus,
    pub created_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StandingSet {
    pub standing: Standing,
    pub entities: BTreeSet<String>,
    pub jurisdiction: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Disabled {
    pub reason: String,
}

events! {
    /// What happens to a principal.
    PrincipalEvent {
        Created(PrincipalBody) = "principal.created.v1",
        StandingSet(StandingSet) = "principal.standing_set.v1",
        Disabled(Disabled) = "principal.disabled.v1",
    }
}

/// What can be asked of a principal.
#[derive(Clone, Debug)]
pub(super) enum PrincipalCommand {
    Create(CreatePrincipal),
    SetStanding(SetStanding),
    Disable(DisablePrincipal),
}

/// What else a decision depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    /// The time, Unix milliseconds.
    pub now_ms: i64,
    /// Who asks.
    pub by: &'a PrincipalId,
}

impl Aggregate for Principal {
    type State = PrincipalBody;
    type Command = PrincipalCommand;
    type Event = PrincipalEvent;
    type Effect = Infallible;
    type Refusal = Refusal;
    type Context<'a> = Context<'a>;

    fn decide(
        state: Option<&PrincipalBody>,
        command: PrincipalCommand,
        context: &Context<'_>,
    ) -> Result<Decision<PrincipalEvent, Infallible>, Refusal> {
        let event = match command {
            PrincipalCommand::Create(wish) => create(state, wish, context.now_ms)?,
            PrincipalCommand::SetStanding(wish) => {
                changeable(state, context)?;
                check_binding(&wish.entities, wish.jurisdiction.as_deref())?;
                PrincipalEvent::StandingSet(StandingSet {
                    standing: wish.standing,
                    entities: wish.entities,
                    jurisdiction: wish.jurisdiction,
                })
            }
            PrincipalCommand::Disable(DisablePrincipal { reason }) => {
                changeable(state, context)?;
                check_text("reason", &reason)?;
                PrincipalEvent::Disabled(Disabled { reason })
            }
        };
        Ok(Decision::event(event))
    }

    fn apply(
        state: Option<PrincipalBody>,
        event: &PrincipalEvent,
    ) -> Result<PrincipalBody, Misfit> {
        match (state, event) {
            (None, PrincipalEvent::Created(body)) => Ok(body.clone()),
            (Some(state), PrincipalEvent::StandingSet(set)) => Ok(PrincipalBody {
                standing: set.standing.clone(),
                entities: set.entities.clone(),
                jurisdiction: set.jurisdiction.clone(),
                ..state
            }),
            (Some(state), PrincipalEvent::Disabled(_)) => Ok(PrincipalBody {
                status: PrincipalStatus::Disabled,
                ..state
            }),
            (state, event) => Err(Misfit {
                event: super::event::Happened::kind(event),
                state: state.map_or("absent", |state| state.status.as_str()),
            }),
        }
    }
}

fn create(
    state: Option<&PrincipalBody>,
    wish: CreatePrincipal,
    now_ms: i64,
) -> Result<PrincipalEvent, Refusal> {
    let CreatePrincipal { id, key, .. } = &wish;
    if state.is_some() {
        return Err(Refusal::NameTaken { id: id.clone() });
    }
    if RESERVED.contains(&id.as_str()) {
        return Err(Refusal::NameReserved { id: id.clone() });
    }
    check_text("display_name", &wish.display_name)?;
    check_binding(&wish.entities, wish.jurisdiction.as_deref())?;
    if let Some(key) = key {
        key.parse::<DidKey>().map_err(Refusal::BadKey)?;
    }
    Ok(PrincipalEvent::Created(PrincipalBody {
        id: wish.id,
        kind: wish.kind,
        display_name: wish.display_name,
        key: wish.key,
        standing: wish.standing,
        entities: wish.entities,
        jurisdiction: wish.jurisdiction,
        status: PrincipalStatus::Enabled,
        created_ms: now_ms,
    }))
}

fn changeable(state: Option<&PrincipalBody>, context: &Context<'_>) -> Result<(), Refusal> {
    let state = state.ok_or(CommonRefusal::Unknown { what: "principal" })?;
    let id = &state.id;
    if context.by == id {
        return Err(Refusal::OwnStanding);
    }
    match state.status {
        PrincipalStatus::Enabled => Ok(()),
        PrincipalStatus::Disabled => Err(Refusal::Disabled { id: id.clone() }),
    }
}

impl From<PrincipalBody> for PrincipalView {
    fn from(body: PrincipalBody) -> Self {
        let PrincipalBody {
            id,
            kind,
            display_name,
            key,
            standing,
            entities,
            jurisdiction,
            status,
            created_ms,
        } = body;
        Self {
            id,
            kind,
            display_name,
            key,
            standing,
            entities,
            jurisdiction,
            status,
            created_ms,
        }
    }
}
