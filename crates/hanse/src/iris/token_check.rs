//! Tokens of the zone as a way to sign in (RFC 7628): whose account a token with `iris:send` is for.

use std::sync::Arc;

use iris::account::{Account, Standing};
use iris::documents::Collection;
use iris_server::TokenCheck;
use iris_server::store::record_kind;
use jid::BareJid;

use crate::auth::{Operation as _, Resource, authorize, can};
use crate::http::Platform;
use crate::principals::authenticate;
use crate::store;

/// Asks the journal about each token, so that one that was revoked is refused at once.
#[derive(Clone, Debug)]
pub struct ZoneTokens(pub Arc<Platform>);

impl TokenCheck for ZoneTokens {
    fn check(&self, token: &str) -> Option<BareJid> {
        let moment = self.0.moment().ok()?;
        let identity = authenticate(&self.0.tokens, &moment, token).ok()?;
        authorize(&identity, can::SendMessages::ACTION, Resource::Collection).ok()?;
        let filter = [("principal", identity.principal.as_str())];
        let kind = record_kind(Collection::Account);
        let accounts = store::all::<Account>(&moment, kind, &filter).ok()?;
        let mut usable = accounts
            .into_iter()
            .filter(|account| account.body.standing == Standing::Enabled);
        // A principal with two accounts must say which it means, and a token cannot.
        let only = usable.next().filter(|_| usable.next().is_none())?;
        BareJid::new(only.id.trim_end_matches('\n')).ok()
    }
}
