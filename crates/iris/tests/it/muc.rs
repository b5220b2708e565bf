//! Rooms (XEP-0045, XEP-0410, XEP-0421, XEP-0425), driven by stanzas alone.

use std::cell::RefCell;
use std::collections::BTreeMap;

use iris::account::{Account, Standing};
use iris::archive::{ArchiveId, Archived, Archives, Entry, Page, Query};
use iris::authorize::{Action, Principal, authorize};
use iris::documents::{Collection, Documents, Unavailable, Write};
use iris::host::Host;
use iris::live::{Live, Resource};
use iris::muc::{self, Rooms};
use iris::outcome::{Context, Outcome, Send, Target};
use iris::services;
use iris::stanza::{Stanza, tree};
use jid::{BareJid, FullJid, Jid};
use minidom::Element;

const ROOM: &str = "tea@conference.zone.example";
const USER: &str = "http://jabber.org/protocol/muc#user";

#[derive(Default)]
struct Store {
    documents: RefCell<BTreeMap<(Collection, BareJid, String), Vec<u8>>>,
    archive: RefCell<Vec<Archived>>,
}

impl Documents for Store {
    fn get(
        &self,
        collection: Collection,
        owner: &BareJid,
        name: &str,
    ) -> Result<Option<Vec<u8>>, Unavailable> {
        let key = (collection, owner.clone(), name.to_owned());
        Ok(self.documents.borrow().get(&key).cloned())
    }

    fn list(
        &self,
        collection: Collection,
        owner: &BareJid,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, Unavailable> {
        let documents = self.documents.borrow();
        let fitting = documents.iter().filter(|((of, whose, name), _)| {
            *of == collection
                && whose == owner
                && name.starts_with(prefix)
                && after.is_none_or(|after| name.as_str() > after)
        });
        Ok(fitting
            .take(limit)
            .map(|((_, _, name), body)| (name.clone(), body.clone()))
            .collect())
    }
}

impl Archives for Store {
    fn page(&self, owner: &BareJid, query: &Query) -> Result<Page, Unavailable> {
        let archive = self.archive.borrow();
        let mut entries: Vec<Archived> = archive
            .iter()
            .filter(|it| it.entry.owner == *owner)
            .filter(|it| query.after.is_none_or(|after| it.id > after))
            .filter(|it| query.before.is_none_or(|before| it.id < before))
            .cloned()
            .collect();
        let complete = entries.len() <= query.limit;
        if query.from_end {
            entries.drain(..entries.len().saturating_sub(query.limit));
        } else {
            entries.truncate(query.limit);
        }
        Ok(Page { entries, complete })
    }

    fn last(&self, owner: &BareJid) -> Result<Option<ArchiveId>, Unavailable> {
        let archive = self.archive.borrow();
        let mut own = archive.iter().filter(|it| it.entry.owner == *owner);
        Ok(own.next_back().map(|it| it.id))
    }
}

impl Live for Store {
    fn resources(&self, _: &BareJid) -> Vec<Resource> {
        Vec::new()
    }
}

/// A node with rooms, and what each device has received.
struct Zone {
    host: Host,
    store: Store,
    rooms: Rooms,
    now_ms: i64,
    inbox: BTreeMap<FullJid, Vec<Element>>,
}

impl Zone {
    fn new() -> Self {
        Self {
            host: Host::new("zone.example", "https://zone.example").expect("a domain"),
            store: Store::default(),
            rooms: Rooms::default(),
            now_ms: 1_763_735_881_007,
            inbox: BTreeMap::new(),
        }
    }

    fn account(&mut self, address: &str) {
        let account = Account {
            credentials: None,
            standing: Standing::Enabled,
            principal: None,
            created_ms: self.now_ms,
        };
        let key = (
            Collection::Account,
            address.parse().expect("an address"),
            String::new(),
        );
        let mut documents = self.store.documents.borrow_mut();
        documents.insert(key, account.to_document());
    }

