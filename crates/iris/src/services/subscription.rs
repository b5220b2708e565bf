//! Presence subscriptions between an account and a contact, as the account sees them: one pure function for
//! each direction (RFC 6121 3 and appendix A). Where the appendix lists nine states, four facts say the same.

/// What stands between an account and a contact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standing {
    /// The account sees the contact's presence.
    pub to: bool,
    /// The contact sees the account's presence.
    pub from: bool,
    /// The account asked and waits.
    pub asked: bool,
    /// The contact asked and waits.
    pub is_asked: bool,
    /// The account will say yes if the contact asks (RFC 6121 3.4).
    pub approved: bool,
}

/// The four presence types of subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Request {
    /// Asks to see presence.
    Subscribe,
    /// Allows it.
    Subscribed,
    /// Wants to see it no longer.
    Unsubscribe,
    /// Allows it no longer.
    Unsubscribed,
}

impl Request {
    /// Reads a presence `type`.
    pub fn read(type_: &str) -> Option<Self> {
        match type_ {
            "subscribe" => Some(Self::Subscribe),
            "subscribed" => Some(Self::Subscribed),
            "unsubscribe" => Some(Self::Unsubscribe),
            "unsubscribed" => Some(Self::Unsubscribed),
            _ => None,
        }
    }

    /// The presence `type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Subscribed => "subscribed",
            Self::Unsubscribe => "unsubscribe",
            Self::Unsubscribed => "unsubscribed",
        }
    }
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Afterwards.
    pub standing: Standing,
    /// Whether it goes on: outbound to the contact, inbound to the account's devices.
    pub passes: bool,
    /// What the server answers at once in the account's name.
    pub answer: Option<Request>,
}

/// The account sends a request to the contact (appendix A.2).
pub fn outbound(before: Standing, request: Request) -> Step {
    let mut after = before;
    let passes = match request {
        Request::Subscribe => {
            after.asked |= !before.to;
            true
        }
        Request::Unsubscribe => {
            after.to = false;
            after.asked = false;
            true
        }
        Request::Subscribed => {
            after.from |= before.is_asked;
            after.is_asked = false;
            // Without a request this is a promise for later.
            after.approved |= !before.is_asked && !before.from;
            before.is_asked
        }
        Request::Unsubscribed => {
            after.from = false;
            after.is_asked = false;
            after.approved = false;
            before.from || before.is_asked
        }
    };
    Step {
        standing: after,
        passes,
        answer: None,
    }
}

/// The contact's request reaches the account (appendix A.3).
pub fn inbound(before: Standing, request: Request) -> Step {
    let mut after = before;
    let mut answer = None;
    let passes = match request {
        Request::Subscribe => {
            if before.from {
                answer = Some(Request::Subscribed);
            } else if before.approved {
                after.from = true;
                after.approved = false;
                answer = Some(Request::Subscribed);
            } else {
                after.is_asked = true;
            }
            after.is_asked && !before.is_asked
        }
        Request::Unsubscribe => {
            after.from = false;
            after.is_asked = false;
            before.from || before.is_asked
        }
        Request::Subscribed => {
            after.to |= before.asked;
            after.asked = false;
            before.asked
        }
        Request::Unsubscribed => {
            after.to = false;
            after.asked = false;
            before.to || before.asked
        }
    };
    Step {
        standing: after,
        passes,
        answer,
    }
}
