//! A node in memory: documents, archives, sessions and what each session got. It carries decisions out as the
//! contract of `Outcome` says: writes and archive entries first, then changes of the session, then what is sent.

use std::collections::BTreeMap;
use std::time::Duration;

use iris::account::{Account, Standing};
use iris::archive::{ArchiveId, Archived, Archives, Page, Query};
use iris::authorize::{Principal, authorize};
use iris::documents::{Collection, Documents, Overlay, Unavailable, Write};
use iris::host::Host;
use iris::live::{Live, Resource, fresh};
use iris::outcome::{Context, Outcome, Send, SessionChange, Target};
use iris::services;
use iris::stanza::{Kind, Stanza};
use iris::watching::Watching;
use jid::{BareJid, FullJid, Jid};
use minidom::Element;

/// The node's domain.
pub(crate) const DOMAIN: &str = "zone.test";

/// A node with its clients.
pub(crate) struct World {
    pub(crate) host: Host,
    pub(crate) now_ms: i64,
    pub(crate) documents: BTreeMap<(Collection, BareJid, String), Vec<u8>>,
    pub(crate) archives: BTreeMap<BareJid, Vec<Archived>>,
    live: BTreeMap<BareJid, Vec<Resource>>,
    inbox: BTreeMap<FullJid, Vec<String>>,
    watching: BTreeMap<FullJid, Watching>,
    /// What left for other domains.
    pub(crate) remote: Vec<(Jid, String)>,
    count: u64,
}

impl World {
    /// A node without accounts.
    pub(crate) fn new() -> Self {
        Self {
            host: Host::new(DOMAIN, "https://zone.test/").unwrap(),
            now_ms: 1_763_735_881_000,
            documents: BTreeMap::new(),
            archives: BTreeMap::new(),
            live: BTreeMap::new(),
            inbox: BTreeMap::new(),
            watching: BTreeMap::new(),
            remote: Vec::new(),
            count: 0,
        }
    }

    /// A node with these accounts.
    pub(crate) fn with(names: &[&str]) -> Self {
        let mut world = Self::new();
        for name in names {
            world.account(name);
        }
        world
    }

    /// Makes an account.
    pub(crate) fn account(&mut self, name: &str) {
        let account = Account {
            credentials: None,
            standing: Standing::Enabled,
            principal: None,
            created_ms: self.now_ms,
        };
        let owner = BareJid::new(&format!("{name}@{DOMAIN}")).unwrap();
        self.documents.insert(
            (Collection::Account, owner, String::new()),
            account.to_document(),
        );
    }

    /// A session binds `name/resource` and says nothing yet.
    pub(crate) fn bind(&mut self, name: &str) -> FullJid {
        let (node, resource) = name.split_once('/').unwrap();
        let jid = FullJid::new(&format!("{node}@{DOMAIN}/{resource}")).unwrap();
        let sessions = self.live.entry(jid.to_bare()).or_default();
        sessions.retain(|session| session.jid != jid);
        sessions.push(fresh(jid.clone()));
        sessions.sort_by(|a, b| a.jid.cmp(&b.jid));
        self.inbox.entry(jid.clone()).or_default();
        jid
    }

    /// A session binds, asks for the roster, turns carbons on and says that it is there.
    pub(crate) fn online(&mut self, name: &str) -> FullJid {
        let jid = self.bind(name);
        self.send(
            &jid,
            "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>",
        );
        self.send(
            &jid,
            "<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>",
        );
        self.send(&jid, "<presence/>");
        self.take(&jid);
        jid
    }

    /// The session ends without a word.
    pub(crate) fn drop(&mut self, jid: &FullJid) {
        let outcome = self.in_context(&[], |ctx| services::session_ended(ctx, jid));
        let outcome = self.expand(outcome, Vec::new());
        self.carry_out(Some(jid), outcome);
        self.live
            .get_mut(&jid.to_bare())
            .unwrap()
            .retain(|session| session.jid != *jid);
    }

    /// A session sends a stanza.
    pub(crate) fn send(&mut self, from: &FullJid, xml: &str) {
        let stanza = Stanza::parse(xml.as_bytes(), &from.clone().into()).unwrap();
        self.accept(&Principal::Session(from.clone()), &stanza);
    }

