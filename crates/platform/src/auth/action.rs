//! Things a caller can ask for, each with the one scope it needs. Institutions declare theirs with [`actions!`](crate::actions).

use api::scope::{ReadScope, Scope, WriteScope};

/// Whether an action changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Sees or copies.
    Read,
    /// Changes.
    Write,
}

/// What an action needs, and so whether it may change something: a reading scope never lets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Sees or copies.
    Read(ReadScope),
    /// Sees who holds power or who is connected, which is for those who may change it.
    See(WriteScope),
    /// Changes.
    Write(WriteScope),
}

/// Something a caller can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Action {
    /// Its name in the code.
    pub name: &'static str,
    /// What it needs.
    pub need: Need,
}

impl Action {
    /// The scope it needs.
    pub const fn scope(self) -> Scope {
        match self.need {
            Need::Read(scope) => Scope::Read(scope),
            Need::See(scope) | Need::Write(scope) => Scope::Write(scope),
        }
    }

    /// Whether it changes something.
    pub const fn access(self) -> Access {
        match self.need {
            Need::Read(_) | Need::See(_) => Access::Read,
            Need::Write(_) => Access::Write,
        }
    }
}

/// An [`Action`] as a type, so that a handler's signature says what it needs: `Caller<can::ManagePrincipals>`.
pub trait Asks: Send + Sync + 'static {
    /// The action.
    const ACTION: Action;
}

/// Declares actions: a type for each that [`Asks`](crate::auth::Asks) for it.
#[macro_export]
macro_rules! actions {
    ($($name:ident => $need:ident $scope:ident, $about:literal;)+) => {
        $(
            #[doc = $about]
            #[derive(Clone, Copy, Debug)]
            pub enum $name {}

            impl $crate::auth::Asks for $name {
                const ACTION: $crate::auth::Action = $crate::auth::Action {
                    name: stringify!($name),
                    need: $crate::actions!(@need $need $scope),
                };
            }
        )+
    };
    (@need Read $scope:ident) => { $crate::auth::Need::Read(api::scope::ReadScope::$scope) };
    (@need $need:ident $scope:ident) => { $crate::auth::Need::$need(api::scope::WriteScope::$scope) };
}

/// What callers ask of the platform itself.
pub mod can {
    crate::actions! {
        ManagePrincipals => Write AdminPrincipals, "Create or disable principals and grant roles.";
        ManageTokens => Write AdminTokens, "Issue or revoke tokens.";
        OperateNode => Write AdminNode, "Operate the node.";
        SeePrincipals => See AdminPrincipals, "See principals; who holds power is not for every reader.";
        SeeTokens => See AdminTokens, "See the tokens that were issued.";
    }
}
