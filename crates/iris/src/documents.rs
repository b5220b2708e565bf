//! The small durable state of accounts, rooms and sessions: named documents in closed collections.
//! A document belongs to an owner's sealed stream, so erasing the owner erases it.

use std::collections::BTreeMap;

use jid::BareJid;
use serde::{Deserialize, Serialize};

/// What kinds of documents there are. The names are stored: never change one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Collection {
    /// Credentials and standing of an account; one document named `""`.
    Account,
    /// Roster items by contact (RFC 6121 2); the version is the document `""`.
    Roster,
    /// Subscription requests that wait for an answer, by who asks (RFC 6121 3).
    Pending,
    /// Blocked addresses (XEP-0191).
    Block,
    /// Items of personal eventing nodes (XEP-0163), named `<node>\n<item>`.
    PepItem,
    /// Configuration of personal eventing nodes, by node.
    PepNode,
    /// Devices of contacts on other servers that want events, by full address.
    PepWatcher,
    /// vcard-temp (XEP-0054); one document named `""`.
    Vcard,
    /// Private XML (XEP-0049), named `{namespace}element`.
    Private,
    /// Archive preferences (XEP-0313); one document named `""`.
    ArchivePreferences,
    /// Push registrations (XEP-0357), named `<service>\n<node>`.
    Push,
    /// Resumable sessions (XEP-0198), by session id.
    Resume,
    /// How far a device has been served, by resource.
    Cursor,
    /// Sign-in tokens of devices (XEP-0484), by token id.
    FastToken,
    /// Uploaded files (XEP-0363), by slot.
    Upload,
    /// Configuration, affiliations and subject of a room (XEP-0045); one document named `""`.
    Room,
    /// Occupants of a room by nickname, so that resumed sessions are still inside.
    Occupant,
    /// Invitations to make an account (XEP-0401), by token; owned by the server's domain.
    Invitation,
}

impl Collection {
    /// Every collection.
    pub const ALL: &[Self] = &[
        Self::Account,
        Self::Roster,
        Self::Pending,
        Self::Block,
        Self::PepItem,
        Self::PepNode,
        Self::PepWatcher,
        Self::Vcard,
        Self::Private,
        Self::ArchivePreferences,
        Self::Push,
        Self::Resume,
        Self::Cursor,
        Self::FastToken,
        Self::Upload,
        Self::Room,
        Self::Occupant,
        Self::Invitation,
    ];
}

/// Why stored state could not be read. The client is told `internal-server-error` or to wait; nothing is guessed.
#[derive(Debug, thiserror::Error)]
#[error("stored state cannot be read: {why}")]
pub struct Unavailable {
    /// What the store said.
    pub why: String,
}

/// Read access to documents.
pub trait Documents {
    /// One document, if it exists.
    ///
    /// # Errors
    /// The store cannot answer.
    fn get(
        &self,
        collection: Collection,
        owner: &BareJid,
        name: &str,
    ) -> Result<Option<Vec<u8>>, Unavailable>;

    /// Documents whose names start with `prefix`, in the order of their names, after the name `after`.
    ///
    /// # Errors
    /// The store cannot answer.
    fn list(
        &self,
        collection: Collection,
        owner: &BareJid,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, Unavailable>;
}

/// One change of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Creates or replaces.
    Put {
        /// Where.
        collection: Collection,
        /// Whose.
        owner: BareJid,
        /// Name within owner and collection.
        name: String,
        /// The document, at most 256 KiB.
        body: Vec<u8>,
    },
    /// Removes; removing what is absent is no error.
    Delete {
        /// Where.
        collection: Collection,
        /// Whose.
        owner: BareJid,
        /// Name within owner and collection.
        name: String,
    },
}

impl Write {
    /// Whose document it changes, and which.
    fn place(&self) -> (Collection, &BareJid, &str) {
        match self {
            Self::Put {
                collection,
                owner,
                name,
                ..
            }
            | Self::Delete {
                collection,
                owner,
                name,
            } => (*collection, owner, name),
        }
    }
}

/// Documents as they will be after changes that are decided and not yet durable, for a handler whose own
/// changes become durable together with them.
pub struct Overlay<'a> {
    base: &'a dyn Documents,
    writes: &'a [Write],
}