    /// Sends a stanza and hands every consequence to whom it concerns.
    fn send(&mut self, from: &str, stanza: &str) {
        let from: FullJid = from.parse().expect("an address");
        let stanza = Stanza::parse(stanza.as_bytes(), &Jid::from(from.clone())).expect("a stanza");
        let room = stanza.to.as_ref().expect("to a room").to_bare();
        let permit = authorize(&Principal::Session(from), Action::UseRoom, &room).expect("allowed");
        let context = Context {
            now_ms: self.now_ms,
            random: [7; 32],
            host: &self.host,
            documents: &self.store,
            archives: &self.store,
            live: &self.store,
        };
        let only_reads = muc::only_reads(&stanza) && self.rooms.is_occupied(&room);
        let before = only_reads.then(|| format!("{:?}", self.rooms));
        let outcome = muc::handle(&context, &permit, &mut self.rooms, &stanza);
        if let Some(before) = before {
            assert_eq!(before, format!("{:?}", self.rooms), "{stanza:?}");
            assert!(outcome.writes.is_empty(), "{stanza:?}");
        }
        self.commit(outcome);
    }

    fn ends(&mut self, device: &str) {
        let context = Context {
            now_ms: self.now_ms,
            random: [7; 32],
            host: &self.host,
            documents: &self.store,
            archives: &self.store,
            live: &self.store,
        };
        let device = device.parse().expect("an address");
        let outcome = muc::session_ended(&context, &mut self.rooms, &device);
        self.commit(outcome);
    }

    fn commit(&mut self, outcome: Outcome) {
        for write in outcome.writes {
            match write {
                Write::Put {
                    collection,
                    owner,
                    name,
                    body,
                } => {
                    let key = (collection, owner, name);
                    self.store.documents.borrow_mut().insert(key, body);
                }
                Write::Delete {
                    collection,
                    owner,
                    name,
                } => {
                    let key = (collection, owner, name);
                    self.store.documents.borrow_mut().remove(&key);
                }
            }
        }
        let mut sends = outcome.send;
        for entry in outcome.archive {
            let archived = self.archived(entry);
            sends.extend(muc::deliver(&self.rooms, &archived));
            let devices = self.rooms_devices();
            let copies = services::delivery::of_archived(&archived, &devices);
            sends.extend(copies.into_iter().map(|(to, stanza)| Send {
                to: Target::Resource(to),
                stanza,
            }));
        }
        for send in sends {
            let to = match send.to {
                Target::Route(to) => to,
                Target::Resource(device) => device.into(),
                Target::Available(_) | Target::Watcher(..) => panic!("a room knows its devices"),
            };
            if let Ok(device) = FullJid::try_from(to) {
                let element = tree(&send.stanza).expect("well-formed");
                self.inbox.entry(device).or_default().push(element);
            }
        }
    }

    /// Every device that got something.
    fn rooms_devices(&self) -> Vec<Resource> {
        let devices = self.inbox.keys().cloned();
        devices.map(iris::live::fresh).collect()
    }

    fn archived(&self, entry: Entry) -> Archived {
        let mut archive = self.store.archive.borrow_mut();
        let archived = Archived {
            id: ArchiveId(archive.len() as u64 + 1),
            at_ms: self.now_ms,
            entry,
        };
        archive.push(archived.clone());
        archived
    }

    /// What a device received since the last look.
    fn got(&mut self, device: &str) -> Vec<Element> {
        let device: FullJid = device.parse().expect("an address");
        self.inbox
            .get_mut(&device)
            .map(std::mem::take)
            .unwrap_or_default()
    }

    fn enter(&mut self, device: &str, nick: &str) {
        let x = "<x xmlns='http://jabber.org/protocol/muc'/>";
        self.send(
            device,
            &format!("<presence to='{ROOM}/{nick}'>{x}</presence>"),
        );
    }

    fn set(&mut self, device: &str, namespace: &str, inner: &str) {
        let query = format!("<query xmlns='{namespace}'>{inner}</query>");
        self.send(
            device,
            &format!("<iq type='set' id='set' to='{ROOM}'>{query}</iq>"),
        );
    }

    fn configure(&mut self, device: &str, field: &str, value: &str) {
        let form = format!(
            "<x xmlns='jabber:x:data' type='submit'><field var='{field}'><value>{value}</value></field></x>"
        );
        self.set(device, "http://jabber.org/protocol/muc#owner", &form);
    }

