//! The recordings and phantoms of `testdata/hrv`.

use std::fs;
use std::path::Path;

use serde_json::Value;
use zenb::units::Ticks;

/// A file of `testdata/hrv`.
pub(crate) struct Recording {
    pub(crate) value: Value,
}

pub(crate) const RECORDINGS: [&str; 6] = [
    "apnea_a01",
    "heartpy_data2",
    "heartpy_data3",
    "mitbih208",
    "nsr2db_nsr001",
    "pyhrv_long",
];

pub(crate) const PHANTOMS: [&str; 8] = [
    "phantom_art_20",
    "phantom_drift",
    "phantom_fast15",
    "phantom_slide_rf57",
    "phantom_step_flat",
    "phantom_step_mayer",
    "phantom_step_rf48",
    "phantom_step_rf55",
];

impl Recording {
    #[track_caller]
    pub(crate) fn load(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/hrv");
        let text = fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        Self {
            value: serde_json::from_str(&text).unwrap(),
        }
    }

    pub(crate) fn millis(&self) -> Vec<f64> {
        let list = self.value["rr_ms"].as_array().unwrap();
        list.iter().map(|rr| rr.as_f64().unwrap()).collect()
    }

    /// In ticks: as the strap sent them, or rounded from milliseconds.
    pub(crate) fn ticks(&self) -> Vec<Ticks> {
        match self.value["rr_1024"].as_array() {
            Some(list) => list
                .iter()
                .map(|rr| Ticks::new(rr.as_u64().unwrap() as u32).unwrap())
                .collect(),
            None => self
                .millis()
                .iter()
                .map(|rr| Ticks::from_millis(*rr).unwrap())
                .collect(),
        }
    }
}
