//! Screening, on the data it ships with.

mod figures;
mod imports;
mod search;
mod verdicts;

use std::{path::PathBuf, sync::LazyLock};

use mez::{
    pack::PackFiles,
    sanctions::{IndexedList, List, ListHeader, Policy, RequiredList, import, pack},
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

fn sample_pack() -> PackFiles {
    let folder = workspace("packs/sanctions/ofac-sdn");
    let names = ["pack.yaml", "sdn.csv", "alt.csv", "add.csv"];
    let files = names.map(|name| (name, std::fs::read(folder.join(name)).unwrap()));
    PackFiles::from_pairs(files.iter().map(|(name, bytes)| (*name, bytes.as_slice()))).unwrap()
}

static OFAC: LazyLock<IndexedList> =
    LazyLock::new(|| IndexedList::new(pack::load(&sample_pack()).unwrap().1));

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