    fn say(&mut self, device: &str, text: &str) {
        let body = format!("<body>{text}</body>");
        self.send(
            device,
            &format!("<message type='groupchat' id='m1' to='{ROOM}'>{body}</message>"),
        );
    }
}

fn codes(presence: &Element) -> Vec<&str> {
    let Some(x) = presence.get_child("x", USER) else {
        return Vec::new();
    };
    let all = x.children().filter(|child| child.name() == "status");
    all.filter_map(|status| status.attr("code")).collect()
}

fn item<'a>(presence: &'a Element, attribute: &'a str) -> Option<&'a str> {
    presence
        .get_child("x", USER)?
        .get_child("item", USER)?
        .attr(attribute)
}

fn condition(error: &Element) -> Option<&str> {
    let error = error.get_child("error", "jabber:client")?;
    error.children().next().map(Element::name)
}

fn bodies(elements: &[Element]) -> Vec<String> {
    let all = elements.iter();
    all.filter_map(|it| it.get_child("body", "jabber:client").map(Element::text))
        .collect()
}

const ALICE: &str = "alice@zone.example/phone";
const BOB: &str = "bob@zone.example/laptop";
const EVE: &str = "eve@elsewhere.example/x";

#[test]
fn whoever_enters_first_makes_the_room_and_owns_it() {
    let mut zone = Zone::new();
    zone.enter(ALICE, "Alice");
    let got = zone.got(ALICE);
    assert_eq!(codes(&got[0]), ["110", "170", "201"]);
    assert_eq!(item(&got[0], "affiliation"), Some("owner"));
    assert_eq!(item(&got[0], "role"), Some("moderator"));
    let subject = got.last().expect("a subject");
    assert!(subject.get_child("subject", "jabber:client").is_some());
}

#[test]
fn a_stranger_from_elsewhere_cannot_make_a_room() {
    let mut zone = Zone::new();
    zone.enter(EVE, "Eve");
    assert_eq!(condition(&zone.got(EVE)[0]), Some("not-allowed"));
}

#[test]
fn real_addresses_are_seen_by_moderators_only_until_the_room_says_otherwise() {
    let mut zone = Zone::new();
    zone.enter(ALICE, "Alice");
    zone.enter(BOB, "Bob");
    let seen_by_bob = zone.got(BOB);
    assert_eq!(
        seen_by_bob[0].attr("from"),
        Some("tea@conference.zone.example/Alice")
    );
    assert_eq!(item(&seen_by_bob[0], "jid"), None);
    let seen_by_alice = zone.got(ALICE);
    let bob = seen_by_alice.last().expect("Bob entered");
    assert_eq!(item(bob, "jid"), Some(BOB));

    zone.configure(ALICE, "muc#roomconfig_whois", "anyone");
    let notices = zone.got(BOB);
    assert_eq!(codes(&notices[0]), ["104", "172"]);
    zone.enter(EVE, "Eve");
    assert_eq!(item(&zone.got(EVE)[0], "jid"), Some(ALICE));
}

#[test]
fn what_is_said_reaches_all_with_one_stable_id_and_an_occupant_id() {
    let mut zone = Zone::new();
    zone.enter(ALICE, "Alice");
    zone.enter(BOB, "Bob");
    zone.got(ALICE);
    zone.got(BOB);
    zone.say(BOB, "tea &amp; biscuits");
    let (alices, bobs) = (zone.got(ALICE), zone.got(BOB));
    for got in [&alices[0], &bobs[0]] {
        assert_eq!(bodies(std::slice::from_ref(got)), ["tea & biscuits"]);
        assert_eq!(got.attr("from"), Some("tea@conference.zone.example/Bob"));
        assert_eq!(got.attr("id"), Some("m1"));
        let id = got
            .get_child("stanza-id", "urn:xmpp:sid:0")
            .expect("a stable id");
        assert_eq!(id.attr("by"), Some(ROOM));
        assert_eq!(id.attr("id"), Some(ArchiveId(1).to_string().as_str()));
        assert!(
            got.get_child("occupant-id", "urn:xmpp:occupant-id:0")
                .is_some()
        );
    }
}

#[test]
fn a_spoofed_stable_id_or_occupant_id_does_not_pass() {
    let mut zone = Zone::new();
    zone.enter(ALICE, "Alice");
    zone.got(ALICE);
    zone.send(
        ALICE,
        &format!(
            "<message type='groupchat' to='{ROOM}'><body>hi</body>\
             <stanza-id xmlns='urn:xmpp:sid:0' by='{ROOM}' id='false'/>\
             <occupant-id xmlns='urn:xmpp:occupant-id:0' id='false'/></message>"
        ),
    );
    let got = zone.got(ALICE);
    let ids: Vec<&str> = got[0]
        .children()
        .filter_map(|child| child.attr("id"))
        .collect();
    assert!(ids.len() == 2 && !ids.contains(&"false"), "{ids:?}");
}

#[test]
fn newcomers_get_what_was_said_in_order_then_the_subject() {
    let mut zone = Zone::new();
    zone.enter(ALICE, "Alice");
    for text in ["one", "two", "three"] {
        zone.say(ALICE, text);
    }
    zone.send(
        ALICE,
        &format!("<message type='groupchat' to='{ROOM}'><subject>Tea</subject></message>"),
    );
    zone.enter(BOB, "Bob");
    let got = zone.got(BOB);
    assert_eq!(bodies(&got), ["one", "two", "three"]);
    let delayed = got
        .iter()
        .filter(|it| it.get_child("delay", "urn:xmpp:delay").is_some());
    assert_eq!(delayed.count(), 4, "three messages and the subject");
    let last = got.last().expect("a subject");
    let subject = last
        .get_child("subject", "jabber:client")
        .expect("a subject");
    assert_eq!(subject.text(), "Tea");
}

#[test]
fn who_is_typing_is_told_but_not_kept() {
    let mut zone = Zone::new();
    zone.enter(ALICE, "Alice");
    zone.got(ALICE);
    let typing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
    zone.send(
        ALICE,
        &format!("<message type='groupchat' to='{ROOM}'>{typing}</message>"),
    );
    assert_eq!(zone.got(ALICE).len(), 1);
    assert!(zone.store.archive.borrow().is_empty());
}

#[test]
fn outsiders_can_neither_speak_nor_ask_occupants() {
    let mut zone = Zone::new();
    zone.enter(ALICE, "Alice");
    zone.say(BOB, "let me in");
    assert_eq!(condition(&zone.got(BOB)[0]), Some("not-acceptable"));
    zone.send(
        BOB,
        &format!("<iq type='get' id='p' to='{ROOM}/Alice'><ping xmlns='urn:xmpp:ping'/></iq>"),
    );
    assert_eq!(condition(&zone.got(BOB)[0]), Some("not-acceptable"));
}

#[test]
fn a_self_ping_tells_whether_one_is_inside() {
    let mut zone = Zone::new();
    let ping =
        format!("<iq type='get' id='p' to='{ROOM}/Alice'><ping xmlns='urn:xmpp:ping'/></iq>");
    zone.enter(ALICE, "Alice");
    zone.got(ALICE);
    zone.send(ALICE, &ping);
    assert_eq!(zone.got(ALICE)[0].attr("type"), Some("result"));
    zone.enter(BOB, "Bob");
    zone.ends(ALICE);
    zone.got(ALICE);
    zone.send(ALICE, &ping);
    assert_eq!(condition(&zone.got(ALICE)[0]), Some("not-acceptable"));
}

#[test]
fn a_nickname_belongs_to_one_account_with_all_its_devices() {
    let mut zone = Zone::new();
    zone.enter(ALICE, "Tea");
    zone.enter(BOB, "Tea");
    assert_eq!(condition(&zone.got(BOB)[0]), Some("conflict"));
    zone.enter("alice@zone.example/tablet", "Tea");
    zone.got(ALICE);
    zone.enter(BOB, "Bob");
    zone.got(BOB);
    zone.ends("alice@zone.example/tablet");
    assert!(
        zone.got(BOB).is_empty(),
        "Alice is still there with her phone"
    );
    zone.ends(ALICE);
    assert_eq!(zone.got(BOB)[0].attr("type"), Some("unavailable"));
}

#[test]
fn a_change_of_nickname_is_told_to_all() {
    let mut zone = Zone::new();
    zone.enter(ALICE, "Alice");
    zone.enter(BOB, "Bob");
    zone.got(ALICE);
    zone.send(BOB, &format!("<presence to='{ROOM}/Robert'/>"));
    let got = zone.got(ALICE);
    assert_eq!(codes(&got[0]), ["303"]);
    assert_eq!(item(&got[0], "nick"), Some("Robert"));
    assert_eq!(
        got[1].attr("from"),
        Some("tea@conference.zone.example/Robert")
    );
}

#[test]
fn the_banned_the_strangers_and_those_without_the_password_stay_out() {
    let mut zone = Zone::new();
    zone.enter(ALICE, "Alice");
    let admin = "http://jabber.org/protocol/muc#admin";
    zone.set(
        ALICE,
        admin,
        "<item affiliation='outcast' jid='eve@elsewhere.example'/>",
    );
    zone.enter(EVE, "Eve");
    assert_eq!(condition(&zone.got(EVE)[0]), Some("forbidden"));

    zone.configure(ALICE, "muc#roomconfig_roomsecret", "sesame");
    zone.enter(BOB, "Bob");
    assert_eq!(condition(&zone.got(BOB)[0]), Some("not-authorized"));

    zone.configure(ALICE, "muc#roomconfig_membersonly", "1");
    zone.enter(BOB, "Bob");
    assert_eq!(condition(&zone.got(BOB)[0]), Some("registration-required"));
}

#[test]
fn a_moderator_kicks_and_a_guest_cannot() {
    let mut zone = Zone::new();
    zone.enter(ALICE, "Alice");
    zone.enter(BOB, "Bob");
    zone.enter(EVE, "Eve");
    let admin = "http://jabber.org/protocol/muc#admin";
    zone.got(EVE);
    zone.set(EVE, admin, "<item nick='Bob' role='none'/>");
    assert_eq!(condition(&zone.got(EVE)[0]), Some("forbidden"));
    zone.set(
        ALICE,
        admin,
        "<item nick='Eve' role='none'><reason>rude</reason></item>",
    );
    let got = zone.got(EVE);
    assert_eq!(codes(&got[0]), ["307", "110"]);
    zone.say(EVE, "still here?");
    assert_eq!(condition(&zone.got(EVE)[0]), Some("not-acceptable"));
}

#[test]
fn in_a_moderated_room_guests_need_voice() {
    let mut zone = Zone::new();
    zone.enter(ALICE, "Alice");
    zone.configure(ALICE, "muc#roomconfig_moderatedroom", "1");
    zone.enter(BOB, "Bob");
    zone.got(BOB);
    zone.say(BOB, "hello?");
    assert_eq!(condition(&zone.got(BOB)[0]), Some("forbidden"));
    let admin = "http://jabber.org/protocol/muc#admin";
    zone.set(ALICE, admin, "<item nick='Bob' role='participant'/>");
    zone.got(BOB);
    zone.say(BOB, "hello!");
    assert_eq!(bodies(&zone.got(BOB)), ["hello!"]);
}

#[test]
fn the_last_owner_cannot_go() {
    let mut zone = Zone::new();
    zone.enter(ALICE, "Alice");
    zone.got(ALICE);
    let admin = "http://jabber.org/protocol/muc#admin";
    zone.set(
        ALICE,
        admin,
        "<item affiliation='none' jid='alice@zone.example'/>",
    );
    assert_eq!(condition(&zone.got(ALICE)[0]), Some("conflict"));
}

#[test]
fn a_moderator_retracts_a_message_for_all() {
    let mut zone = Zone::new();
    zone.enter(ALICE, "Alice");
    zone.enter(BOB, "Bob");
    zone.say(BOB, "spam");
    zone.got(ALICE);
    zone.got(BOB);
    let id = ArchiveId(1);
    let ask = format!(
        "<iq type='set' id='r' to='{ROOM}'><moderate xmlns='urn:xmpp:message-moderate:1' id='{id}'>\
         <retract xmlns='urn:xmpp:message-retract:1'/><reason>spam</reason></moderate></iq>"
    );
    zone.send(BOB, &ask);
    assert_eq!(condition(&zone.got(BOB)[0]), Some("forbidden"));
    zone.send(ALICE, &ask);
    let got = zone.got(BOB);
    let retract = got[0]
        .get_child("retract", "urn:xmpp:message-retract:1")
        .expect("a retraction");
    assert_eq!(retract.attr("id"), Some(id.to_string().as_str()));
    assert_eq!(got[0].attr("from"), Some(ROOM));
}

#[test]
fn the_archive_of_a_room_shows_a_tombstone_for_what_was_retracted_and_only_to_those_who_may() {
    let mut zone = Zone::new();
    zone.enter(ALICE, "Alice");
    for text in ["one", "spam", "three"] {
        zone.say(ALICE, text);
    }
    let ask = format!(
        "<iq type='set' id='r' to='{ROOM}'><moderate xmlns='urn:xmpp:message-moderate:1' id='{}'>\
         <retract xmlns='urn:xmpp:message-retract:1'/></moderate></iq>",
        ArchiveId(2)
    );
    zone.send(ALICE, &ask);
    let query = format!("<iq type='set' id='q' to='{ROOM}'><query xmlns='urn:xmpp:mam:2'/></iq>");
    zone.send(BOB, &query);
    assert_eq!(condition(&zone.got(BOB)[0]), Some("forbidden"));
    zone.got(ALICE);
    zone.send(ALICE, &query);
    let got = zone.got(ALICE);
    let forwarded: Vec<&Element> = got
        .iter()
        .filter_map(|it| {
            let result = it.get_child("result", "urn:xmpp:mam:2")?;
            let forwarded = result.get_child("forwarded", "urn:xmpp:forward:0")?;
            forwarded.get_child("message", "jabber:client")
        })
        .collect();
    let texts: Vec<Option<String>> = forwarded
        .iter()
        .map(|it| it.get_child("body", "jabber:client").map(Element::text))
        .collect();
    let one = Some("one".to_owned());
    let three = Some("three".to_owned());
    assert_eq!(texts, [one, None, three, None]);
    assert!(
        forwarded[1]
            .get_child("retracted", "urn:xmpp:message-retract:1")
            .is_some()
    );
}

#[test]
fn a_room_and_its_standing_outlive_a_restart_and_a_destroyed_one_does_not() {
    let mut zone = Zone::new();
    zone.enter(ALICE, "Alice");
    zone.configure(ALICE, "muc#roomconfig_roomname", "Tea");
    zone.rooms = Rooms::default();
    zone.got(BOB);
    zone.enter(BOB, "Bob");
    assert_eq!(item(&zone.got(BOB)[0], "affiliation"), Some("none"));
    zone.enter(ALICE, "Alice");
    zone.got(BOB);
    let owner = "http://jabber.org/protocol/muc#owner";
    zone.set(ALICE, owner, "<destroy><reason>done</reason></destroy>");
    assert_eq!(zone.got(BOB)[0].attr("type"), Some("unavailable"));
    assert!(zone.store.documents.borrow().is_empty());
}

#[test]
fn public_rooms_are_listed_and_hidden_ones_are_not() {
    let mut zone = Zone::new();
    zone.enter(ALICE, "Alice");
    let ask = "<iq type='get' id='d' to='conference.zone.example'>\
               <query xmlns='http://jabber.org/protocol/disco#items'/></iq>";
    zone.got(ALICE);
    zone.send(ALICE, ask);
    let listed = |got: &[Element]| {
        let query = got[0]
            .children()
            .next()
            .map(|query| query.children().count());
        query.unwrap_or_default()
    };
    assert_eq!(listed(&zone.got(ALICE)), 0);
    zone.configure(ALICE, "muc#roomconfig_publicroom", "1");
    zone.got(ALICE);
    zone.send(ALICE, ask);
    assert_eq!(listed(&zone.got(ALICE)), 1);
}

#[test]
fn a_private_message_keeps_the_real_addresses_out() {
    let mut zone = Zone::new();
    zone.account("alice@zone.example");
    zone.enter(ALICE, "Alice");
    zone.enter(BOB, "Bob");
    zone.got(ALICE);
    zone.send(
        BOB,
        &format!("<message type='chat' to='{ROOM}/Alice'><body>psst</body></message>"),
    );
    let got = zone.got(ALICE);
    assert_eq!(got[0].attr("from"), Some("tea@conference.zone.example/Bob"));
    assert_eq!(got[0].attr("to"), Some(ALICE));
    assert_eq!(bodies(&got), ["psst"]);
}
