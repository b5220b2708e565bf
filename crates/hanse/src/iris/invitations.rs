//! `/v1/iris/invitations`: an operator invites, and whoever has the invitation makes an account once.
//!
//! The secret of an invitation is computed from the request that made it by a key of the zone, and is not stored: a
//! document holds its digest.

use crate::iris::wire::account_view;
use api::accounts::InvitationStatus;
use api::accounts::{AccountAddress, AccountView};
use api::accounts::{CreateInvitation, InvitationIssued, InvitationView, RedeemInvitation};
use api::page::{Page, PageQuery};
use api::problem::Code;
use api::receipt::Receipted;
use axum::Json;
use axum::extract::State;
use iris::account::{Account, Standing};
use iris::documents::{Collection, Documents as _, Write};
use iris_server::store::{record_id, record_kind};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use utoipa_axum::router::OpenApiRouter;

use super::{Messenger, accounts, write_document};
use crate::iris::can;
use platform::auth::{Asks as _, Permit, Resource};
use platform::change::Change;
use platform::declined::Declined;
use platform::http::extract::{Caller, Command, Empty, PathOf, QueryOf};
use platform::http::idempotency::{Decided, Outcome, Reply, execute, execute_as};
use platform::moment::Moment;
use platform::routes;
use platform::store;

/// How long an invitation can be used when nobody says, in seconds.
const LIFETIME_S_DEFAULT: u32 = 3 * 24 * 3600;
/// How long an invitation may be usable, in seconds.
const LIFETIME_S_MAX: u32 = 90 * 24 * 3600;
/// Whoever holds an invitation, as an actor in the journal.
const ACTOR: &str = "invitation";
/// Hexadecimal digits of an invitation's id.
const ID_DIGITS: usize = 32;

pub(super) fn routes() -> OpenApiRouter<Messenger> {
    OpenApiRouter::default()
        .routes(routes!(list_invitations, create_invitation))
        .routes(routes!(revoke_invitation))
        .routes(routes!(open: redeem_invitation))
}

/// The invitations, by id.
#[utoipa::path(
    get, path = "/v1/iris/invitations", tag = "iris", params(PageQuery),
    responses((status = 200, description = "One page of invitations.", body = Page<InvitationView>))
)]
async fn list_invitations(
    _caller: Caller<can::ReadAccounts>,
    State(state): State<Messenger>,
    QueryOf(page): QueryOf<PageQuery>,
) -> Result<Json<Page<InvitationView>>, Declined> {
    let owner = state.host.server();
    let limit = page.limit() + 1;
    let after = page.after().map(str::to_owned);
    let rows = state
        .blocking(move |state| {
            let store = &state.store;
            let rows = store.list(Collection::Invitation, &owner, "", after.as_deref(), limit);
            rows.map_err(|error| Declined::internal(&error))
        })
        .await?;
    let read = |(_, body): &(String, Vec<u8>)| serde_json::from_slice(body);
    let items: Result<Vec<InvitationView>, _> = rows.iter().map(read).collect();
    let items = items.map_err(|error| Declined::internal(&error))?;
    Ok(Json(Page::cut(items, page.limit(), |item| item.id.clone())))
}

/// Make an invitation. Its secret is in this answer, and in the answer to the same request with the same key.
#[utoipa::path(
    post, path = "/v1/iris/invitations", tag = "iris", request_body = CreateInvitation,
    responses((status = 201, description = "The invitation can be used.", body = Receipted<InvitationIssued>))
)]
async fn create_invitation(
    caller: Caller<can::ManageAccounts>,
    State(state): State<Messenger>,
    command: Command<CreateInvitation>,
) -> Result<Outcome, Declined> {
    let Command { body: wish, ticket } = command;
    if let Some(jid) = &wish.jid {
        state.check_domain(jid)?;
    }
    let lifetime_s = wish.lifetime_s.unwrap_or(LIFETIME_S_DEFAULT);
    if !(1..=LIFETIME_S_MAX).contains(&lifetime_s) {
        let detail = format!("a lifetime is 1 to {LIFETIME_S_MAX} seconds");
        return Err(
            Declined::new(Code::RuleViolated, detail.clone()).with_error(
                "/lifetime_s",
                "range",
                detail,
            ),
        );
    }
    let token = state.secret_of(&ticket.request.to_hex(), &ticket.scope, ticket.key.as_str());
    let id = id_of(&token);
    let shared = state.clone();
    let outcome = execute(&state.platform, caller, ticket, move |moment, caller| {
        let permit = caller.permit(Resource::Zone)?;
        if shared.invitation(moment, &id)?.is_some() {
            return Err(Declined::new(
                Code::Conflict,
                "this request made an invitation before",
            ));
        }
        let invitation = InvitationView {
            id: id.clone(),
            status: InvitationStatus::Open,
            jid: wish.jid.clone(),
            expires_ms: moment.now_ms + i64::from(lifetime_s) * 1000,
            by: permit.principal().to_string(),
        };
        let mut change = Change::default();
        shared.put(&mut change, &invitation)?;
        let reply = Reply::created(format!("/v1/iris/invitations/{id}"), &invitation);
        Ok(Decided::new(permit, change, reply))
    })
    .await?;
    let with_secret = |body: &mut serde_json::Value| body["token"] = json!(token);
    Ok(Outcome {
        reply: outcome.reply.map_body(with_secret),
        ..outcome
    })
}