impl<'a> Overlay<'a> {
    /// What `base` will hold after `writes`, in their order.
    pub fn new(base: &'a dyn Documents, writes: &'a [Write]) -> Self {
        Self { base, writes }
    }
}

impl Documents for Overlay<'_> {
    fn get(
        &self,
        collection: Collection,
        owner: &BareJid,
        name: &str,
    ) -> Result<Option<Vec<u8>>, Unavailable> {
        let place = (collection, owner, name);
        match self
            .writes
            .iter()
            .rev()
            .find(|write| write.place() == place)
        {
            Some(Write::Put { body, .. }) => Ok(Some(body.clone())),
            Some(Write::Delete { .. }) => Ok(None),
            None => self.base.get(collection, owner, name),
        }
    }

    fn list(
        &self,
        collection: Collection,
        owner: &BareJid,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, Unavailable> {
        let mut changed: BTreeMap<&str, Option<&[u8]>> = BTreeMap::new();
        for write in self.writes {
            let (of, whose, name) = write.place();
            let is_listed = name.starts_with(prefix) && after.is_none_or(|after| name > after);
            if of == collection && whose == owner && is_listed {
                let body = match write {
                    Write::Put { body, .. } => Some(body.as_slice()),
                    Write::Delete { .. } => None,
                };
                changed.insert(name, body);
            }
        }
        if changed.is_empty() {
            return self.base.list(collection, owner, prefix, after, limit);
        }
        // Enough that `limit` are left even if every change takes one away.
        let limit_below = limit.saturating_add(changed.len());
        let below = self
            .base
            .list(collection, owner, prefix, after, limit_below)?;
        let mut listed: BTreeMap<String, Vec<u8>> = below.into_iter().collect();
        for (name, body) in changed {
            match body {
                Some(body) => listed.insert(name.to_owned(), body.to_vec()),
                None => listed.remove(name),
            };
        }
        Ok(listed.into_iter().take(limit).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Held(BTreeMap<String, Vec<u8>>);

    impl Documents for Held {
        fn get(
            &self,
            _: Collection,
            _: &BareJid,
            name: &str,
        ) -> Result<Option<Vec<u8>>, Unavailable> {
            Ok(self.0.get(name).cloned())
        }

        fn list(
            &self,
            _: Collection,
            _: &BareJid,
            prefix: &str,
            after: Option<&str>,
            limit: usize,
        ) -> Result<Vec<(String, Vec<u8>)>, Unavailable> {
            let fits =
                |name: &str| name.starts_with(prefix) && after.is_none_or(|after| name > after);
            let listed = self.0.iter().filter(|(name, _)| fits(name)).take(limit);
            Ok(listed
                .map(|(name, body)| (name.clone(), body.clone()))
                .collect())
        }
    }

    proptest! {
        #[test]
        fn an_overlay_reads_like_the_store_after_the_writes(
            held in proptest::collection::btree_map("[ab]{0,3}", any::<u8>(), 0..8),
            changes in proptest::collection::vec(("[ab]{0,3}", proptest::option::of(any::<u8>())), 0..8),
            prefix in "[ab]{0,1}",
            after in proptest::option::of("[ab]{0,2}"),
            limit in 0usize..6,
        ) {
            let owner = BareJid::new("a@b").unwrap();
            let collection = Collection::Private;
            let base = Held(held.into_iter().map(|(name, body)| (name, vec![body])).collect());
            let mut result = Held(base.0.clone());
            let mut writes = Vec::new();
            for (name, body) in changes {
                let owner = owner.clone();
                match body {
                    Some(body) => {
                        result.0.insert(name.clone(), vec![body]);
                        writes.push(Write::Put { collection, owner, name, body: vec![body] });
                    }
                    None => {
                        result.0.remove(&name);
                        writes.push(Write::Delete { collection, owner, name });
                    }
                }
            }
            let overlay = Overlay::new(&base, &writes);
            prop_assert_eq!(
                overlay.list(collection, &owner, &prefix, after.as_deref(), limit).unwrap(),
                result.list(collection, &owner, &prefix, after.as_deref(), limit).unwrap()
            );
            prop_assert_eq!(
                overlay.get(collection, &owner, &prefix).unwrap(),
                result.get(collection, &owner, &prefix).unwrap()
            );
        }
    }
}
