//! Tokens of the zone as a way to sign in (RFC 7628): whose account a token with `iris:send` is for.

use std::sync::Arc;

use iris::account::{Account, Standing};
use iris::documents::Collection;
use iris_server::store::record_kind;
use iris_server::{Checking, TokenCheck};
use jid::BareJid;

use crate::iris::can;
use platform::auth::{Asks as _, Resource, authorize};
use platform::declined::Declined;
use platform::http::Platform;
use platform::moment::Moment;
use platform::principals::authenticate;
use platform::store;

/// Asks the journal about each token, so that one that was revoked is refused at once.
#[derive(Clone, Debug)]
pub struct ZoneTokens(pub Arc<Platform>);

impl TokenCheck for ZoneTokens {
    fn check(&self, token: String) -> Checking {
        let platform = Arc::clone(&self.0);
        Box::pin(async move {
            let shared = Arc::clone(&platform);
            let owner = move |moment: &Moment<'_>| owner(&shared, moment, &token);
            // A client is not told why its token is no good.
            platform.read(owner).await.ok().flatten()
        })
    }
}

fn owner(
    platform: &Platform,
    moment: &Moment<'_>,
    token: &str,
) -> Result<Option<BareJid>, Declined> {
    let identity = authenticate(&platform.tokens, moment, token)?;
    if authorize(&identity, can::SendMessages::ACTION, Resource::Collection).is_err() {
        return Ok(None);
    }
    let filter = [("principal", identity.principal.as_str())];
    let accounts = store::all::<Account>(moment, record_kind(Collection::Account), &filter)?;
    let mut usable = accounts
        .into_iter()
        .filter(|account| account.body.standing == Standing::Enabled);
    // A principal with two accounts must say which it means, and a token cannot.
    let only = usable.next().filter(|_| usable.next().is_none());
    Ok(only.and_then(|only| BareJid::new(only.id.trim_end_matches('\n')).ok()))
}
