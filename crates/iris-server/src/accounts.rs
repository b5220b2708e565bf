//! Accounts, as an operator manages them.

use std::sync::Arc;

use iris::account::{Account, Standing};
use iris::documents::{Collection, Documents as _, Unavailable, Write};
use iris::outcome::Outcome;
use iris::sasl::credentials::BadPassword;
use iris::sasl::{Credentials, ITERATIONS};
use jid::BareJid;

use crate::committer::NotCommitted;
use crate::node::Node;
use crate::store::account_stream;

/// Why an account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// It is of another domain, has no name, or is too long.
    #[error("{account} cannot be an account here")]
    NotHere {
        /// The address.
        account: BareJid,
    },
    /// There is, or was, an account of this name.
    #[error("{account} is taken")]
    Taken {
        /// The address.
        account: BareJid,
    },
    /// There is no such account.
    #[error("there is no account {account}")]
    Unknown {
        /// The address.
        account: BareJid,
    },
    /// The password cannot be one.
    #[error(transparent)]
    Password(#[from] BadPassword),
    /// The store cannot answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The stored account cannot be read.
    #[error("the account is not stored as one")]
    Malformed(#[from] serde_json::Error),
    /// It is not durable.
    #[error(transparent)]
    NotCommitted(#[from] NotCommitted),
}

/// The accounts of a server.
pub struct Accounts {
    pub(crate) node: Arc<Node>,
}

impl Accounts {
    fn derive(&self, password: &str) -> Result<Credentials, BadPassword> {
        let mut salt = [0; 16];
        (self.node.random)(&mut salt);
        Credentials::derive(password, &salt, ITERATIONS)
    }

    /// Makes an account. Hashing a password takes milliseconds.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn add(&self, account: &BareJid, password: Option<&str>) -> Result<(), AccountError> {
        let is_here = account.domain() == self.node.host.domain.as_ref()
            && account.node().is_some()
            && account_stream(account).is_ok();
        if !is_here {
            return Err(AccountError::NotHere {
                account: account.clone(),
            });
        }
        let credentials = password.map(|password| self.derive(password)).transpose()?;
        let held = self.node.locks.hold(vec![account.clone()]).await;
        if self.find(account)?.is_some() {
            return Err(AccountError::Taken {
                account: account.clone(),
            });
        }
        let made = Account {
            credentials,
            standing: Standing::Enabled,
            principal: None,
            created_ms: (self.node.clock)(),
        };
        self.write(account, &made, held).await
    }

    /// Changes a password.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn set_password(
        &self,
        account: &BareJid,
        password: &str,
    ) -> Result<(), AccountError> {
        let credentials = self.derive(password)?;
        self.change(account, |found| found.credentials = Some(credentials))
            .await
    }

    /// Changes whether an account may be used. Sessions of one that may not are closed.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn set_standing(
        &self,
        account: &BareJid,
        standing: Standing,
    ) -> Result<(), AccountError> {
        self.change(account, |found| found.standing = standing)
            .await?;
        if standing != Standing::Enabled {
            self.disconnect(account);
        }
        Ok(())
    }

    /// Closes every session of an account.
    pub fn disconnect(&self, account: &BareJid) {
        self.node.disconnect(account);
    }

    /// Nobody else changes this account until what this returns is dropped.
    pub async fn hold(&self, account: &BareJid) -> impl Send + use<> {
        self.node.locks.hold(vec![account.clone()]).await
    }

    /// One account.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub fn find(&self, account: &BareJid) -> Result<Option<Account>, AccountError> {
        let body = self.node.store.get(Collection::Account, account, "")?;
        Ok(body.map(|body| Account::read(&body)).transpose()?)
    }

    /// Accounts after `after`, in order.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub fn list(
        &self,
        after: Option<&BareJid>,
        limit: usize,
    ) -> Result<Vec<(BareJid, Account)>, AccountError> {
        let owners = self.node.store.owners(Collection::Account, after, limit)?;
        let read = |(owner, body): (BareJid, Vec<u8>)| Ok((owner, Account::read(&body)?));
        owners.into_iter().map(read).collect()
    }

    async fn change(
        &self,
        account: &BareJid,
        change: impl FnOnce(&mut Account),
    ) -> Result<(), AccountError> {
        let held = self.node.locks.hold(vec![account.clone()]).await;
        let Some(mut found) = self.find(account)? else {
            return Err(AccountError::Unknown {
                account: account.clone(),
            });
        };
        change(&mut found);
        self.write(account, &found, held).await
    }

    async fn write(
        &self,
        account: &BareJid,
        body: &Account,
        held: crate::locks::Held,
    ) -> Result<(), AccountError> {
        let outcome = Outcome {
            writes: vec![Write::Put {
                collection: Collection::Account,
                owner: account.clone(),
                name: String::new(),
                body: body.to_document(),
            }],
            ..Outcome::nothing()
        };
        Ok(self.node.commit(outcome, held).await?)
    }
}
