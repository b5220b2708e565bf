//! What owners set about a room, and the form they set it with (XEP-0045 10.1, XEP-0004).

use serde::{Deserialize, Serialize};

/// Who sees the real addresses of occupants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whois {
    /// Moderators only: a semi-anonymous room.
    #[default]
    Moderators,
    /// Everybody: a non-anonymous room, which end-to-end encryption needs.
    Anyone,
}

/// The settings of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Natural-language name.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// Stays when the last occupant leaves.
    pub persistent: bool,
    /// Listed in the service's directory.
    pub public: bool,
    /// Only members enter.
    pub members_only: bool,
    /// Only participants and moderators speak.
    pub moderated: bool,
    /// Needed to enter.
    pub password: Option<String>,
    /// Who sees real addresses.
    pub whois: Whois,
    /// Participants may set the subject.
    pub subject_open: bool,
    /// Members may invite into a members-only room.
    pub invites_open: bool,
    /// Messages are kept in the room's archive.
    pub archived: bool,
    /// At most this many occupants.
    pub occupants_max: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: String::new(),
            description: String::new(),
            persistent: true,
            public: false,
            members_only: false,
            moderated: false,
            password: None,
            whois: Whois::Moderators,
            subject_open: false,
            invites_open: true,
            archived: true,
            occupants_max: 500,
        }
    }
}

/// A field of the form that a room does not take.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("room setting {field} cannot be {value:?}")]
pub struct BadSetting {
    /// `var` of the field.
    pub field: String,
    /// What was asked for.
    pub value: String,
}

/// Field of the configuration form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// `var`.
    pub name: &'static str,
    /// Data form type.
    pub type_: &'static str,
    /// For people.
    pub label: &'static str,
    /// Value now.
    pub value: String,
    /// The choices of a list.
    pub options: &'static [(&'static str, &'static str)],
}

const MAX_TEXT: usize = 1024;

impl Config {
    /// The form, filled with what holds now.
    pub fn fields(&self) -> Vec<Field> {
        let text = |name, label, value: &str| Field {
            name,
            type_: "text-single",
            label,
            value: value.to_owned(),
            options: &[],
        };
        let flag = |name, label, value: bool| Field {
            name,
            type_: "boolean",
            label,
            value: u8::from(value).to_string(),
            options: &[],
        };
        vec![
            text("muc#roomconfig_roomname", "Name", &self.name),
            text(
                "muc#roomconfig_roomdesc",
                "What it is about",
                &self.description,
            ),
            flag(
                "muc#roomconfig_persistentroom",
                "Stays when everybody has left",
                self.persistent,
            ),
            flag(
                "muc#roomconfig_publicroom",
                "Listed in the directory",
                self.public,
            ),
            flag(
                "muc#roomconfig_membersonly",
                "Only members enter",
                self.members_only,
            ),
            flag(
                "muc#roomconfig_moderatedroom",
                "Guests need to be given voice",
                self.moderated,
            ),
            flag(
                "muc#roomconfig_passwordprotectedroom",
                "A password is needed to enter",
                self.password.is_some(),
            ),
            Field {
                name: "muc#roomconfig_roomsecret",
                type_: "text-private",
                label: "Password",
                value: self.password.clone().unwrap_or_default(),
                options: &[],
            },
            Field {
                name: "muc#roomconfig_whois",
                type_: "list-single",
                label: "Who sees real addresses",
                value: match self.whois {
                    Whois::Moderators => "moderators",
                    Whois::Anyone => "anyone",
                }
                .to_owned(),
                options: &[("Moderators", "moderators"), ("Anyone", "anyone")],
            },
            flag(
                "muc#roomconfig_changesubject",
                "Participants may set the subject",
                self.subject_open,
            ),
            flag(
                "muc#roomconfig_allowinvites",
                "Members may invite",
                self.invites_open,
            ),
            flag(
                "muc#roomconfig_enablearchiving",
                "Messages are archived",
                self.archived,
            ),
            text(
                "muc#roomconfig_maxusers",
                "Most occupants",
                &self.occupants_max.to_string(),
            ),
        ]
    }

    /// The settings after a submitted form. Fields the form does not name stay; fields no room has are
    /// ignored, as XEP-0004 asks of a form-processing entity.
    ///
    /// # Errors
    /// A field has a value that it cannot have; nothing is changed.
    pub fn submitted<'a>(
        &self,
        fields: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, BadSetting> {
        let mut config = self.clone();
        let mut protected = None;
        for (name, value) in fields {
            let bad = || BadSetting {
                field: name.to_owned(),
                value: value.to_owned(),
            };
            let flag = || match value {
                "1" | "true" => Ok(true),
                "0" | "false" => Ok(false),
                _ => Err(bad()),
            };
            let text = || {
                if value.len() <= MAX_TEXT {
                    Ok(value.to_owned())
                } else {
                    Err(bad())
                }
            };
            match name {
                "muc#roomconfig_roomname" => config.name = text()?,
                "muc#roomconfig_roomdesc" => config.description = text()?,
                "muc#roomconfig_persistentroom" => config.persistent = flag()?,
                "muc#roomconfig_publicroom" => config.public = flag()?,
                "muc#roomconfig_membersonly" => config.members_only = flag()?,
                "muc#roomconfig_moderatedroom" => config.moderated = flag()?,
                "muc#roomconfig_passwordprotectedroom" => protected = Some(flag()?),
                "muc#roomconfig_roomsecret" => {
                    config.password = Some(text()?).filter(|secret| !secret.is_empty());
                }
                "muc#roomconfig_whois" => {
                    config.whois = match value {
                        "moderators" => Whois::Moderators,
                        "anyone" => Whois::Anyone,
                        _ => return Err(bad()),
                    }
                }
                "muc#roomconfig_changesubject" => config.subject_open = flag()?,
                "muc#roomconfig_allowinvites" => config.invites_open = flag()?,
                "muc#roomconfig_enablearchiving" | "muc#roomconfig_enablelogging" => {
                    config.archived = flag()?;
                }
                "muc#roomconfig_maxusers" => {
                    let most: u32 = value.parse().map_err(|_| bad())?;
                    if !(1..=10_000).contains(&most) {
                        return Err(bad());
                    }
                    config.occupants_max = most;
                }
                _ => {}
            }
        }
        match (protected, &config.password) {
            (Some(false), _) => config.password = None,
            (Some(true), None) => {
                return Err(BadSetting {
                    field: "muc#roomconfig_roomsecret".to_owned(),
                    value: String::new(),
                });
            }
            _ => {}
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_as_offered_changes_nothing_when_submitted() {
        let config = Config {
            password: Some("open sesame".to_owned()),
            whois: Whois::Anyone,
            ..Config::default()
        };
        let fields = config.fields();
        let pairs = fields
            .iter()
            .map(|field| (field.name, field.value.as_str()));
        assert_eq!(config.submitted(pairs), Ok(config.clone()));
    }

    #[test]
    fn a_bad_value_names_its_field() {
        let refused = Config::default()
            .submitted([("muc#roomconfig_whois", "nobody")].into_iter())
            .expect_err("nobody is no choice");
        assert_eq!(refused.field, "muc#roomconfig_whois");
    }

    #[test]
    fn protection_without_a_password_is_refused() {
        let fields = [("muc#roomconfig_passwordprotectedroom", "1")];
        assert!(Config::default().submitted(fields.into_iter()).is_err());
    }
}
