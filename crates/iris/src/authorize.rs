//! Who may do what: one function, and a [`Permit`] that only it can make. Handlers take a permit, so a
//! forgotten check does not compile. Default is refusal, and a refusal does not tell whether the
//! resource exists.

use jid::{BareJid, DomainPart, FullJid};

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A bound session of a local account.
    Session(FullJid),
    /// A component (XEP-0114), for its host.
    Component(DomainPart),
    /// A peer server, for a domain it proved.
    Peer(DomainPart),
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Read or change what only the owner may: roster, private XML, block list, archive, push, tokens.
    ManageAccount,
    /// Read what the owner publishes; the node's access model decides further.
    ReadPublished,
    /// Speak with this `from`.
    SendAs,
    /// Ask the server itself.
    AskServer,
    /// Enter, speak in or manage a room; affiliation and role decide further.
    UseRoom,
}

/// That `principal` may do `action` with `resource`. Made by [`authorize`] alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    principal: Principal,
    action: Action,
    resource: BareJid,
}

impl Permit {
    /// Who.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// What.
    pub fn action(&self) -> Action {
        self.action
    }

    /// With what.
    pub fn resource(&self) -> &BareJid {
        &self.resource
    }
}

/// The action is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{action:?} is not allowed here")]
pub struct Forbidden {
    /// What was asked for.
    pub action: Action,
}

/// Whether `principal` may do `action` with `resource`.
///
/// # Errors
/// It may not.
pub fn authorize(
    principal: &Principal,
    action: Action,
    resource: &BareJid,
) -> Result<Permit, Forbidden> {
    let is_own = match principal {
        Principal::Session(jid) => jid.to_bare() == *resource,
        Principal::Component(domain) | Principal::Peer(domain) => {
            resource.domain() == domain.as_ref()
        }
    };
    let is_allowed = match action {
        Action::ManageAccount => is_own && matches!(principal, Principal::Session(_)),
        Action::SendAs => is_own,
        Action::ReadPublished | Action::AskServer | Action::UseRoom => true,
    };
    if is_allowed {
        return Ok(Permit {
            principal: principal.clone(),
            action,
            resource: resource.clone(),
        });
    }
    Err(Forbidden { action })
}
