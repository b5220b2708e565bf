//! Accounts as `tools/xmpp/servers.py` makes them.

/// Somebody who can sign in.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) password: String,
}

impl Account {
    /// By name.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            password: format!("pw-{name}-8Jq"),
        }
    }

    /// `u0`, `u1`, …
    pub(crate) fn number(number: usize) -> Self {
        Self::named(&format!("u{number}"))
    }
}
