//! `/v1/iris/accounts`: who has an account, and what an operator may do with it.

use crate::iris::wire::account_view;
use crate::journal_api::erase;
use api::accounts::{
    AccountAddress, AccountErased, AccountView, CreateAccount, EraseAccount, Password, SetPassword,
};
use api::page::{Page, PageQuery};
use api::problem::Code;
use api::receipt::Receipted;
use axum::Json;
use axum::extract::State;
use evidence::digest::{Digest, Purpose};
use iris::account::{Account, Standing};
use iris::documents::{Collection, Write};
use iris::sasl::{Credentials, ITERATIONS};
use iris_server::store::{OwnerTooLong, account_stream, archive_stream, record_id, record_kind};
use journal::StreamName;
use utoipa_axum::router::OpenApiRouter;

use super::{Messenger, write_document};
use crate::iris::can;
use platform::auth::Resource;
use platform::change::Change;
use platform::declined::Declined;
use platform::http::extract::{Caller, Command, Empty, PathOf, QueryOf};
use platform::http::idempotency::{Decided, Outcome, Reply, Ticket, execute};
use platform::moment::Moment;
use platform::routes;
use platform::store;

pub(super) fn routes() -> OpenApiRouter<Messenger> {
    OpenApiRouter::default()
        .routes(routes!(list_accounts, create_account))
        .routes(routes!(find_account))
        .routes(routes!(set_password))
        .routes(routes!(disable_account))
        .routes(routes!(enable_account))
        .routes(routes!(remove_account))
        .routes(routes!(erase_account))
}

/// The accounts of the messenger, by address.
#[utoipa::path(
    get, path = "/v1/iris/accounts", tag = "iris", params(PageQuery),
    responses((status = 200, description = "One page of accounts.", body = Page<AccountView>))
)]
async fn list_accounts(
    _caller: Caller<can::ReadAccounts>,
    State(state): State<Messenger>,
    QueryOf(page): QueryOf<PageQuery>,
) -> Result<Json<Page<AccountView>>, Declined> {
    let list = move |moment: &Moment<'_>| {
        let kind = record_kind(Collection::Account);
        let after = page.after().map(|jid| format!("{jid}\n"));
        let limit = page.limit() + 1;
        let records = store::list::<Account>(moment, kind, &[], after.as_deref(), limit)?;
        let mut items = Vec::with_capacity(records.len());
        for record in records {
            let jid = record.id.trim_end_matches('\n').to_owned();
            let jid = AccountAddress::try_from(jid).map_err(|error| Declined::internal(&error))?;
            items.push(account_view(jid, &record.body));
        }
        let key = |item: &AccountView| item.jid.to_string();
        Ok(Json(Page::cut(items, page.limit(), key)))
    };
    state.platform.read(list).await
}

/// Create an account.
#[utoipa::path(
    post, path = "/v1/iris/accounts", tag = "iris", request_body = CreateAccount,
    responses((status = 201, description = "The account exists.", body = Receipted<AccountView>))
)]
async fn create_account(
    caller: Caller<can::ManageAccounts>,
    State(state): State<Messenger>,
    command: Command<CreateAccount>,
) -> Result<Outcome, Declined> {
    let Command { body: wish, ticket } = command;
    state.check_domain(&wish.jid)?;
    let ticket = state.blind(ticket);
    let credentials = state.derive(wish.password.as_ref()).await?;
    if credentials.is_none() && wish.principal.is_none() {
        let detail = "nobody could sign in: give a password, or a principal whose tokens do";
        return Err(Declined::new(Code::RuleViolated, detail).with_error(
            "/password",
            "required",
            detail,
        ));
    }
    let principal = wish.principal.as_ref().map(ToString::to_string);
    let jid = wish.jid.clone();
    state
        .execute(caller, ticket, jid, move |before, now_ms| {
            if before.is_some() {
                return Err(taken(&wish.jid));
            }
            let account = Account {
                credentials: credentials.clone(),
                standing: Standing::Enabled,
                principal: principal.clone(),
                created_ms: now_ms,
            };
            let view = account_view(wish.jid.clone(), &account);
            let location = format!("/v1/iris/accounts/{}", wish.jid);
            Ok((account, Reply::created(location, &view)))
        })
        .await
}

/// One account.
#[utoipa::path(
    get, path = "/v1/iris/accounts/{jid}", tag = "iris", params(("jid" = AccountAddress, Path)),
    responses((status = 200, description = "The account.", body = AccountView))
)]
async fn find_account(
    _caller: Caller<can::ReadAccounts>,
    State(state): State<Messenger>,
    PathOf(jid): PathOf<AccountAddress>,
) -> Result<Json<AccountView>, Declined> {
    let account = state.find(&jid).await?.ok_or_else(unknown)?;
    Ok(Json(account_view(jid, &account)))
}

