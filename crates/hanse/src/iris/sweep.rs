//! What is left of files that ended or whose account was erased is removed.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use iris::documents::{Collection, Write};
use iris_server::store::record_kind;
use tokio::sync::watch;

use super::upload::Upload;
use super::{Messenger, write_document};
use platform::change::Change;
use platform::declined::Declined;
use platform::moment::Moment;
use platform::store;

/// How often.
const EVERY: Duration = Duration::from_secs(3600);
/// A file without a slot is left alone for this long: it may be on its way.
const AGE_MIN: Duration = Duration::from_secs(3600);
/// Slots that are forgotten in one transaction.
const BATCH: usize = 200;

/// Sweeps now and every hour, until the node stops.
pub async fn run(state: Messenger, mut stopped: watch::Receiver<bool>) {
    loop {
        if let Err(problem) = state.sweep().await {
            tracing::warn!(%problem, "ended files stay for now");
        }
        tokio::select! {
            _asked = stopped.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

impl Messenger {
    async fn sweep(&self) -> Result<(), Declined> {
        let all = |moment: &Moment<'_>| {
            let places = store::all::<Upload>(moment, record_kind(Collection::Upload), &[])?;
            Ok((places, moment.now_ms))
        };
        let (places, now_ms) = self.platform.read(all).await?;
        let (kept, ended): (Vec<_>, Vec<_>) = places
            .into_iter()
            .map(|stored| (stored.id, stored.body))
            .partition(|(_, place)| now_ms < place.slot.expires_ms);
        let ended: Vec<String> = ended.into_iter().map(|(id, _)| id).collect();
        for some in ended.chunks(BATCH) {
            self.forget_slots(some.to_vec()).await?;
        }
        let ids = kept.into_iter().filter_map(|(_, place)| place.file);
        let kept: BTreeSet<String> = ids.map(|file| file.id).collect();
        self.blocking(move |state| state.remove_files(&kept)).await
    }

    /// Removes the documents of slots that have ended, by their ids.
    async fn forget_slots(&self, ids: Vec<String>) -> Result<(), Declined> {
        let forget = move |moment: &Moment<'_>| {
            let mut change = Change::default();
            for id in &ids {
                let slot = store::find::<Upload>(moment, record_kind(Collection::Upload), id)?;
                let ended = slot.filter(|slot| moment.now_ms >= slot.body.slot.expires_ms);
                let Some(ended) = ended else { continue };
                let write = Write::Delete {
                    collection: Collection::Upload,
                    owner: ended.body.slot.account,
                    name: id.rsplit('\n').next().unwrap_or_default().to_owned(),
                };
                let written = write_document(&mut change, &write);
                written.map_err(|error| Declined::internal(&error))?;
            }
            Ok((change, ()))
        };
        self.platform.act(forget).await
    }

    /// Removes files that no slot has.
    fn remove_files(&self, kept: &BTreeSet<String>) -> Result<(), Declined> {
        let failed = |error: std::io::Error| Declined::internal(&error);
        for entry in std::fs::read_dir(&self.uploads).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if kept.contains(&name) {
                continue;
            }
            let written = entry.metadata().and_then(|data| data.modified());
            let age = written.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
            if age.is_ok_and(|age| age >= AGE_MIN) {
                std::fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(())
    }
}