/// Take an invitation back.
#[utoipa::path(
    post, path = "/v1/iris/invitations/{id}/revoke", tag = "iris",
    params(("id" = String, Path, description = "The id of the invitation.")),
    responses((status = 200, description = "It cannot be used any more.", body = Receipted<InvitationView>))
)]
async fn revoke_invitation(
    caller: Caller<can::ManageAccounts>,
    State(state): State<Messenger>,
    PathOf(id): PathOf<String>,
    command: Command<Empty>,
) -> Result<Outcome, Declined> {
    let shared = state.clone();
    execute(
        &state.platform,
        caller,
        command.ticket,
        move |moment, caller| {
            let permit = caller.permit(Resource::Zone)?;
            let mut invitation = shared
                .invitation(moment, &id)?
                .ok_or_else(|| Declined::not_found("invitation"))?;
            if invitation.status == InvitationStatus::Used {
                return Err(Declined::new(Code::Conflict, "the invitation was used"));
            }
            invitation.status = InvitationStatus::Revoked;
            let mut change = Change::default();
            shared.put(&mut change, &invitation)?;
            Ok(Decided::new(permit, change, Reply::ok(&invitation)))
        },
    )
    .await
}

/// Make the account that an invitation is for. It needs no token: the secret of the invitation is in the body.
#[utoipa::path(
    post, path = "/v1/iris/invitations/redeem", tag = "iris", request_body = RedeemInvitation,
    responses((status = 201, description = "The account exists.", body = Receipted<AccountView>))
)]
async fn redeem_invitation(
    State(state): State<Messenger>,
    command: Command<RedeemInvitation>,
) -> Result<Outcome, Declined> {
    let Command { body: wish, ticket } = command;
    state.check_domain(&wish.jid)?;
    let id = id_of(&wish.token);
    // Looked at before the password is, which costs time: a stranger must not make the node work.
    let (shared, known, jid) = (state.clone(), id.clone(), wish.jid.clone());
    let look = move |moment: &Moment<'_>| shared.usable(moment, &known, &jid).map(drop);
    state.platform.read(look).await?;
    let ticket = state.blind(ticket);
    let credentials = state.derive(Some(&wish.password)).await?;
    let shared = state.clone();
    let decide = move |moment: &Moment<'_>| {
        let mut invitation = shared.usable(moment, &id, &wish.jid)?;
        invitation.status = InvitationStatus::Used;
        let account = Account {
            credentials: credentials.clone(),
            standing: Standing::Enabled,
            principal: None,
            created_ms: moment.now_ms,
        };
        let mut change = Change::default();
        shared.put(&mut change, &invitation)?;
        let owner = accounts::create(moment, &mut change, &wish.jid, &account)?;
        let view = account_view(wish.jid.clone(), &account);
        let reply = Reply::created(format!("/v1/iris/accounts/{}", wish.jid), &view);
        let holder = ACTOR.parse().expect("the constant is a principal's name");
        let permit = Permit::proven(holder, can::ManageAccounts::ACTION);
        Ok((Decided::new(permit, change, reply).sealed_by(owner), ()))
    };
    let (outcome, _) = execute_as(&state.platform, ACTOR, ticket, decide).await?;
    Ok(outcome)
}

/// The id under which a secret is kept.
fn id_of(token: &str) -> String {
    let mut id = data_encoding::HEXLOWER.encode(&Sha256::digest(token.as_bytes()));
    id.truncate(ID_DIGITS);
    id
}

impl Messenger {
    fn invitation(
        &self,
        moment: &Moment<'_>,
        id: &str,
    ) -> Result<Option<InvitationView>, Declined> {
        let id = record_id(self.host.server().as_str(), id);
        let kind = record_kind(Collection::Invitation);
        let found = store::find::<InvitationView>(moment, kind, &id)?;
        Ok(found.map(|stored| stored.body))
    }

    /// An invitation that can make this account now. Why one cannot is told to nobody but those who hold its secret.
    fn usable(
        &self,
        moment: &Moment<'_>,
        id: &str,
        jid: &AccountAddress,
    ) -> Result<InvitationView, Declined> {
        let unknown = || Declined::new(Code::TokenInvalid, "this is no invitation of this node");
        let invitation = self.invitation(moment, id)?.ok_or_else(unknown)?;
        let refusal = match invitation.status {
            InvitationStatus::Revoked => Some("the invitation was taken back"),
            InvitationStatus::Used => Some("the invitation was used"),
            InvitationStatus::Open if moment.now_ms >= invitation.expires_ms => {
                Some("the invitation has ended")
            }
            InvitationStatus::Open if invitation.jid.as_ref().is_some_and(|only| only != jid) => {
                Some("the invitation is for another address")
            }
            InvitationStatus::Open => None,
        };
        match refusal {
            Some(detail) => Err(Declined::new(Code::Conflict, detail)),
            None => Ok(invitation),
        }
    }

    /// Adds the next form of an invitation to a change.
    fn put(&self, change: &mut Change, invitation: &InvitationView) -> Result<(), Declined> {
        let body = serde_json::to_vec(invitation).map_err(|error| Declined::internal(&error))?;
        let write = Write::Put {
            collection: Collection::Invitation,
            owner: self.host.server(),
            name: invitation.id.clone(),
            body,
        };
        let written = write_document(change, &write);
        written
            .map(drop)
            .map_err(|error| Declined::internal(&error))
    }

    /// A secret that this request, and nobody without a key of the zone, leads to.
    fn secret_of(&self, request: &str, scope: &str, key: &str) -> String {
        let text = format!("{request}\n{scope}\n{key}");
        let bytes = self
            .platform
            .tokens
            .keyed_digest("invitation", text.as_bytes());
        data_encoding::BASE64URL_NOPAD.encode(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_does_not_tell_its_secret() {
        let id = id_of("secret");
        assert_eq!(id.len(), ID_DIGITS);
        assert!(!id.contains("secret"));
        assert_ne!(id, id_of("secret2"));
    }
}
