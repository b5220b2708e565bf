//! Readers of sensor data: what they take, what they refuse and where they say it is.

use proptest::prelude::*;
use zenb::sensors::*;
use zenb::units::EngineMs;
use zenb::units::Ticks;
use zenb::units::UnitError;

/// The packet that a strap would send.
fn encode(measurement: &HeartRateMeasurement, wide: bool) -> Vec<u8> {
    let HeartRateMeasurement {
        heart_rate,
        contact,
        energy_kj,
        rr,
    } = measurement;
    let wide = wide || *heart_rate > 255;
    let contact_bits = match contact {
        None => 0,
        Some(false) => 0b100,
        Some(true) => 0b110,
    };
    let energy_bit = u8::from(energy_kj.is_some()) << 3;
    let rr_bit = u8::from(!rr.is_empty()) << 4;
    let mut bytes = vec![u8::from(wide) | contact_bits | energy_bit | rr_bit];
    let rate = heart_rate.to_le_bytes();
    bytes.extend_from_slice(if wide { &rate } else { &rate[..1] });
    bytes.extend(energy_kj.iter().flat_map(|energy| energy.to_le_bytes()));
    bytes.extend(rr.iter().flat_map(|rr| rr.to_le_bytes()));
    bytes
}

fn ticks(raw: u32) -> Ticks {
    Ticks::new(raw).unwrap()
}

proptest! {
    /// REQ-110.
    #[test]
    fn a_heart_rate_packet_reads_back(
        heart_rate: u16,
        contact: Option<bool>,
        energy_kj: Option<u16>,
        rr in prop::collection::vec(any::<u16>(), 0..12),
        wide: bool,
    ) {
        let measurement = HeartRateMeasurement { heart_rate, contact, energy_kj, rr };
        prop_assert_eq!(heart_rate_measurement(&encode(&measurement, wide)), Ok(measurement));
    }

    /// REQ-110. Every packet is read whole or refused; none is read in part.
    #[test]
    fn no_bytes_panic_the_packet_reader(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(read) = heart_rate_measurement(&bytes) {
            let wide = bytes[0] & 1 == 1;
            let meant = encode(&read, wide);
            prop_assert_eq!(meant.len(), bytes.len());
            prop_assert_eq!(&meant[1..], &bytes[1..]);
        }
    }

    /// REQ-111.
    #[test]
    fn rr_text_reads_back_to_the_tick(raw in prop::collection::vec(210u32..3000, 1..200)) {
        let intervals: Vec<Ticks> = raw.into_iter().map(ticks).collect();
        let text = write_rr_text(intervals.iter().copied());
        prop_assert_eq!(rr_text(&text, RrUnit::Millis), Ok(intervals));
    }

    /// REQ-112.
    #[test]
    fn csv_reads_back_to_the_tick_and_the_millisecond(
        raw in prop::collection::vec((0u64..5000, 210u32..3000), 1..200),
    ) {
        let mut at = 0;
        let rows: Vec<(EngineMs, Ticks)> = raw
            .into_iter()
            .map(|(step, rr)| {
                at += step;
                (EngineMs(at), ticks(rr))
            })
            .collect();
        let read = rr_csv(&write_rr_csv(rows.iter().copied())).unwrap();
        let expect: Vec<Row> =
            rows.into_iter().map(|(at, rr)| Row { at: Some(at), rr }).collect();
        prop_assert_eq!(read, expect);
    }

    /// REQ-111, REQ-112.
    #[test]
    fn no_text_panics_a_reader(text in "(?s).{0,200}", lines in "([0-9.,;#\"\t a-z-]{0,12}\n){0,9}") {
        for text in [text.clone(), lines.clone(), format!("at_ms,rr_1024\n{lines}")] {
            for unit in [RrUnit::Millis, RrUnit::Seconds, RrUnit::Ticks] {
                let _ = rr_text(&text, unit);
                let _ = rr_csv_column(&text, "rr", unit);
            }
            let _ = rr_csv(&text);
        }
    }
}

/// REQ-110. Bytes as the profile's own description lays them out.
#[test]
fn each_form_of_the_heart_rate_packet_is_read() {
    let check = |bytes: &[u8], rate, contact, energy, rr: &[u16]| {
        let read = heart_rate_measurement(bytes).unwrap();
        assert_eq!(
            (read.heart_rate, read.contact, read.energy_kj),
            (rate, contact, energy)
        );
        assert_eq!(read.rr, rr, "{bytes:02x?}");
    };
    check(&[0x00, 60], 60, None, None, &[]);
    check(&[0x01, 0x2c, 0x01], 300, None, None, &[]);
    check(&[0x04, 60], 60, Some(false), None, &[]);
    check(&[0x06, 60], 60, Some(true), None, &[]);
    check(&[0x02, 60], 60, None, None, &[]);
    check(
        &[0x18, 61, 0x10, 0x00, 0x00, 0x04],
        61,
        None,
        Some(16),
        &[1024],
    );
    check(
        &[0x16, 62, 0xe8, 0x03, 0x20, 0x03],
        62,
        Some(true),
        None,
        &[1000, 800],
    );
    check(&[0x10, 62], 62, None, None, &[]);
    check(&[0xe0, 62], 62, None, None, &[]);
}

