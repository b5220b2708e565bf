//! Sessions of half an hour, which is the longest there is, over the whole recording.

use anyhow::Result;
use zenb::digest::NUMERIC_VERSION;
use zenb::engine::{Engine, Input, Opening};
use zenb::event::{Decided, Opened, SessionEvent};
use zenb::inhibition::{Inhibitions, LoadedInhibitions};
use zenb::protocol::{Kind, Pace, Protocol};
use zenb::replay::ended;
use zenb::screen::Answers;
use zenb::units::EngineMs;

use crate::slice::{self, Slice};

const MINUTES: u8 = 30;

fn opening() -> Result<Opening> {
    Ok(Opening {
        protocol: Protocol::new(Kind::Paced { pace: Pace::SIX }, MINUTES)?,
        inhibitions: LoadedInhibitions::Loaded(Inhibitions::none()),
        breathed_today_ms: 0,
        wall_ms: 1_795_000_000_000,
        seed: 7,
    })
}

fn first_inputs() -> [Input; 2] {
    let at = EngineMs(0);
    [
        Input::Screen {
            at,
            answers: Answers::all_no(),
        },
        Input::Start { at },
    ]
}

/// The inputs of one session after another: each beat a packet, until the session is over.
fn sessions(ticks: &[u16]) -> Vec<Vec<Input>> {
    let longest = u64::from(MINUTES) * 60_000;
    let mut all = Vec::new();
    let (mut inputs, mut elapsed) = (Vec::from(first_inputs()), 0);
    for rr in ticks {
        elapsed += u64::from(*rr);
        let at = EngineMs(elapsed * 1000 / 1024);
        if at.0 >= longest {
            all.push(std::mem::replace(&mut inputs, Vec::from(first_inputs())));
            elapsed = 0;
            continue;
        }
        inputs.push(Input::Packet {
            at,
            rr: vec![*rr],
            hr: None,
            contact: None,
        });
    }
    all.push(inputs);
    all
}

/// One step of a running session for each beat: fence, figures, belief, guard, decision and the digest of the whole state.
pub fn steps(ticks: &[u16]) -> Result<Slice> {
    let opening = opening()?;
    let inputs: Vec<(bool, Input)> = sessions(ticks)
        .into_iter()
        .flat_map(|session| {
            session
                .into_iter()
                .enumerate()
                .map(|(i, input)| (i == 0, input))
        })
        .collect();
    let mut engine = Engine::open(&opening).0;
    slice::each(&inputs, |(first, input)| {
        if *first {
            engine = Engine::open(&opening).0;
        }
        // What the fence or an ended session refuses is part of the work.
        drop(engine.step(input));
        Ok(())
    })
}

/// Ticks of a running session whose windows are full: one each millisecond for as long as its last beat is fresh.
pub fn ticks(ticks: &[u16]) -> Result<Slice> {
    let mut engine = Engine::open(&opening()?).0;
    let mut last = 0;
    let first = sessions(ticks).into_iter().next().unwrap_or_default();
    for input in first.iter().take(1_500) {
        last = input.at().0;
        drop(engine.step(input));
    }
    let moments: Vec<u64> = (1..=4_500).map(|after| last + after).collect();
    slice::each(&moments, |at| {
        drop(engine.step(&Input::Tick { at: EngineMs(*at) })?);
        Ok(())
    })
}

/// The sessions as they are journalled.
pub fn record(ticks: &[u16]) -> Result<Vec<Vec<SessionEvent>>> {
    let opening = opening()?;
    let mut records = Vec::new();
    for inputs in sessions(ticks) {
        let (mut engine, step) = Engine::open(&opening);
        let mut record = vec![
            SessionEvent::Opened(Opened {
                numeric_version: NUMERIC_VERSION,
                opening: opening.clone(),
            }),
            SessionEvent::Decided(Decided::from(step)),
        ];
        for input in inputs {
            if let Ok(step) = engine.step(&input) {
                record.push(SessionEvent::Input(input));
                record.push(SessionEvent::Decided(Decided::from(step)));
            }
        }
        record.extend(ended(&engine).map(SessionEvent::Ended));
        records.push(record);
    }
    Ok(records)
}
