//! How credentials stand after they were issued, and the status lists that say so.

use ids::EntityId;
use ids::aggregate::Aggregate as _;
use journal::Privacy;
use mez::credential::{
    Command, Credential, CredentialStanding, IndexStanding, ListCommand, StatusLists,
};

use super::{context, refused};
use crate::records::kind;
use crate::state::{Institutions, Node};
use crate::streams;
use platform::change::Change;
use platform::declined::Declined;
use platform::moment::Moment;
use platform::store::{self, Stored};

/// The id of the one record of the lists of a zone: indexes are shared by all purposes.
pub const LISTS: &str = "main";

/// The lists as they stand, once an index was taken or a list was published.
///
/// # Errors
/// The journal cannot be read.
pub fn lists(moment: &Moment<'_>) -> Result<Option<StatusLists>, Declined> {
    let stored = store::find::<StatusLists>(moment, kind::STATUS_LIST, LISTS)?;
    Ok(stored.map(|stored| stored.body))
}

/// Publishes the lists that were never published, or of whose time half is over.
///
/// # Errors
/// The journal cannot be read or written.
pub async fn publish_due(node: &Node) -> Result<(), Declined> {
    let shared = node.clone();
    let publish = move |moment: &Moment<'_>| {
        let mut change = Change::default();
        publish(&shared, moment, &mut change, vec![])?;
        Ok((change, ()))
    };
    node.platform.act(publish).await
}

/// Lets the credentials of an entity stand as the entity does, and publishes the lists that say so. Later work does the
/// same, so it does not matter which is executed first, or twice.
///
/// # Errors
/// The journal cannot be read.
pub fn follow(
    node: &Institutions,
    moment: &Moment<'_>,
    change: &mut Change,
    entity: &EntityId,
) -> Result<(), Declined> {
    let stored =
        crate::records::entity(moment, entity)?.ok_or_else(|| Declined::not_found("entity"))?;
    let Some(standing) = CredentialStanding::of(&stored.body) else {
        return Ok(());
    };
    let filter = [("entity", entity.as_str())];
    let mut changes = Vec::new();
    for mut stored in store::all::<Credential>(moment, kind::CREDENTIAL, &filter)? {
        if stored.body.may_become(standing) {
            changes.push(change_standing(
                node,
                moment,
                change,
                &mut stored,
                standing,
            )?);
        }
    }
    publish(node, moment, change, changes)
}

/// Lets a credential stand so from now on. The lists say so when they are published with what is returned.
///
/// # Errors
/// `conflict` when the credential cannot come to stand so.
pub(super) fn change_standing(
    node: &Institutions,
    moment: &Moment<'_>,
    change: &mut Change,
    stored: &mut Stored<Credential>,
    standing: CredentialStanding,
) -> Result<IndexStanding, Declined> {
    let context = context(node, moment.now_ms);
    let command = Command::ChangeStanding(standing);
    let decision = Credential::decide(Some(&stored.body), command, &context).map_err(refused)?;
    let stream = streams::credential(&stored.id);
    for event in &decision.events {
        change.append(&stream, Privacy::Public, event.kind(), event)?;
        stored.body = Credential::apply(Some(stored.body.clone()), event)
            .map_err(|error| Declined::internal(&error))?;
    }
    let index = stored.body.index;
    Ok(IndexStanding { index, standing })
}

/// Publishes the lists of which the changes change a bit, and those that are due.
///
/// # Errors
/// The journal cannot be read, or a published list is not readable.
pub(super) fn publish(
    node: &Institutions,
    moment: &Moment<'_>,
    change: &mut Change,
    changes: Vec<IndexStanding>,
) -> Result<(), Declined> {
    let lists = lists(moment)?.unwrap_or_default();
    decide(node, moment, change, &lists, ListCommand::Publish(changes))
}

/// Decides a command to the lists and writes what comes of it.
///
/// # Errors
/// The lists are full or not readable.
pub(super) fn decide(
    node: &Institutions,
    moment: &Moment<'_>,
    change: &mut Change,
    lists: &StatusLists,
    command: ListCommand,
) -> Result<(), Declined> {
    let context = context(node, moment.now_ms);
    let decision = StatusLists::decide(Some(lists), command, &context).map_err(refused)?;
    let stream = streams::status_list(LISTS);
    let mut events = decision.events.iter();
    events.try_for_each(|event| change.append(&stream, Privacy::Public, event.kind(), event))
}
