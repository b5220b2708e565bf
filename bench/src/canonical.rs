//! Canonical JSON (RFC 8785): from a parsed value, and from bytes to bytes.
//!
//! From bytes, the rivals read with `serde_json`, which is what their users do. Ours also refuses duplicate members and
//! integers beyond 2^53 on the way; the rivals do not all.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::measure::{Clock, Row, Title, compare, repeat};
use crate::sample::{self, Numbers};

const SLICE: Duration = Duration::from_millis(40);

type Encode = fn(&Value) -> Result<Vec<u8>>;

const RIVALS: [(&str, Encode); 2] = [
    ("json-canon 0.1.3", |value| Ok(json_canon::to_vec(value)?)),
    ("serde_json_canonicalizer 0.4.1", |value| {
        Ok(serde_json_canonicalizer::to_vec(value)?)
    }),
];

/// Measures every document against every rival.
pub fn run() -> Result<Vec<Row>> {
    let mut numbers = Numbers::new(8785);
    let receipts: Vec<Value> = (0..256).map(|_| sample::receipt(&mut numbers)).collect();
    let documents = [
        ("640 B receipt", receipts),
        ("64 KiB of receipts", vec![sample::statement(&mut numbers)]),
        (
            "64 KiB of doubles",
            vec![sample::measurements(&mut numbers)],
        ),
    ];
    let mut rows = Vec::new();
    for (name, values) in &documents {
        for (rival, encode) in RIVALS {
            rows.push(from_value(name, values, rival, encode)?);
            rows.push(from_bytes(name, values, rival, encode)?);
        }
    }
    Ok(rows)
}

fn from_value(name: &str, values: &[Value], rival: &str, encode: Encode) -> Result<Row> {
    for value in values {
        ensure!(
            evidence::canonical::to_vec(value)? == encode(value)?,
            "{rival} disagrees"
        );
    }
    let case = format!("{name}, value to bytes");
    let title = Title {
        topic: "canonical",
        case: &case,
        rival,
        unit: "MB",
        clock: Clock::Cpu,
    };
    compare(
        title,
        || {
            repeat(SLICE, || {
                megabytes(values, |value| Ok(evidence::canonical::to_vec(value)?))
            })
        },
        || repeat(SLICE, || megabytes(values, encode)),
    )
}

fn from_bytes(name: &str, values: &[Value], rival: &str, encode: Encode) -> Result<Row> {
    let texts = values
        .iter()
        .map(serde_json::to_vec)
        .collect::<Result<Vec<_>, _>>()?;
    let theirs = |text: &Vec<u8>| encode(&serde_json::from_slice(text)?);
    for text in &texts {
        ensure!(
            evidence::canonical::canonicalize(text)? == theirs(text)?,
            "{rival} disagrees"
        );
    }
    let case = format!("{name}, bytes to bytes");
    let title = Title {
        topic: "canonical",
        case: &case,
        rival,
        unit: "MB",
        clock: Clock::Cpu,
    };
    compare(
        title,
        || {
            repeat(SLICE, || {
                megabytes(&texts, |text| Ok(evidence::canonical::canonicalize(text)?))
            })
        },
        || repeat(SLICE, || megabytes(&texts, theirs)),
    )
}

/// Writes every document once; canonical megabytes written.
fn megabytes<T>(documents: &[T], encode: impl Fn(&T) -> Result<Vec<u8>>) -> Result<f64> {
    let mut bytes = 0;
    for document in documents {
        bytes += std::hint::black_box(encode(document)?).len();
    }
    Ok(bytes as f64 / 1e6)
}