    /// A stanza comes from another domain.
    pub(crate) fn receive(&mut self, xml: &str) {
        let stanza = Stanza::from_peer(xml.as_bytes()).unwrap();
        let domain = stanza.from.domain().to_owned();
        self.accept(&Principal::Peer(domain), &stanza);
    }

    /// A session asks and gets one answer; everything else it got stays in its inbox.
    #[track_caller]
    pub(crate) fn ask(
        &mut self,
        from: &FullJid,
        type_: &str,
        to: Option<&str>,
        payload: &str,
    ) -> Element {
        self.count += 1;
        let id = format!("ask{}", self.count);
        let to = to.map(|to| format!(" to='{to}'")).unwrap_or_default();
        self.send(
            from,
            &format!("<iq type='{type_}' id='{id}'{to}>{payload}</iq>"),
        );
        let inbox = self.inbox.get_mut(from).unwrap();
        let place = inbox
            .iter()
            .position(|xml| xml.starts_with("<iq") && xml.contains(&format!("id='{id}'")));
        read(&inbox.remove(place.expect("every request is answered")))
    }

    /// Everything that a session got since the last time, as it came.
    pub(crate) fn take_raw(&mut self, jid: &FullJid) -> Vec<String> {
        std::mem::take(self.inbox.get_mut(jid).unwrap())
    }

    /// Everything that a session got since the last time.
    pub(crate) fn take(&mut self, jid: &FullJid) -> Vec<Element> {
        self.take_raw(jid).iter().map(|xml| read(xml)).collect()
    }

    /// The presences among [`Self::take`], as `from type`.
    pub(crate) fn take_presences(&mut self, jid: &FullJid) -> Vec<String> {
        let got = self.take(jid);
        got.iter()
            .filter(|stanza| stanza.name() == "presence")
            .map(|stanza| {
                format!(
                    "{} {}",
                    stanza.attr("from").unwrap(),
                    stanza.attr("type").unwrap_or("available")
                )
            })
            .collect()
    }

    /// Sees to it that each sees the other's presence.
    pub(crate) fn befriend(&mut self, a: &FullJid, b: &FullJid) {
        for (from, to) in [(a, b), (b, a)] {
            self.send(
                from,
                &format!("<presence type='subscribe' to='{}'/>", to.to_bare()),
            );
            self.send(
                to,
                &format!("<presence type='subscribed' to='{}'/>", from.to_bare()),
            );
        }
        self.take(a);
        self.take(b);
    }

    /// A document as text.
    pub(crate) fn document(
        &self,
        collection: Collection,
        owner: &BareJid,
        name: &str,
    ) -> Option<String> {
        let key = (collection, owner.clone(), name.to_owned());
        self.documents
            .get(&key)
            .map(|body| String::from_utf8(body.clone()).unwrap())
    }

    /// What is known of a session.
    pub(crate) fn session(&self, jid: &FullJid) -> &Resource {
        self.live[&jid.to_bare()]
            .iter()
            .find(|session| session.jid == *jid)
            .unwrap()
    }

    fn accept(&mut self, principal: &Principal, stanza: &Stanza) {
        let outcome = self.decide(principal, stanza, Vec::new());
        let session = match principal {
            Principal::Session(jid) => Some(jid.clone()),
            _ => None,
        };
        self.carry_out(session.as_ref(), outcome);
    }

    /// A handler's decision, with those of the handlers that it routed to on this node: all become durable together,
    /// so each sees the documents as those before it leave them.
    fn decide(&mut self, principal: &Principal, stanza: &Stanza, pending: Vec<Write>) -> Outcome {
        let (action, resource) = services::required(&self.host, stanza);
        let permit = authorize(principal, action, &resource).unwrap();
        let outcome = self.in_context(&pending, |ctx| match stanza.kind {
            Kind::Iq => services::iq(ctx, &permit, stanza),
            Kind::Message => services::message(ctx, &permit, stanza),
            Kind::Presence => services::presence(ctx, &permit, stanza),
        });
        self.expand(outcome, pending)
    }

