//! Screening, on the data it ships with.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod figures;
mod imports;
mod search;
mod short_forms;
mod verdicts;
mod writings;

use std::{collections::BTreeMap, path::PathBuf, sync::LazyLock};

use sanctions::{
    IndexedList, List, ListHeader, Policy, RequiredList, import,
    pack::{self, ListManifest, ListPackError},
};

fn workspace(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

fn data(name: &str) -> Vec<u8> {
    std::fs::read(workspace("testdata/sanctions").join(name)).unwrap()
}

fn header(name: &str, version: &str) -> ListHeader {
    let published = jiff::civil::date(2026, 11, 1);
    ListHeader {
        name: name.to_owned(),
        version: version.to_owned(),
        published,
    }
}

/// The shipped pack: its manifest, and the files beside it.
struct SamplePack {
    manifest: ListManifest,
    files: BTreeMap<&'static str, Vec<u8>>,
}

impl SamplePack {
    fn read() -> Self {
        let folder = workspace("packs/sanctions/ofac-sdn");
        let read = |name| std::fs::read(folder.join(name)).unwrap();
        let names = ["sdn.csv", "alt.csv", "add.csv"];
        Self {
            manifest: serde_saphyr::from_slice(&read("pack.yaml")).unwrap(),
            files: names.map(|name| (name, read(name))).into(),
        }
    }

    fn load(&self) -> Result<List, ListPackError> {
        pack::load(&self.manifest, |path| {
            self.files.get(path).map(Vec::as_slice)
        })
    }
}

static OFAC: LazyLock<IndexedList> =
    LazyLock::new(|| IndexedList::new(SamplePack::read().load().unwrap()));

fn un_sample() -> List {
    import::un::import(&data("un-sample.xml"), "un-sc").unwrap()
}

fn policy(lists: &[&str]) -> Policy {
    let required = |name: &&str| RequiredList {
        name: (*name).to_owned(),
        age_days_max: 30,
    };
    Policy::standard(lists.iter().map(required).collect())
}