/// REQ-110.
#[test]
fn a_packet_that_is_cut_or_too_long_is_refused() {
    let check = |bytes: &[u8], expect| assert_eq!(heart_rate_measurement(bytes), Err(expect));
    check(
        &[],
        PacketError::CutShort {
            length: 0,
            field: "flags",
        },
    );
    check(
        &[0x00],
        PacketError::CutShort {
            length: 1,
            field: "heart rate",
        },
    );
    check(
        &[0x01, 60],
        PacketError::CutShort {
            length: 2,
            field: "heart rate",
        },
    );
    check(
        &[0x08, 60, 1],
        PacketError::CutShort {
            length: 3,
            field: "energy",
        },
    );
    check(
        &[0x10, 60, 1],
        PacketError::CutShort {
            length: 3,
            field: "RR interval",
        },
    );
    check(&[0x00, 60, 1, 2], PacketError::Trailing { at: 2, count: 2 });
}

/// REQ-111.
#[test]
fn rr_text_is_read_in_each_unit_with_comments_and_line_ends() {
    let check = |text: &str, unit, expect: &[u32]| {
        let read = rr_text(text, unit).unwrap();
        assert_eq!(read.iter().map(|rr| rr.get()).collect::<Vec<_>>(), expect);
    };
    check(
        "# made by a strap\r\n800\r\n\r\n812.5 # late\r\n",
        RrUnit::Millis,
        &[819, 832],
    );
    check("\u{feff}0.8\n1\n", RrUnit::Seconds, &[819, 1024]);
    check("819\n1024", RrUnit::Ticks, &[819, 1024]);
}

/// REQ-111.
#[test]
fn rr_text_that_is_wrong_is_refused_with_its_line() {
    let check = |text: &str, unit, expect: FileError| {
        assert_eq!(rr_text(text, unit), Err(expect), "{text:?}");
    };
    let not_a_number = |line, found: &str| FileError::NotANumber {
        line,
        found: found.into(),
    };
    check("800\nnought\n", RrUnit::Millis, not_a_number(2, "nought"));
    check("800 810\n", RrUnit::Millis, not_a_number(1, "800 810"));
    check("800.5", RrUnit::Ticks, not_a_number(1, "800.5"));
    let quantity = "an RR interval";
    let source = UnitError::NotFinite { quantity };
    check(
        "800\n\nNaN",
        RrUnit::Millis,
        FileError::NotAnInterval { line: 3, source },
    );
    for value in ["0", "-800", "70000"] {
        let text = format!("800\n{value}");
        assert!(matches!(
            rr_text(&text, RrUnit::Millis),
            Err(FileError::NotAnInterval {
                line: 2,
                source: UnitError::OutOfRange { .. }
            })
        ));
    }
    check("# nothing\n", RrUnit::Millis, FileError::Empty);
    check(
        "0.8\n0.9\n0.8\n",
        RrUnit::Millis,
        FileError::OtherUnit { median_ms: 0 },
    );
    check(
        "8.0\n8.1\n7.9\n",
        RrUnit::Seconds,
        FileError::OtherUnit { median_ms: 8000 },
    );
}

/// REQ-112.
#[test]
fn csv_is_read_by_the_name_of_its_column() {
    let check = |text: &str, expect: &[(Option<u64>, u32)]| {
        let read = rr_csv(text).unwrap();
        let read: Vec<_> = read
            .iter()
            .map(|row| (row.at.map(|at| at.0), row.rr.get()))
            .collect();
        assert_eq!(read, expect, "{text:?}");
    };
    check(
        "at_ms,rr_1024\n1000,819\n1000,820\n",
        &[(Some(1000), 819), (Some(1000), 820)],
    );
    check("time;\"RR-interval [ms]\"\n0,8;1000\n", &[(None, 1024)]);
    check("RR_S\n0.5\n\n", &[(None, 512)]);
    check(
        "received_at\trr_1024\tt_end_ms_est\nx\t900\t1\n",
        &[(None, 900)],
    );
    let by_name = rr_csv_column("note,Beats\n\"a, b\",800\n", "beats", RrUnit::Millis).unwrap();
    assert_eq!(
        by_name,
        [Row {
            at: None,
            rr: ticks(819)
        }]
    );
}

/// REQ-112.
#[test]
fn csv_that_is_wrong_is_refused_with_its_line() {
    let check = |text: &str, expect: FileError| assert_eq!(rr_csv(text), Err(expect), "{text:?}");
    check("", FileError::Empty);
    check("at_ms,rr_1024\n", FileError::Empty);
    check(
        "at_ms,rr_1024\n5\n",
        FileError::ShortRow { line: 2, column: 2 },
    );
    check("at_ms,rr_1024\n5,\"819\n", FileError::OpenQuote { line: 2 });
    check(
        "at_ms,rr_1024\n5,819\n4,819\n",
        FileError::BackStep {
            line: 3,
            at_ms: 4,
            last_ms: 5,
        },
    );
    assert!(matches!(
        rr_csv("beats\n800\n"),
        Err(FileError::NoColumn { .. })
    ));
}

/// REQ-113.
#[test]
fn no_float_that_is_not_a_number_becomes_a_quantity() {
    use zenb::units::BreathsPerMinute;
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(Ticks::from_millis(bad).is_err());
        assert!(Ticks::from_seconds(bad).is_err());
        assert!(BreathsPerMinute::from_f64(bad).is_err());
    }
    assert!(Ticks::new(0).is_err() && Ticks::new(65_536).is_err());
    assert!(BreathsPerMinute::from_milli(0).is_err());
    assert!(serde_json::from_str::<Ticks>("0").is_err());
    assert!(serde_json::from_str::<zenb::units::Quality>("1001").is_err());
}
