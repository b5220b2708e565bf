//! What rides on a sign-in by XEP-0388: resuming a session, or binding a resource (XEP-0386).

use super::features::{BIND2, CARBONS, CSI};
use crate::sm::SM;
use crate::xml::{Child, Children};

/// What the client asked for together with its sign-in, as far as it is not yet done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Inline {
    /// Session to resume, and what the client has handled of it.
    pub(super) resume: Option<(String, u32)>,
    /// What to bind.
    pub(super) bind: Option<Bind>,
    /// Answers so far, as XML.
    pub(super) answers: String,
}

/// A bind (XEP-0386).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bind {
    /// What the resource's name starts with.
    pub(super) tag: String,
    /// The same for the same device.
    pub(super) device: Option<String>,
    /// Stream management to enable: resumable, for how long.
    pub(super) sm: Option<(bool, Option<u32>)>,
    /// Carbons on.
    pub(super) carbons: bool,
    /// Starts inactive.
    pub(super) inactive: bool,
}

impl Inline {
    /// Reads the children of `<authenticate/>`.
    pub(super) fn read(authenticate: &Child<'_>) -> Self {
        let mut inline = Self::default();
        let mut device = None;
        for child in Children::of(authenticate.bytes) {
            match (child.tag.local, child.namespace.as_deref()) {
                ("resume", Some(SM)) => inline.resume = resume(&child),
                ("bind", Some(BIND2)) => inline.bind = Some(Bind::read(&child)),
                ("user-agent", _) => device = child.tag.value("id").map(|id| id.into_owned()),
                _ => {}
            }
        }
        if let Some(bind) = &mut inline.bind {
            bind.device = device;
        }
        inline
    }
}

impl Bind {
    fn read(bind: &Child<'_>) -> Self {
        let mut read = Self::default();
        for child in Children::of(bind.bytes) {
            match (child.tag.local, child.namespace.as_deref()) {
                ("tag", _) => read.tag = child.text(),
                ("enable", Some(SM)) => read.sm = Some(enable(&child)),
                ("enable", Some(CARBONS)) => read.carbons = true,
                ("inactive", Some(CSI)) => read.inactive = true,
                _ => {}
            }
        }
        read
    }
}

/// `<enable resume='true' max='600'/>`
pub(super) fn enable(element: &Child<'_>) -> (bool, Option<u32>) {
    let resume = element.tag.value("resume");
    let max = element.tag.value("max").and_then(|max| max.parse().ok());
    (matches!(resume.as_deref(), Some("true" | "1")), max)
}

/// `<resume previd='…' h='7'/>`
pub(super) fn resume(element: &Child<'_>) -> Option<(String, u32)> {
    let previd = element.tag.value("previd")?.into_owned();
    Some((previd, element.tag.value("h")?.parse().ok()?))
}
