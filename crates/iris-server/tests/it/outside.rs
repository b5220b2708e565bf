//! What others than the messenger do to its journal: an operator's API, a general erasure.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use iris::documents::Write;
use iris_server::store::{account_stream, write_event};
use jid::BareJid;
use journal::{Append, CommitError, Committed, Expected, Journal, Privacy, Transaction};

type Answer = Result<Committed, CommitError>;

/// A transaction on its way to the journal.
pub(crate) struct Submitted {
    commit: Pin<Box<dyn Future<Output = Answer> + Send>>,
    /// The journal has a thread of its own, and may have answered at once.
    answer: Option<Answer>,
}

impl Submitted {
    /// In the journal's queue.
    async fn new(journal: &Journal, transaction: Transaction) -> Self {
        let journal = journal.clone();
        let mut commit: Pin<Box<dyn Future<Output = _> + Send>> =
            Box::pin(async move { journal.commit(transaction).await });
        let submit = |context: &mut Context<'_>| match commit.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => Poll::Ready(None),
        };
        let answer = std::future::poll_fn(submit).await;
        Self { commit, answer }
    }

    pub(crate) async fn durable(self) {
        let answer = match self.answer {
            Some(answer) => answer,
            None => self.commit.await,
        };
        answer.unwrap();
    }

    /// Whoever submitted it is gone before it is durable.
    pub(crate) fn gone(self) {
        drop(self);
    }
}

/// Writes a document as an operator's API does: without asking the messenger.
pub(crate) async fn write(journal: &Journal, write: &Write) -> Submitted {
    let (stream, event) = write_event(write).unwrap();
    let mut transaction = Transaction::new(1_800_000_000_000, "operator");
    transaction.appends.push(Append {
        stream,
        privacy: Privacy::Personal,
        expected: Expected::Any,
        events: vec![event],
    });
    Submitted::new(journal, transaction).await
}

/// Destroys the key of an owner's documents, as an erasure does that knows nothing of messengers.
pub(crate) async fn erase(journal: &Journal, owner: &BareJid) -> Submitted {
    let mut transaction = Transaction::new(1_800_000_000_000, "operator");
    transaction.shred.push(account_stream(owner).unwrap());
    Submitted::new(journal, transaction).await
}
