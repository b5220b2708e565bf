//! XML namespaces that the account services answer to.

pub(crate) const CLIENT: &str = "jabber:client";

pub(crate) const AVATAR_DATA: &str = "urn:xmpp:avatar:data";
pub(crate) const AVATAR_METADATA: &str = "urn:xmpp:avatar:metadata";
pub(crate) const BLOCKING: &str = "urn:xmpp:blocking";
pub(crate) const BLOCKING_ERRORS: &str = "urn:xmpp:blocking:errors";
pub(crate) const BOOKMARKS: &str = "urn:xmpp:bookmarks:1";
pub(crate) const BOOKMARKS_LEGACY: &str = "storage:bookmarks";
pub(crate) const CAPS: &str = "http://jabber.org/protocol/caps";
pub(crate) const CARBONS: &str = "urn:xmpp:carbons:2";
pub(crate) const CHAT_STATES: &str = "http://jabber.org/protocol/chatstates";
pub(crate) const CONFERENCE: &str = "jabber:x:conference";
pub(crate) const CHAT_MARKERS: &str = "urn:xmpp:chat-markers:0";
pub(crate) const DATA_FORMS: &str = "jabber:x:data";
pub(crate) const DELAY: &str = "urn:xmpp:delay";
pub(crate) const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
pub(crate) const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
pub(crate) const EXTDISCO: &str = "urn:xmpp:extdisco:2";
pub(crate) const FORWARD: &str = "urn:xmpp:forward:0";
pub(crate) const HINTS: &str = "urn:xmpp:hints";
pub(crate) const MAM: &str = "urn:xmpp:mam:2";
pub(crate) const MAM_EXTENDED: &str = "urn:xmpp:mam:2#extended";
pub(crate) const MUC_USER: &str = "http://jabber.org/protocol/muc#user";
pub(crate) const PING: &str = "urn:xmpp:ping";
pub(crate) const PRIVATE: &str = "jabber:iq:private";
pub(crate) const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
pub(crate) const PUBSUB_ERRORS: &str = "http://jabber.org/protocol/pubsub#errors";
pub(crate) const PUBSUB_EVENT: &str = "http://jabber.org/protocol/pubsub#event";
pub(crate) const PUBSUB_NODE_CONFIG: &str = "http://jabber.org/protocol/pubsub#node_config";
pub(crate) const PUBSUB_OWNER: &str = "http://jabber.org/protocol/pubsub#owner";
pub(crate) const PUBSUB_PUBLISH_OPTIONS: &str =
    "http://jabber.org/protocol/pubsub#publish-options";
pub(crate) const PUSH: &str = "urn:xmpp:push:0";
pub(crate) const PUSH_SUMMARY: &str = "urn:xmpp:push:summary";
pub(crate) const RECEIPTS: &str = "urn:xmpp:receipts";
pub(crate) const REGISTER: &str = "jabber:iq:register";
pub(crate) const ROSTER: &str = "jabber:iq:roster";
pub(crate) const RSM: &str = "http://jabber.org/protocol/rsm";
pub(crate) const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
pub(crate) const SID: &str = "urn:xmpp:sid:0";
pub(crate) const TIME: &str = "urn:xmpp:time";
pub(crate) const UPLOAD: &str = "urn:xmpp:http:upload:0";
pub(crate) const VCARD: &str = "vcard-temp";
pub(crate) const VCARD_UPDATE: &str = "vcard-temp:x:update";
pub(crate) const VERSION: &str = "jabber:iq:version";
