//! Writes sessions with the digest after every step: `record FOLDER_WITH_RR_SERIES > SESSIONS.json`.

use serde_json::{Value, json};
use zenb::screen::Answers;
use zenb_ffi::session::Session;

const SERIES: [(&str, &str); 5] = [
    ("pyhrv_long", "adaptive"),
    ("heartpy_data3", "paced"),
    ("phantom_step_rf55", "stepped"),
    ("phantom_slide_rf57", "sliding"),
    ("mitbih208", "adaptive"),
];

#[expect(clippy::print_stdout, reason = "an example speaks to a terminal")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: record FOLDER")?;
    let mut sessions = Vec::new();
    for (name, kind) in SERIES {
        let text = std::fs::read(format!("{folder}/{name}.json"))?;
        let series: Value = serde_json::from_slice(&text)?;
        sessions.push(session(name, kind, &ticks(&series))?);
    }
    println!("{}", Value::from(sessions));
    Ok(())
}

/// The series in 1/1024 s, as a strap would send it.
fn ticks(series: &Value) -> Vec<u64> {
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    if let Some(ticks) = series["rr_1024"].as_array() {
        return ticks.iter().map(|tick| number(tick) as u64).collect();
    }
    let all = series["rr_ms"].as_array();
    let all = all.into_iter().flatten();
    all.map(|ms| (number(ms) * 1.024).round() as u64).collect()
}

fn session(name: &str, kind: &str, rr: &[u64]) -> Result<Value, Box<dyn std::error::Error>> {
    let pace = |milli: u32| json!({"milli_breaths": milli, "inhale_permille": 400});
    let kind = match kind {
        "paced" => json!({"paced": {"pace": pace(6_000)}}),
        "adaptive" => json!({"adaptive": {"start": pace(7_000), "target": pace(5_500)}}),
        "stepped" => json!("assess_stepped"),
        _ => json!("assess_sliding"),
    };
    let opening = json!({
        "protocol": {"kind": kind, "minutes": 15},
        "inhibitions": {"loaded": zenb::inhibition::Inhibitions::none()},
        "breathed_today_ms": 0,
        "wall_ms": 1_795_000_000_000_i64,
        "seed": 7,
    });
    let session = Session::open(&opening.to_string())?;
    let mut inputs = vec![
        json!({"input": "screen", "at": 0, "answers": Answers::all_no()}),
        json!({"input": "start", "at": 1}),
    ];
    let (mut at, mut sent) = (0, 0);
    let mut packet = Vec::new();
    for interval in rr {
        at += interval;
        packet.push(*interval);
        let now = at * 1000 / 1024 + 1;
        if now >= sent + 1000 {
            sent = now;
            inputs.push(
                json!({"input": "packet", "at": now, "rr": packet, "hr": null, "contact": true}),
            );
            packet.clear();
        }
    }
    inputs.push(json!({"input": "stop", "at": sent + 1, "by": "person"}));
    let mut digests = vec![session.digest()];
    for input in &inputs {
        session.step(&input.to_string())?;
        digests.push(session.digest());
    }
    Ok(json!({"name": name, "opening": opening, "inputs": inputs, "digests": digests}))
}