/// Set the password of an account; its devices have to sign in again.
#[utoipa::path(
    post, path = "/v1/iris/accounts/{jid}/password", tag = "iris", params(("jid" = AccountAddress, Path)),
    request_body = SetPassword,
    responses((status = 200, description = "The password is set.", body = Receipted<AccountView>))
)]
async fn set_password(
    caller: Caller<can::ManageAccounts>,
    State(state): State<Messenger>,
    PathOf(jid): PathOf<AccountAddress>,
    command: Command<SetPassword>,
) -> Result<Outcome, Declined> {
    let Command { body: wish, ticket } = command;
    let credentials = state.derive(Some(&wish.password)).await?;
    let change = move |account: &mut Account| account.credentials.clone_from(&credentials);
    let ticket = state.blind(ticket);
    state.change(caller, ticket, jid, change).await
}

/// Disable an account: its sessions end, and nobody can sign in to it. It still receives.
#[utoipa::path(
    post, path = "/v1/iris/accounts/{jid}/disable", tag = "iris", params(("jid" = AccountAddress, Path)),
    responses((status = 200, description = "The account is disabled.", body = Receipted<AccountView>))
)]
async fn disable_account(
    caller: Caller<can::ManageAccounts>,
    State(state): State<Messenger>,
    PathOf(jid): PathOf<AccountAddress>,
    command: Command<Empty>,
) -> Result<Outcome, Declined> {
    let change = |account: &mut Account| account.standing = Standing::Disabled;
    state.change(caller, command.ticket, jid, change).await
}

/// Enable a disabled account again.
#[utoipa::path(
    post, path = "/v1/iris/accounts/{jid}/enable", tag = "iris", params(("jid" = AccountAddress, Path)),
    responses((status = 200, description = "The account is enabled.", body = Receipted<AccountView>))
)]
async fn enable_account(
    caller: Caller<can::ManageAccounts>,
    State(state): State<Messenger>,
    PathOf(jid): PathOf<AccountAddress>,
    command: Command<Empty>,
) -> Result<Outcome, Declined> {
    let change = |account: &mut Account| account.standing = Standing::Enabled;
    state.change(caller, command.ticket, jid, change).await
}

/// Remove an account for good: its sessions end, its password is gone, and its name is never given out again. What it
/// holds stays until it is erased.
#[utoipa::path(
    post, path = "/v1/iris/accounts/{jid}/remove", tag = "iris", params(("jid" = AccountAddress, Path)),
    responses((status = 200, description = "The account is removed.", body = Receipted<AccountView>))
)]
async fn remove_account(
    caller: Caller<can::ManageAccounts>,
    State(state): State<Messenger>,
    PathOf(jid): PathOf<AccountAddress>,
    command: Command<Empty>,
) -> Result<Outcome, Declined> {
    let change = |account: &mut Account| {
        account.standing = Standing::Removed;
        account.credentials = None;
        account.principal = None;
    };
    state.change(caller, command.ticket, jid, change).await
}

/// Erase an account and everything it holds by destroying the keys: contacts, devices, messages, files. What others
/// received from it is theirs and stays.
#[utoipa::path(
    post, path = "/v1/iris/accounts/{jid}/erase", tag = "iris", params(("jid" = AccountAddress, Path)),
    request_body = EraseAccount,
    responses((status = 200, description = "The content is gone from every file of the node.", body = Receipted<AccountErased>))
)]
async fn erase_account(
    caller: Caller<can::ManageAccounts>,
    State(state): State<Messenger>,
    PathOf(jid): PathOf<AccountAddress>,
    command: Command<EraseAccount>,
) -> Result<Outcome, Declined> {
    let Command {
        body: order,
        ticket,
    } = command;
    execute(&state.platform, caller, ticket, move |moment, caller| {
        let permit = caller.permit(Resource::Zone)?;
        account(moment, &jid)?.ok_or_else(unknown)?;
        let mut change = Change::default();
        let mut erased = Vec::new();
        for stream in streams(&jid)? {
            let head = moment.stream_head(&stream);
            let head = head.map_err(|error| Declined::internal(&error))?;
            if head.is_some_and(|head| !head.shredded) {
                erased.push(stream.to_string());
                erase(&mut change, stream, order.reason, None)?;
            }
        }
        let body = AccountErased {
            jid: jid.clone(),
            streams: erased,
        };
        Ok(Decided::new(permit, change, Reply::ok(&body)))
    })
    .await
}

fn unknown() -> Declined {
    Declined::not_found("account")
}

fn too_long(error: &OwnerTooLong) -> Declined {
    Declined::new(Code::RuleViolated, error.to_string()).with_error(
        "/jid",
        "length",
        "the address is too long for an account",
    )
}

impl Messenger {
    pub(super) fn check_domain(&self, jid: &AccountAddress) -> Result<(), Declined> {
        if jid.jid().domain() == self.host.domain.as_ref() {
            return Ok(());
        }
        let detail = format!("accounts of this node end in `@{}`", self.host.domain);
        Err(Declined::new(Code::RuleViolated, detail.clone()).with_error("/jid", "domain", detail))
    }

