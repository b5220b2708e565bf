//! A room: what is stored of it, and who is in it now.

use std::collections::BTreeMap;

use bytes::Bytes;
use jid::{BareJid, FullJid, ResourcePart};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::config::{Config, Whois};
use super::standing::{Affiliation, Role, Standing};

/// What outlives a restart: the document of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charter {
    /// Its settings.
    pub config: Config,
    /// Everybody with a standing other than none, by bare address.
    pub affiliations: BTreeMap<BareJid, Affiliation>,
    /// Newest subject.
    pub subject: Option<Subject>,
    /// Keys occupant ids (XEP-0421), so that they do not tell addresses and do not link rooms.
    pub secret: [u8; 32],
}

/// The subject of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The text; empty when it was taken away.
    pub text: String,
    /// Nickname of who set it.
    pub by: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

/// Somebody in the room, by one nickname, with one device or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occupant {
    /// The account.
    pub account: BareJid,
    /// Role of this visit.
    pub role: Role,
    /// Devices, in the order in which they entered, with what each last said in its presence.
    pub devices: Vec<(FullJid, Bytes)>,
}

/// A room with its occupants.
#[derive(Clone, Debug)]
pub struct Room {
    /// Its address.
    pub jid: BareJid,
    /// What is stored.
    pub charter: Charter,
    /// Who is in it, by nickname.
    pub occupants: BTreeMap<ResourcePart, Occupant>,
}

impl Charter {
    /// A room made by `owner`.
    pub fn founded(owner: BareJid, secret: [u8; 32]) -> Self {
        Self {
            config: Config::default(),
            affiliations: BTreeMap::from([(owner, Affiliation::Owner)]),
            subject: None,
            secret,
        }
    }

    /// Standing of an account.
    pub fn affiliation(&self, account: &BareJid) -> Affiliation {
        self.affiliations.get(account).copied().unwrap_or_default()
    }

    /// Sets the standing of an account.
    pub fn affiliate(&mut self, account: &BareJid, to: Affiliation) {
        if to == Affiliation::None {
            self.affiliations.remove(account);
        } else {
            self.affiliations.insert(account.clone(), to);
        }
    }

    /// How many owners there are. A room never has none.
    pub fn owners(&self) -> usize {
        let all = self.affiliations.values();
        all.filter(|it| **it == Affiliation::Owner).count()
    }

    /// The stable, room-bound id of an account (XEP-0421).
    pub fn occupant_id(&self, account: &BareJid) -> String {
        let mut hash = Sha256::new();
        hash.update(self.secret);
        hash.update(account.as_str().as_bytes());
        data_encoding::BASE64URL_NOPAD.encode(&hash.finalize())
    }
}

impl Room {
    /// The address of an occupant.
    pub fn occupant_jid(&self, nick: &ResourcePart) -> FullJid {
        self.jid.with_resource(nick)
    }

    /// The nickname a device is in by.
    pub fn nick_of(&self, device: &FullJid) -> Option<&ResourcePart> {
        let mut all = self.occupants.iter();
        all.find(|(_, occupant)| occupant.devices.iter().any(|(jid, _)| jid == device))
            .map(|(nick, _)| nick)
    }

    /// Both standings of an occupant.
    pub fn standing(&self, occupant: &Occupant) -> Standing {
        Standing {
            role: occupant.role,
            affiliation: self.charter.affiliation(&occupant.account),
        }
    }

    /// Every device in the room.
    pub fn devices(&self) -> impl Iterator<Item = (&ResourcePart, &Occupant, &FullJid)> {
        self.occupants.iter().flat_map(|(nick, occupant)| {
            let devices = occupant.devices.iter();
            devices.map(move |(jid, _)| (nick, occupant, jid))
        })
    }

    /// Whether an occupant with `role` sees real addresses.
    pub fn sees_addresses(&self, role: Role) -> bool {
        self.charter.config.whois == Whois::Anyone || role == Role::Moderator
    }

    /// Whether an occupant may speak to all.
    pub fn has_voice(&self, role: Role) -> bool {
        role >= Role::Participant || (role == Role::Visitor && !self.charter.config.moderated)
    }
}
