//! Issues a credential within the transaction of the fact it states.

use ids::aggregate::Aggregate as _;
use journal::Privacy;
use law::compliance::PackVersion;
use mez::credential::{Command, Credential, Issue, ListCommand};
use mez::entity::Entity;
use serde_json::Value;

use super::{context, refused, status};
use crate::state::Institutions;
use crate::streams;
use platform::change::Change;
use platform::declined::Declined;
use platform::moment::Moment;

/// Issues the credential of a company that is being registered, judged by `rules`: its id and itself.
///
/// # Errors
/// The journal cannot be read, or the status lists are full.
pub fn formation(
    node: &Institutions,
    moment: &Moment<'_>,
    change: &mut Change,
    company: &Entity,
    rules: Vec<PackVersion>,
) -> Result<(String, Value), Declined> {
    let lists = status::lists(moment)?.unwrap_or_default();
    let index = lists.free_index().map_err(refused)?;
    status::decide(node, moment, change, &lists, ListCommand::TakeIndex)?;
    let id = uuid::Uuid::now_v7().to_string();
    let issue = Command::Issue(Box::new(Issue {
        id: id.clone(),
        index,
        company: company.clone(),
        rules,
    }));
    let context = context(node, moment.now_ms);
    let decision = Credential::decide(None, issue, &context).map_err(refused)?;
    for event in &decision.events {
        let stream = streams::credential(&id);
        change.append(&stream, Privacy::Public, event.kind(), event)?;
    }
    let issued = Credential::replay(None, &decision.events);
    let issued = issued.map_err(|error| Declined::internal(&error))?;
    let issued = issued.ok_or_else(|| Declined::not_found("credential"))?;
    Ok((id, issued.credential))
}