    /// The account as the journal has it, whatever is remembered elsewhere.
    pub(super) async fn find(&self, jid: &AccountAddress) -> Result<Option<Account>, Declined> {
        let jid = jid.clone();
        self.platform
            .read(move |moment| account(moment, &jid))
            .await
    }

    /// Credentials for a password. Deriving them takes long on purpose, so it is done where nothing waits.
    pub(super) async fn derive(
        &self,
        password: Option<&Password>,
    ) -> Result<Option<Credentials>, Declined> {
        let Some(password) = password.cloned() else {
            return Ok(None);
        };
        let mut salt = [0; 16];
        (self.platform.entropy)(&mut salt);
        let derived = self
            .platform
            .blocking(move |_| Credentials::derive(password.as_str(), &salt, ITERATIONS))
            .await;
        derived.map(Some).map_err(|error| {
            let detail = error.to_string();
            Declined::new(Code::RuleViolated, detail.clone()).with_error(
                "/password",
                "saslprep",
                detail,
            )
        })
    }

    /// The digest of a request is stored in the clear, and a password can be guessed from a digest. So what is stored
    /// is a digest that only this zone can compute.
    pub(super) fn blind(&self, ticket: Ticket) -> Ticket {
        let request = ticket.request.to_hex();
        let keyed = self
            .platform
            .tokens
            .keyed_digest("request", request.as_bytes());
        Ticket {
            request: Digest::of(Purpose::Request, &keyed),
            ..ticket
        }
    }

    /// Changes an account that exists and was not removed. The messenger ends its sessions when it hears of that.
    async fn change(
        &self,
        caller: Caller<can::ManageAccounts>,
        ticket: Ticket,
        jid: AccountAddress,
        change: impl Fn(&mut Account) + Send + Sync + 'static,
    ) -> Result<Outcome, Declined> {
        let address = jid.clone();
        self.execute(caller, ticket, jid, move |before, _| {
            let mut account = before
                .filter(|account| account.standing != Standing::Removed)
                .ok_or_else(unknown)?;
            change(&mut account);
            let reply = Reply::ok(&account_view(address.clone(), &account));
            Ok((account, reply))
        })
        .await
    }

    /// Decides on the present account and commits its next form. The stored answer is sealed like the account.
    async fn execute(
        &self,
        caller: Caller<can::ManageAccounts>,
        ticket: Ticket,
        jid: AccountAddress,
        decide: impl Fn(Option<Account>, i64) -> Result<(Account, Reply), Declined>
        + Send
        + Sync
        + 'static,
    ) -> Result<Outcome, Declined> {
        execute(&self.platform, caller, ticket, move |moment, caller| {
            let permit = caller.permit(Resource::Zone)?;
            let (account, reply) = decide(present(moment, &jid)?, moment.now_ms)?;
            let mut change = Change::default();
            let owner = put_account(&mut change, &jid, &account)?;
            Ok(Decided::new(permit, change, reply).sealed_by(owner))
        })
        .await
    }
}

/// The account as it stands in this moment.
pub(super) fn account(
    moment: &Moment<'_>,
    jid: &AccountAddress,
) -> Result<Option<Account>, Declined> {
    let id = record_id(jid.jid().as_str(), "");
    let found = store::find::<Account>(moment, record_kind(Collection::Account), &id)?;
    Ok(found.map(|stored| stored.body))
}

/// The account under a name that was not erased.
fn present(moment: &Moment<'_>, jid: &AccountAddress) -> Result<Option<Account>, Declined> {
    let [stream, _] = streams(jid)?;
    let head = moment.stream_head(&stream);
    let head = head.map_err(|error| Declined::internal(&error))?;
    if head.is_some_and(|head| head.shredded) {
        return Err(taken(jid));
    }
    account(moment, jid)
}

/// Adds the first form of an account whose name nobody ever had; says which stream it is in.
pub(super) fn create(
    moment: &Moment<'_>,
    change: &mut Change,
    jid: &AccountAddress,
    account: &Account,
) -> Result<StreamName, Declined> {
    if present(moment, jid)?.is_some() {
        return Err(taken(jid));
    }
    put_account(change, jid, account)
}

fn put_account(
    change: &mut Change,
    jid: &AccountAddress,
    account: &Account,
) -> Result<StreamName, Declined> {
    let write = Write::Put {
        collection: Collection::Account,
        owner: jid.jid().clone(),
        name: String::new(),
        body: account.to_document(),
    };
    write_document(change, &write).map_err(|error| too_long(&error))
}

fn streams(jid: &AccountAddress) -> Result<[StreamName; 2], Declined> {
    let account = account_stream(jid.jid()).map_err(|error| too_long(&error))?;
    let archive = archive_stream(jid.jid()).map_err(|error| too_long(&error))?;
    Ok([account, archive])
}

fn taken(jid: &AccountAddress) -> Declined {
    let detail = format!("`{jid}` exists already, or did once; names are not given out again");
    Declined::new(Code::Conflict, detail)
}
