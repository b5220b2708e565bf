//! What people must be told: work for reviewers, and alerts for operators.

use axum::Json;
use axum::extract::State;
use ids::EntityId;
use jiff::Timestamp;
use journal::{Expected, Privacy};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use crate::auth::{Resource, can};
use crate::change::Change;
use crate::entities::wire::time;
use crate::http::extract::{Caller, Command, Empty, PathOf, QueryOf};
use crate::http::guard::routes;
use crate::http::idempotency::{Decided, Outcome, Receipted, Reply, execute};
use crate::http::page::{Cursor, Page, PageLimit, PageQuery};
use crate::http::problem::{Code, Problem};
use crate::institutions::{Institutions, Node};
use crate::store::{self, kind};
use crate::streams;
use crate::workers::effect::NodeEffect;

/// The kind of the event that raises a [`Notification`].
pub const RAISED_KIND: &str = "notification.raised.v1";
/// The kind of [`Acknowledged`].
pub const ACKNOWLEDGED_KIND: &str = "notification.acknowledged.v1";

/// Whom a notification is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Those who decide on applications and hits.
    Reviewers,
    /// Those who run the node: something failed for good.
    Operators,
}

/// Something people must be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Notification {
    /// Id: that of the work it comes from.
    pub id: String,
    /// Whom it is for.
    pub audience: Audience,
    /// About which entity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub entity: Option<EntityId>,
    /// What happened.
    pub text: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub raised_at: Timestamp,
    /// Who took note of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_by: Option<String>,
}

/// Somebody took note of a notification.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledged {
    /// Which.
    pub id: String,
    /// Who.
    pub by: String,
}

impl Notification {
    /// Work for reviewers.
    pub fn for_reviewers(id: &str, entity: &EntityId, text: String, now_ms: i64) -> Self {
        Self {
            id: id.to_owned(),
            audience: Audience::Reviewers,
            entity: Some(entity.clone()),
            text,
            raised_at: time(now_ms),
            acknowledged_by: None,
        }
    }

    /// Something failed for good.
    pub fn alert(id: &str, text: String, now_ms: i64) -> Self {
        Self {
            id: id.to_owned(),
            audience: Audience::Operators,
            entity: None,
            text,
            raised_at: time(now_ms),
            acknowledged_by: None,
        }
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
) -> Result<(), Problem> {
    let stream = streams::notifications();
    change.append(
        &stream,
        Privacy::Public,
        Expected::Any,
        RAISED_KIND,
        notification,
    )?;
    // A failing webhook must not be told about its own failure without end.
    if node.webhook.is_some() && notification.audience == Audience::Reviewers {
        change.effect(NodeEffect::CallWebhook {
            notification: notification.id.clone(),
        })?;
    }
    Ok(())
}

/// The routes of this module.
pub fn routes() -> OpenApiRouter<Node> {
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
    responses((status = 200, description = "One page of notifications.", body = Page<Notification>))
)]
async fn list_notifications(
    _caller: Caller<can::ReadScreening>,
    State(node): State<Node>,
    QueryOf(query): QueryOf<NotificationQuery>,
) -> Result<Json<Page<Notification>>, Problem> {
    let page = PageQuery {
        cursor: query.cursor,
        limit: query.limit,
    };
    let open = query.open.map(|open| if open { "true" } else { "false" });
    let filters: Vec<_> = open.map(|open| ("open", open)).into_iter().collect();
    let reader = &node.platform.reader;
    let found = store::list::<Notification>(
        reader,
        kind::NOTIFICATION,
        &filters,
        page.after(),
        page.limit() + 1,
    )?;
    let items = found.into_iter().map(|stored| stored.body).collect();
    Ok(Json(Page::cut(
        items,
        page.limit(),
        |item: &Notification| item.id.clone(),
    )))
}

/// Take note of a notification.
#[utoipa::path(
    post, path = "/v1/notifications/{id}/acknowledge", tag = "notifications",
    params(("id" = String, Path)),
    responses((status = 200, description = "It is noted.", body = Receipted<Notification>))
)]
async fn acknowledge_notification(
    caller: Caller<can::DecideScreening>,
    State(node): State<Node>,
    PathOf(id): PathOf<String>,
    command: Command<Empty>,
) -> Result<Outcome, Problem> {
    let permit = caller.permit(Resource::Zone)?;
    execute(&node.platform, &permit, &command.ticket, |now_ms| {
        let reader = &node.platform.reader;
        let stream = streams::notifications();
        let expected = store::expected(reader, &stream)?;
        let found = store::find::<Notification>(reader, kind::NOTIFICATION, &id)?;
        let mut stored = found.ok_or_else(|| Problem::not_found("notification"))?;
        if stored.body.acknowledged_by.is_some() {
            return Err(Problem::new(
                Code::Conflict,
                "somebody took note of it already",
            ));
        }
        let by = permit.principal().as_str().to_owned();
        let acknowledged = Acknowledged {
            id: id.clone(),
            by: by.clone(),
        };
        let mut change = Change::new(now_ms);
        change.append(
            &stream,
            Privacy::Public,
            expected,
            ACKNOWLEDGED_KIND,
            &acknowledged,
        )?;
        stored.body.acknowledged_by = Some(by);
        let reply = Reply::ok(&stored.body);
        Ok(Decided {
            transaction: change.into_transaction(),
            reply,
            reply_owner: None,
        })
    })
    .await
}
