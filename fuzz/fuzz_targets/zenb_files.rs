//! RR text and CSV: read whole or refused; what was read is written, and read back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zenb::sensors::{Row, RrUnit, rr_csv, rr_csv_column, rr_text, write_rr_csv, write_rr_text};

fuzz_target!(|text: &str| {
    for unit in [RrUnit::Millis, RrUnit::Seconds, RrUnit::Ticks] {
        let _refused = rr_csv_column(text, "rr", unit);
        if let Ok(read) = rr_text(text, unit) {
            let written = write_rr_text(read.iter().copied());
            assert_eq!(
                rr_text(&written, RrUnit::Millis).expect("what was written is read"),
                read
            );
        }
    }
    let Ok(rows) = rr_csv(text) else {
        return;
    };
    let timed: Option<Vec<_>> = rows.iter().map(|row| Some((row.at?, row.rr))).collect();
    if let Some(timed) = timed {
        let again: Vec<Row> = rr_csv(&write_rr_csv(timed)).expect("what was written is read");
        assert_eq!(again, rows);
    }
});
