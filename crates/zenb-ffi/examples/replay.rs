//! Replays recorded sessions and compares the digest after every step: `replay SESSIONS.json`.

use serde::Deserialize;
use zenb_ffi::session::Session;

#[derive(Deserialize)]
struct Recorded {
    name: String,
    opening: serde_json::Value,
    inputs: Vec<serde_json::Value>,
    digests: Vec<String>,
}

#[expect(clippy::print_stdout, reason = "an example speaks to a terminal")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("usage: replay SESSIONS.json")?;
    let sessions: Vec<Recorded> = serde_json::from_slice(&std::fs::read(path)?)?;
    let mut count = 0;
    for recorded in sessions {
        let session = Session::open(&recorded.opening.to_string())?;
        let mut digests = vec![session.digest()];
        for input in &recorded.inputs {
            session.step(&input.to_string())?;
            digests.push(session.digest());
        }
        if digests != recorded.digests {
            let at = digests
                .iter()
                .zip(&recorded.digests)
                .position(|(a, b)| a != b);
            return Err(format!("{}: diverges at step {at:?}", recorded.name).into());
        }
        count += digests.len();
    }
    println!("{}: {count} digests as recorded", std::env::consts::ARCH);
    Ok(())
}