    fn expand(&mut self, mut outcome: Outcome, pending: Vec<Write>) -> Outcome {
        for sending in std::mem::take(&mut outcome.send) {
            let to = match &sending.to {
                Target::Route(to) if self.host.is_local(to) => to.clone(),
                _ => {
                    outcome.send.push(sending);
                    continue;
                }
            };
            let stanza = Stanza::from_peer(&sending.stanza).unwrap();
            let stanza = Stanza {
                to: Some(to),
                ..stanza
            };
            let principal = match stanza.from.try_as_full() {
                Ok(full) if full.domain().as_str() == DOMAIN => Principal::Session(full.clone()),
                _ => Principal::Peer(stanza.from.domain().to_owned()),
            };
            let before = [pending.clone(), outcome.writes.clone()].concat();
            let mut further = self.decide(&principal, &stanza, before);
            further.session.clear();
            outcome = outcome.and(further);
        }
        outcome
    }

    /// Runs a handler.
    pub(crate) fn in_context<T>(
        &mut self,
        pending: &[Write],
        run: impl FnOnce(&Context<'_>) -> T,
    ) -> T {
        self.count += 1;
        self.now_ms += 1;
        let mut random = [0; 32];
        random[..8].copy_from_slice(&self.count.to_be_bytes());
        run(&Context {
            now_ms: self.now_ms,
            random,
            host: &self.host,
            documents: &Overlay::new(self, pending),
            archives: self,
            live: self,
        })
    }

    fn carry_out(&mut self, caller: Option<&FullJid>, outcome: Outcome) {
        for write in outcome.writes {
            match write {
                Write::Put {
                    collection,
                    owner,
                    name,
                    body,
                } => {
                    self.documents.insert((collection, owner, name), body);
                }
                Write::Delete {
                    collection,
                    owner,
                    name,
                } => {
                    self.documents.remove(&(collection, owner, name));
                }
            }
        }
        let mut archived = Vec::new();
        for entry in outcome.archive {
            let archive = self.archives.entry(entry.owner.clone()).or_default();
            let entry = Archived {
                id: ArchiveId(archive.len() as u64 + 1),
                at_ms: self.now_ms,
                entry,
            };
            archive.push(entry.clone());
            archived.push(entry);
        }
        if let Some(caller) = caller {
            self.change_session(caller, outcome.session);
        }
        for entry in archived {
            let resources = self.resources(&entry.entry.owner);
            for (to, stanza) in services::delivery::of_archived(&entry, &resources) {
                self.deliver(&to, &stanza);
            }
        }
        for Send { to, stanza } in outcome.send {
            match to {
                Target::Resource(jid) => self.deliver(&jid, &stanza),
                Target::Watcher(jid, event) => {
                    let notify = self.session(&jid).notify.clone();
                    let watching = self.watching.entry(jid.clone()).or_default();
                    if let Some(stanza) = watching.event(&notify, event, stanza, Duration::ZERO) {
                        self.deliver(&jid, &stanza);
                    }
                }
                Target::Available(account) => {
                    for resource in self.resources(&account) {
                        if resource.presence.is_some() {
                            self.deliver(&resource.jid, &stanza);
                        }
                    }
                }
                Target::Route(jid) => self
                    .remote
                    .push((jid, String::from_utf8(stanza.to_vec()).unwrap())),
            }
        }
    }

    fn deliver(&mut self, to: &FullJid, stanza: &[u8]) {
        if self
            .resources(&to.to_bare())
            .iter()
            .any(|resource| resource.jid == *to)
        {
            let xml = String::from_utf8(stanza.to_vec()).unwrap();
            self.inbox.get_mut(to).unwrap().push(xml);
        }
    }

    fn change_session(&mut self, caller: &FullJid, changes: Vec<SessionChange>) {
        let sessions = self.live.get_mut(&caller.to_bare()).unwrap();
        let Some(session) = sessions.iter_mut().find(|session| session.jid == *caller) else {
            return;
        };
        let mut given = Vec::new();
        for change in changes {
            match change {
                SessionChange::Interested => session.interested = true,
                SessionChange::Blocklist => session.blocklist = true,
                SessionChange::Carbons(is_on) => session.carbons = is_on,
                SessionChange::Presence(presence) => {
                    session.priority = presence.as_ref().map_or(0, |(_, priority)| *priority);
                    session.presence = presence.map(|(bytes, _)| bytes);
                }
                SessionChange::Active(is_active) => session.active = is_active,
                SessionChange::Asked => {
                    session.is_asked = true;
                    self.watching
                        .entry(caller.clone())
                        .or_default()
                        .asked(Duration::ZERO);
                }
                SessionChange::Notify(nodes) => {
                    session.is_asked = false;
                    let watching = self.watching.entry(caller.clone()).or_default();
                    given.extend(watching.learned(&nodes));
                    session.notify = nodes;
                }
                SessionChange::DirectedTo(jid) => session.directed.push(jid),
                SessionChange::DirectedGone(jid) => session.directed.retain(|known| *known != jid),
                SessionChange::EnteredRoom(occupant) => session.rooms.push(occupant),
                SessionChange::LeftRoom(room) => session.rooms.retain(|it| it.to_bare() != room),
                SessionChange::AccountRemoved => {}
            }
        }
        for stanza in given {
            self.deliver(caller, &stanza);
        }
    }
}

impl Documents for World {
    fn get(
        &self,
        collection: Collection,
        owner: &BareJid,
        name: &str,
    ) -> Result<Option<Vec<u8>>, Unavailable> {
        Ok(self
            .documents
            .get(&(collection, owner.clone(), name.to_owned()))
            .cloned())
    }

