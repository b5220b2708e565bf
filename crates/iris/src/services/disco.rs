//! Service discovery (XEP-0030 2.5) of the server, of accounts and of the upload host, contact addresses
//! (XEP-0157 1.1) and the server's own capabilities (XEP-0115 1.6).

use data_encoding::BASE64;
use jid::BareJid;
use sha1::{Digest, Sha1};

use super::forms::{field, submit, typed_field};
use super::refusal::Refusal;
use super::request::Request;
use super::{ns, presence};
use crate::host::{Contact, Host};
use crate::outcome::{Context, Outcome};
use crate::stanza::Condition;
use crate::xml::Xml;

/// What the server's capabilities are named after.
const CAPS_NODE: &str = "urn:hanse:iris";

const SERVER: &[&str] = &[
    ns::DISCO_INFO,
    ns::DISCO_ITEMS,
    ns::VERSION,
    "msgoffline",
    ns::BLOCKING,
    ns::CARBONS,
    ns::EXTDISCO,
    ns::PING,
    ns::TIME,
    ns::VCARD,
    ns::PRIVATE,
    ns::REGISTER,
];

const ACCOUNT: &[&str] = &[
    ns::DISCO_INFO,
    ns::DISCO_ITEMS,
    ns::PUBSUB,
    "http://jabber.org/protocol/pubsub#access-open",
    "http://jabber.org/protocol/pubsub#access-presence",
    "http://jabber.org/protocol/pubsub#access-roster",
    "http://jabber.org/protocol/pubsub#access-whitelist",
    "http://jabber.org/protocol/pubsub#auto-create",
    "http://jabber.org/protocol/pubsub#auto-subscribe",
    "http://jabber.org/protocol/pubsub#config-node",
    "http://jabber.org/protocol/pubsub#config-node-max",
    "http://jabber.org/protocol/pubsub#create-and-configure",
    "http://jabber.org/protocol/pubsub#create-nodes",
    "http://jabber.org/protocol/pubsub#delete-items",
    "http://jabber.org/protocol/pubsub#delete-nodes",
    "http://jabber.org/protocol/pubsub#filtered-notifications",
    "http://jabber.org/protocol/pubsub#item-ids",
    "http://jabber.org/protocol/pubsub#last-published",
    "http://jabber.org/protocol/pubsub#meta-data",
    "http://jabber.org/protocol/pubsub#multi-items",
    "http://jabber.org/protocol/pubsub#persistent-items",
    "http://jabber.org/protocol/pubsub#publish",
    ns::PUBSUB_PUBLISH_OPTIONS,
    "http://jabber.org/protocol/pubsub#purge-nodes",
    "http://jabber.org/protocol/pubsub#retract-items",
    "http://jabber.org/protocol/pubsub#retrieve-items",
    ns::PING,
    ns::PRIVATE,
    ns::VCARD,
    "urn:xmpp:bookmarks:1#compat",
    ns::MAM,
    ns::MAM_EXTENDED,
    "urn:xmpp:pep-vcard-conversion:0",
    ns::PUSH,
    ns::SID,
];

/// A category and type of the registry of disco identities.
struct Identity {
    category: &'static str,
    type_: &'static str,
}

const SERVER_IDENTITY: Identity = Identity {
    category: "server",
    type_: "im",
};

/// What the server says about itself. `node` is empty or names the server's capabilities.
///
/// # Errors
/// There is no such node.
pub(crate) fn server(ctx: &Context<'_>, request: &Request<'_>) -> Result<Outcome, Refusal> {
    let node = request.payload.attr("node").filter(|node| !node.is_empty());
    if request.payload.is("query", ns::DISCO_ITEMS) {
        return match node {
            None => Ok(request.result(ctx, server_items(ctx.host))),
            Some(_) => Err(Condition::ItemNotFound.into()),
        };
    }
    let capabilities = format!("{CAPS_NODE}#{}", capabilities(ctx.host).1);
    if node.is_some_and(|node| node != capabilities) {
        return Err(Condition::ItemNotFound.into());
    }
    let query = info(node, &[SERVER_IDENTITY], SERVER).children(contacts(ctx.host));
    Ok(request.result(ctx, query))
}

