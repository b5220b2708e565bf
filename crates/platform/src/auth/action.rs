//! The closed list of things a caller can ask for, each with the one scope it needs.

use super::scope::{ReadScope, Scope, WriteScope};

/// Whether an action changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Sees or copies.
    Read,
    /// Changes.
    Write,
}

/// An [`Action`] as a type, so that a handler's signature says what it needs: `Caller<can::ListPrincipals>`.
pub trait Operation: Send + Sync + 'static {
    /// The action.
    const ACTION: Action;
}

macro_rules! actions {
    ($($name:ident => $kind:ident $scope:ident, $about:literal;)+) => {
        /// Something a caller can ask for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Action { $(#[doc = $about] $name,)+ }

        impl Action {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The scope it needs.
            pub fn scope(self) -> Scope {
                match self { $(Self::$name => actions!(@scope $kind $scope),)+ }
            }
        }

        /// One type for each [`Action`].
        pub mod can {
            $(
                #[doc = $about]
                #[derive(Clone, Copy, Debug)]
                pub enum $name {}
                impl super::Operation for $name {
                    const ACTION: super::Action = super::Action::$name;
                }
            )+
        }
    };
    (@scope Read $scope:ident) => { Scope::Read(ReadScope::$scope) };
    (@scope Write $scope:ident) => { Scope::Write(WriteScope::$scope) };
}

actions! {
    ApplyEntity => Write EntitiesWrite, "Apply for, change or dissolve an entity.";
    ConfirmList => Write ScreeningReview, "Confirm or reject a version of a sanctions list that somebody else imported.";
    ConductSession => Write BreathWrite, "Record consent, and open, feed, stop or erase a breath session.";
    DecideScreening => Write ScreeningReview, "Decide on a screening hit.";
    EvaluateCompliance => Write ComplianceWrite, "Submit evidence or ask for an evaluation.";
    ExportAccount => Read IrisUsersExport, "Take a copy of what a messenger account holds.";
    ExportJournal => Read JournalExport, "Take an audit export or an evidence bundle.";
    ImportList => Write ScreeningWrite, "Import a sanctions list.";
    IssueCredential => Write CredentialsWrite, "Issue or revoke a credential.";
    ManageAccounts => Write IrisUsersWrite, "Create, invite, disable, remove or erase messenger accounts.";
    ManagePrincipals => Write AdminPrincipals, "Create or disable principals and grant roles.";
    ManageTokens => Write AdminTokens, "Issue or revoke tokens.";
    ManageZone => Write ZoneWrite, "Change the zone.";
    OperateNode => Write AdminNode, "Operate the node.";
    PublishNotice => Write NoticesWrite, "Publish, correct or withdraw a public notice.";
    ReadAccounts => Read IrisUsersRead, "See messenger accounts and invitations.";
    ReadCompliance => Read ComplianceRead, "See compliance evaluations.";
    ReadCredentials => Read CredentialsRead, "See credentials.";
    ReadEntities => Read EntitiesRead, "See entities.";
    ReadJournal => Read JournalRead, "See events, proofs and checkpoints.";
    ReadScreening => Read ScreeningRead, "See screenings.";
    ReadSessions => Read BreathRead, "See breath sessions.";
    ReadZone => Read ZoneRead, "See the zone.";
    ReviewEntity => Write EntitiesReview, "Approve or reject an application.";
    ScreenName => Write ScreeningWrite, "Ask for a screening.";
    SeeMessenger => Write IrisOperate, "See sessions, queues, rooms and peers of the messenger.";
    SeePrincipals => Write AdminPrincipals, "See principals; who holds power is not for every reader.";
    SeeTokens => Write AdminTokens, "See the tokens that were issued.";
    SendMessages => Write IrisSend, "Sign in to one's own messenger account.";
}

impl Action {
    /// Whether it changes something. Seeing who holds power or who is connected needs an administrative scope and is still
    /// a read.
    pub fn access(self) -> Access {
        match (self, self.scope()) {
            (Self::SeeMessenger | Self::SeePrincipals | Self::SeeTokens, _)
            | (_, Scope::Read(_)) => Access::Read,
            (_, Scope::Write(_)) => Access::Write,
        }
    }
}
