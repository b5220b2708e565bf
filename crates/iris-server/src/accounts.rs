//! Accounts, as an operator manages them.

use std::sync::Arc;

use iris::account::{Account, Standing};
use iris::documents::{Collection, Documents as _, Unavailable, Write};
use iris::sasl::credentials::BadPassword;
use iris::sasl::{Credentials, ITERATIONS};
use jid::BareJid;

use crate::committer::{DECISIONS_MAX, NotCommitted};
use crate::node::Node;
use crate::store::{Reads, account_stream};

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
        let created_ms = (self.node.clock)();
        let made = move |found: Option<Account>| match found {
            Some(_) => Err(AccountError::Taken {
                account: account.clone(),
            }),
            None => Ok(Account {
                credentials: credentials.clone(),
                standing: Standing::Enabled,
                principal: None,
                created_ms,
            }),
        };
        self.decide(account, made).await
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
        self.change(account, |found| {
            found.credentials = Some(credentials.clone());
        })
        .await
    }

    /// Changes whether an account may be used. Sessions of one that may not end.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn set_standing(
        &self,
        account: &BareJid,
        standing: Standing,
    ) -> Result<(), AccountError> {
        self.change(account, |found| found.standing = standing)
            .await
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
        change: impl Fn(&mut Account),
    ) -> Result<(), AccountError> {
        let changed = |found: Option<Account>| {
            let mut found = found.ok_or_else(|| AccountError::Unknown {
                account: account.clone(),
            })?;
            change(&mut found);
            Ok(found)
        };
        self.decide(account, changed).await
    }

    /// Decides on an account as it is, and again when it changed before that was durable.
    async fn decide(
        &self,
        account: &BareJid,
        decide: impl Fn(Option<Account>) -> Result<Account, AccountError>,
    ) -> Result<(), AccountError> {
        let _held = self.node.locks.hold_account(account).await;
        let mut decisions = 0;
        loop {
            decisions += 1;
            let (write, reads) = self.decided(account, &decide)?;
            match self.node.store_decided(vec![write], reads).await {
                Err(NotCommitted::Moved) if decisions < DECISIONS_MAX => {}
                stored => return Ok(stored?),
            }
        }
    }

    fn decided(
        &self,
        account: &BareJid,
        decide: impl Fn(Option<Account>) -> Result<Account, AccountError>,
    ) -> Result<(Write, Reads), AccountError> {
        let reading = self.node.store.reading();
        let found = reading.get(Collection::Account, account, "")?;
        let found = found.map(|body| Account::read(&body)).transpose()?;
        let write = Write::Put {
            collection: Collection::Account,
            owner: account.clone(),
            name: String::new(),
            body: decide(found)?.to_document(),
        };
        Ok((write, reading.reads()))
    }
}