/// What an account says to one who may see its presence. To others there is no such account.
///
/// # Errors
/// The caller may not see it.
pub(crate) fn account(
    ctx: &Context<'_>,
    account: &BareJid,
    request: &Request<'_>,
) -> Result<Outcome, Refusal> {
    if !presence::is_seen_by(ctx, account, &request.stanza.from.to_bare())? {
        return Err(Condition::ServiceUnavailable.into());
    }
    let node = request.payload.attr("node").filter(|node| !node.is_empty());
    if request.payload.is("query", ns::DISCO_ITEMS) {
        return super::pep::items_of(ctx, account, node, request);
    }
    if let Some(node) = node {
        return super::pep::info_of(ctx, account, node, request);
    }
    let identities = [
        Identity {
            category: "account",
            type_: "registered",
        },
        Identity {
            category: "pubsub",
            type_: "pep",
        },
    ];
    Ok(request.result(ctx, info(None, &identities, ACCOUNT)))
}

/// What the upload host says about itself.
pub(crate) fn upload(ctx: &Context<'_>, request: &Request<'_>) -> Outcome {
    if request.payload.is("query", ns::DISCO_ITEMS) {
        return request.result(ctx, Xml::in_namespace("query", ns::DISCO_ITEMS));
    }
    let identity = Identity {
        category: "store",
        type_: "file",
    };
    let max = ctx.host.offers.upload_bytes_max.to_string();
    let form = submit("result", ns::UPLOAD).child(field("max-file-size", &[max]));
    request.result(
        ctx,
        info(None, &[identity], &[ns::DISCO_INFO, ns::UPLOAD]).child(form),
    )
}

/// The server's capabilities for its stream features: node and version (XEP-0115 6.3), hash SHA-1.
pub fn capabilities(host: &Host) -> (&'static str, String) {
    let mut hash = Sha1::new();
    let Identity { category, type_ } = SERVER_IDENTITY;
    hash.update(format!("{category}/{type_}//Hanse<"));
    let mut features = SERVER.to_vec();
    features.sort_unstable();
    for feature in features {
        hash.update(format!("{feature}<"));
    }
    if !host.offers.contacts.is_empty() {
        hash.update("http://jabber.org/network/serverinfo<");
        for (role, addresses) in by_role(&host.offers.contacts) {
            hash.update(format!("{role}<"));
            for address in addresses {
                hash.update(format!("{address}<"));
            }
        }
    }
    (CAPS_NODE, BASE64.encode(&hash.finalize()))
}

fn info(node: Option<&str>, identities: &[Identity], features: &[&str]) -> Xml {
    let identities = identities.iter().map(|Identity { category, type_ }| {
        Xml::new("identity")
            .attr("category", category)
            .attr("type", type_)
            .attr("name", "Hanse")
    });
    let features = features
        .iter()
        .map(|feature| Xml::new("feature").attr("var", feature));
    Xml::in_namespace("query", ns::DISCO_INFO)
        .maybe("node", node)
        .children(identities)
        .children(features)
}

fn server_items(host: &Host) -> Xml {
    let item = |jid: &str, name| Xml::new("item").attr("jid", jid).attr("name", name);
    Xml::in_namespace("query", ns::DISCO_ITEMS)
        .child(item(host.rooms.as_str(), "Rooms"))
        .child(item(host.upload.as_str(), "Files"))
}

fn contacts(host: &Host) -> Option<Xml> {
    if host.offers.contacts.is_empty() {
        return None;
    }
    let fields = by_role(&host.offers.contacts)
        .into_iter()
        .map(|(role, addresses)| typed_field(&role, "list-multi", &addresses));
    Some(submit("result", "http://jabber.org/network/serverinfo").children(fields))
}

/// Field names with their sorted addresses, in the order that capabilities hash them.
fn by_role(contacts: &[Contact]) -> std::collections::BTreeMap<String, Vec<&str>> {
    let mut roles = std::collections::BTreeMap::<String, Vec<&str>>::new();
    for contact in contacts {
        let role = format!("{}-addresses", contact.role);
        roles.entry(role).or_default().push(&contact.address);
    }
    for addresses in roles.values_mut() {
        addresses.sort_unstable();
    }
    roles
}