    fn list(
        &self,
        collection: Collection,
        owner: &BareJid,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, Unavailable> {
        let listed = self
            .documents
            .iter()
            .filter(|((c, o, name), _)| *c == collection && o == owner && name.starts_with(prefix))
            .filter(|((_, _, name), _)| after.is_none_or(|after| name.as_str() > after))
            .take(limit)
            .map(|((_, _, name), body)| (name.clone(), body.clone()))
            .collect();
        Ok(listed)
    }
}

impl Archives for World {
    fn page(&self, owner: &BareJid, query: &Query) -> Result<Page, Unavailable> {
        let with = |peer: &Jid| match &query.with {
            Some(with) if with.is_bare() => peer.to_bare() == with.to_bare(),
            Some(with) => peer == with,
            None => true,
        };
        let mut fits: Vec<Archived> = self
            .archives
            .get(owner)
            .into_iter()
            .flatten()
            .filter(|archived| with(&archived.entry.peer))
            .filter(|archived| query.start_ms.is_none_or(|start| archived.at_ms >= start))
            .filter(|archived| query.end_ms.is_none_or(|end| archived.at_ms <= end))
            .filter(|archived| query.after.is_none_or(|after| archived.id > after))
            .filter(|archived| query.before.is_none_or(|before| archived.id < before))
            .cloned()
            .collect();
        let complete = fits.len() <= query.limit;
        if query.from_end {
            fits.drain(..fits.len().saturating_sub(query.limit));
        } else {
            fits.truncate(query.limit);
        }
        Ok(Page {
            entries: fits,
            complete,
        })
    }

    fn last(&self, owner: &BareJid) -> Result<Option<ArchiveId>, Unavailable> {
        Ok(self
            .archives
            .get(owner)
            .and_then(|archive| archive.last())
            .map(|archived| archived.id))
    }
}

impl Live for World {
    fn resources(&self, account: &BareJid) -> Vec<Resource> {
        self.live.get(account).cloned().unwrap_or_default()
    }
}

/// A carried stanza as a tree.
#[track_caller]
pub(crate) fn read(xml: &str) -> Element {
    iris::stanza::tree(xml.as_bytes()).unwrap()
}

/// The condition of an error, and the name of what a protocol added to it.
#[track_caller]
pub(crate) fn error(answer: &Element) -> String {
    let error = answer
        .get_child("error", "jabber:client")
        .expect("an error");
    let names: Vec<&str> = error.children().map(Element::name).collect();
    names.join(" ")
}

/// The one child of an answer.
#[track_caller]
pub(crate) fn payload(answer: &Element) -> Element {
    assert_eq!(
        answer.attr("type"),
        Some("result"),
        "{}",
        String::from(answer)
    );
    answer.children().next().expect("a payload").clone()
}
