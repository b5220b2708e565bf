//! Configuration of a personal eventing node (XEP-0060 16.4.4).

use serde::{Deserialize, Serialize};

use crate::services::forms::{Form, submit, typed_field};
use crate::services::ns;
use crate::services::refusal::{Detail, Refusal};
use crate::stanza::Condition;
use crate::xml::Xml;

/// What `max` stands for, and the most that a number may ask for.
pub(crate) const ITEMS_MAX: usize = 1_024;

/// Who may read a node (XEP-0060 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Everybody.
    Open,
    /// Who may see the owner's presence.
    Presence,
    /// Who is in one of the named roster groups.
    Roster,
    /// The owner, and who the owner named.
    Whitelist,
}

impl Access {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Open, "open"),
        (Self::Presence, "presence"),
        (Self::Roster, "roster"),
        (Self::Whitelist, "whitelist"),
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Presence => "presence",
            Self::Roster => "roster",
            Self::Whitelist => "whitelist",
        }
    }
}

/// The configuration of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Who may read.
    pub access: Access,
    /// How many items are kept; `None` is as many as the node allows (`max`).
    pub max_items: Option<usize>,
    /// Whether items are kept at all.
    pub persist_items: bool,
    /// Whether a device that arrives gets the newest item.
    pub send_last: bool,
    /// Whether events carry the item, not only its id.
    pub deliver_payloads: bool,
    /// Whether retracted items are announced.
    pub notify_retract: bool,
    /// Whether the end of the node is announced.
    pub notify_delete: bool,
    /// Roster groups that may read, for [`Access::Roster`].
    pub groups: Vec<String>,
    /// Who else may read, for [`Access::Whitelist`].
    pub members: Vec<String>,
    /// Namespace of the payloads.
    pub type_: Option<String>,
    /// Its name for people.
    pub title: Option<String>,
}

impl Config {
    /// What a node starts with: what XEP-0163 asks for, and for some nodes what their protocol needs, so that
    /// clients that bring no options work too.
    pub fn of(node: &str) -> Self {
        let usual = Self {
            access: Access::Presence,
            max_items: Some(1),
            persist_items: true,
            send_last: true,
            deliver_payloads: true,
            notify_retract: true,
            notify_delete: true,
            groups: Vec::new(),
            members: Vec::new(),
            type_: None,
            title: None,
        };
        let is_omemo = node.starts_with("eu.siacs.conversations.axolotl.")
            || node == "urn:xmpp:omemo:2:devices"
            || node == "urn:xmpp:omemo:2:bundles";
        match node {
            _ if is_omemo => Self {
                access: Access::Open,
                max_items: if node == "urn:xmpp:omemo:2:bundles" {
                    None
                } else {
                    Some(1)
                },
                ..usual
            },
            ns::AVATAR_DATA | ns::AVATAR_METADATA => Self {
                access: Access::Open,
                ..usual
            },
            ns::BOOKMARKS | "urn:xmpp:mds:displayed:0" => Self {
                access: Access::Whitelist,
                max_items: None,
                send_last: false,
                ..usual
            },
            ns::BOOKMARKS_LEGACY => Self {
                access: Access::Whitelist,
                ..usual
            },
            _ => usual,
        }
    }

    /// How many items are kept.
    pub fn items_max(&self) -> usize {
        self.max_items.unwrap_or(ITEMS_MAX)
    }

    /// The configuration that a form asks for; fields that it lacks stay. With `strict`, a field that this server does not
    /// know is an error, as a precondition nobody can vouch for.
    pub(crate) fn with(&self, form: &Form, strict: bool) -> Result<Self, Refusal> {
        let mut config = self.clone();
        for (var, values) in form.clone().into_fields() {
            let value = values.first().map_or("", String::as_str);
            let name = var.strip_prefix("pubsub#").unwrap_or(&var);
            match name {
                "access_model" => {
                    let known = Access::ALL.into_iter().find(|(_, name)| *name == value);
                    config.access = known.ok_or_else(unsupported_access)?.0;
                }
                "max_items" => config.max_items = max_items(value)?,
                "persist_items" => config.persist_items = flag(value)?,
                "send_last_published_item" => config.send_last = value != "never",
                "deliver_payloads" => config.deliver_payloads = flag(value)?,
                "notify_retract" => config.notify_retract = flag(value)?,
                "notify_delete" => config.notify_delete = flag(value)?,
                "roster_groups_allowed" => config.groups = values,
                "type" => config.type_ = text(value),
                "title" => config.title = text(value),
                "FORM_TYPE" => {}
                // There is one publisher, nothing else to deliver by, and no event for a change of settings.
                "publish_model" if value == "publishers" || value == "only" => {}
                "presence_based_delivery" | "notify_config" | "notification_type" | "itemreply" => {
                }
                _ if strict => return Err(Condition::NotAcceptable.into()),
                _ => {}
            }
        }
        Ok(config)
    }

    /// The form that shows the configuration.
    pub(crate) fn form(&self, type_: &str) -> Xml {
        let flag = |var, value: bool| typed_field(var, "boolean", &[if value { "1" } else { "0" }]);
        let max_items = self
            .max_items
            .map_or_else(|| "max".to_owned(), |max| max.to_string());
        let send_last = if self.send_last {
            "on_sub_and_presence"
        } else {
            "never"
        };
        submit(type_, ns::PUBSUB_NODE_CONFIG)
            .child(typed_field(
                "pubsub#access_model",
                "list-single",
                &[self.access.name()],
            ))
            .child(typed_field("pubsub#max_items", "text-single", &[max_items]))
            .child(flag("pubsub#persist_items", self.persist_items))
            .child(typed_field(
                "pubsub#send_last_published_item",
                "list-single",
                &[send_last],
            ))
            .child(flag("pubsub#deliver_payloads", self.deliver_payloads))
            .child(flag("pubsub#notify_retract", self.notify_retract))
            .child(flag("pubsub#notify_delete", self.notify_delete))
            .child(typed_field(
                "pubsub#roster_groups_allowed",
                "list-multi",
                &self.groups,
            ))
            .children(
                self.type_
                    .as_ref()
                    .map(|type_| typed_field("pubsub#type", "text-single", &[type_])),
            )
            .children(
                self.title
                    .as_ref()
                    .map(|title| typed_field("pubsub#title", "text-single", &[title])),
            )
    }
}

fn unsupported_access() -> Refusal {
    Refusal::with(
        Condition::NotAcceptable,
        Detail::PubSub("unsupported-access-model"),
    )
}

fn flag(value: &str) -> Result<bool, Refusal> {
    match value {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(Condition::BadRequest.into()),
    }
}

fn max_items(value: &str) -> Result<Option<usize>, Refusal> {
    if value == "max" {
        return Ok(None);
    }
    let max: usize = value.parse().map_err(|_| Condition::BadRequest)?;
    if max == 0 || max > ITEMS_MAX {
        return Err(Refusal::with(
            Condition::Conflict,
            Detail::PubSub("max-items-exceeded"),
        ));
    }
    Ok(Some(max))
}

fn text(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}
