//! After the disk was full: what went to emergency dumps comes back into the journal, and the messenger goes on. The node does
//! so by itself, and says until then on every surface that it has not: readiness, metrics, `hanse doctor`.

use std::time::Duration;

use journal::{Journal, Status};
use tokio::sync::watch;

use crate::iris::Messenger;
use platform::declined::Chain;

/// How often to look whether something was not taken.
const LOOK: Duration = Duration::from_millis(500);
/// Pauses between tries while the disk is full: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Runs until the node stops, or the journal takes nothing before it is opened again.
pub(crate) async fn run(messenger: Messenger, mut stopped: watch::Receiver<bool>) {
    let journal = messenger.platform.journal.clone();
    let (mut mended, mut pause) = (0, PAUSES.0);
    loop {
        let diverted = journal.stats().diverted;
        let is_due = messenger.server.health().is_halted() || diverted > mended;
        tokio::select! {
            _asked = stopped.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(if is_due { pause } else { LOOK }) => {}
        }
        if !is_due {
            pause = PAUSES.0;
            continue;
        }
        if journal.status() != Status::Running {
            return;
        }
        // Also after a success: a disk that has room for little is full again at once.
        pause = PAUSES.1.min(pause * 2);
        if mend(&messenger, &journal).await {
            mended = diverted;
        }
    }
}

/// Whether nothing is left to mend of what there was.
async fn mend(messenger: &Messenger, journal: &Journal) -> bool {
    let journal = journal.clone();
    match tokio::task::spawn_blocking(move || journal.recover()).await {
        Ok(Ok(recovery)) => {
            let refused = recovery.refused.len();
            tracing::info!(
                recovery.replayed,
                recovery.present,
                refused,
                "emergency dumps are recovered"
            );
        }
        Ok(Err(error)) => {
            tracing::warn!(cause = %Chain(&error), "emergency dumps cannot be recovered yet");
            return false;
        }
        Err(error) => {
            tracing::error!(%error, "recovery ended badly");
            return false;
        }
    }
    match messenger.server.restart().await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(cause = %Chain(&error), "the messenger cannot go on yet");
            false
        }
    }
}
