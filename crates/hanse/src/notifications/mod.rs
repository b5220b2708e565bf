//! What people must be told: work for reviewers, and alerts for operators.

pub mod webhook;

mod call;
mod project;

use api::notifications::NotificationView;
use api::page::{Cursor, Page, PageLimit, PageQuery};
use api::problem::Code;
use api::receipt::Receipted;
use axum::Json;
use axum::extract::State;
use ids::aggregate::{Aggregate as _, Decision};
use journal::Privacy;
use mez::notification::{
    Audience, Command as Step, Context, Effect, NotificationEvent, Outside, Refusal,
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;

use crate::entities::wire::actor;
use crate::institution::Institution;
use crate::institution::Work;
use crate::records::kind;
use crate::screening::can;
use crate::state::{Institutions, Node};
use crate::streams;
use platform::auth::Resource;
use platform::change::Change;
use platform::declined::Declined;
use platform::http::extract::{Caller, Command, Empty, PathOf, QueryOf};
use platform::http::idempotency::{Decided, Outcome, Reply, execute};
use platform::moment::Moment;
use platform::routes;
use platform::store;

pub use mez::notification::Notification;

/// Notifications.
pub const INSTITUTION: Institution = Institution {
    name: "notifications",
    projections: &[
        (NotificationEvent::RAISED, project::raised),
        (NotificationEvent::ACKNOWLEDGED, project::acknowledged),
    ],
    routes,
    effects: &[(Effect::CALL_WEBHOOK, call::execute)],
    ..Institution::NONE
};

fn notification_view(notification: Notification) -> NotificationView {
    NotificationView {
        id: notification.id,
        audience: match notification.audience {
            Audience::Reviewers => api::notifications::Audience::Reviewers,
            Audience::Operators => api::notifications::Audience::Operators,
        },
        entity: notification.entity.map(String::from),
        text: notification.text,
        raised_at: notification.raised_at,
        acknowledged_by: notification.acknowledged_by.map(String::from),
    }
}

impl Work for Effect {
    fn kind(&self) -> &'static str {
        Self::kind(self)
    }
}

/// Adds a notification to a change; where a webhook is configured, it will be called.
///
/// # Errors
/// The notification has no canonical form, which is a defect.
pub fn raise(
    node: &Institutions,
    change: &mut Change,
    notification: &Notification,
) -> Result<(), Declined> {
    let actor = node.actor();
    let context = Context {
        actor: &actor,
        outside: match node.webhook {
            Some(_) => Outside::Webhook,
            None => Outside::Nobody,
        },
    };
    // Its id is that of work which is settled in the same transaction, so that nothing has it yet.
    let step = Step::Raise(notification.clone());
    let decision = Notification::decide(None, step, &context).map_err(refused)?;
    record(change, None, &decision).map(drop)
}

/// Writes what happened to a notification and what has to be done. Returns the notification after it.
fn record(
    change: &mut Change,
    mut notification: Option<Notification>,
    decision: &Decision<NotificationEvent, Effect>,
) -> Result<Notification, Declined> {
    let stream = streams::notifications();
    for event in &decision.events {
        change.append(&stream, Privacy::Public, event.kind(), event)?;
        let after = Notification::apply(notification.take(), event);
        notification = Some(after.map_err(|error| Declined::internal(&error))?);
    }
    for effect in &decision.effects {
        change.effect(effect.kind(), effect)?;
    }
    notification.ok_or_else(|| Declined::not_found("notification"))
}

/// What the caller is told when a notification refuses.
fn refused(refusal: Refusal) -> Declined {
    match refusal {
        Refusal::Common(refusal) => refusal.into(),
        Refusal::AcknowledgedAlready => Declined::new(Code::Conflict, refusal.to_string()),
    }
}

fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default()
        .routes(routes!(list_notifications))
        .routes(routes!(acknowledge_notification))
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct NotificationQuery {
    /// The `next` of the page before. Opaque.
    cursor: Option<Cursor>,
    /// How many items at most, 1 to 200.
    #[param(inline)]
    limit: Option<PageLimit>,
    /// Only those that nobody took note of, or only the others.
    open: Option<bool>,
}

/// Notifications by id, which is by time.
#[utoipa::path(
    get, path = "/v1/notifications", tag = "notifications", params(NotificationQuery),
    responses((status = 200, description = "One page of notifications.", body = Page<NotificationView>))
)]
async fn list_notifications(
    _caller: Caller<can::ReadScreening>,
    State(node): State<Node>,
    QueryOf(query): QueryOf<NotificationQuery>,
) -> Result<Json<Page<NotificationView>>, Declined> {
    let list = move |moment: &Moment<'_>| {
        let page = PageQuery {
            cursor: query.cursor,
            limit: query.limit,
        };
        let open = query.open.map(|open| if open { "true" } else { "false" });
        let filters: Vec<_> = open.map(|open| ("open", open)).into_iter().collect();
        let (after, limit) = (page.after(), page.limit());
        let found =
            store::list::<Notification>(moment, kind::NOTIFICATION, &filters, after, limit + 1)?;
        let items = found
            .into_iter()
            .map(|stored| notification_view(stored.body))
            .collect();
        let key = |item: &NotificationView| item.id.clone();
        Ok(Json(Page::cut(items, limit, key)))
    };
    node.platform.read(list).await
}

/// Take note of a notification.
#[utoipa::path(
    post, path = "/v1/notifications/{id}/acknowledge", tag = "notifications",
    params(("id" = String, Path)),
    responses((status = 200, description = "It is noted.", body = Receipted<NotificationView>))
)]
async fn acknowledge_notification(
    caller: Caller<can::DecideScreening>,
    State(node): State<Node>,
    PathOf(id): PathOf<String>,
    command: Command<Empty>,
) -> Result<Outcome, Declined> {
    let acknowledge = move |moment: &Moment<'_>, caller: &Caller<can::DecideScreening>| {
        let permit = caller.permit(Resource::Zone)?;
        let actor = actor(permit.principal());
        let context = Context {
            actor: &actor,
            outside: Outside::Nobody,
        };
        let found = store::find::<Notification>(moment, kind::NOTIFICATION, &id)?;
        let found = found.map(|stored| stored.body);
        let decision = Notification::decide(found.as_ref(), Step::Acknowledge, &context);
        let mut change = Change::default();
        let after = record(&mut change, found, &decision.map_err(refused)?)?;
        let reply = Reply::ok(&notification_view(after));
        Ok(Decided::new(permit, change, reply))
    };
    execute(&node.platform, caller, command.ticket, acknowledge).await
}
