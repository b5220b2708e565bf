//! Hanse beside its peers, in one run: `bench [--results FILE] [--page FILE] [TOPIC]...`. Without a topic, all of them.
//! The rules of the comparison are in `docs/bench.md`.

mod canonical;
mod credential;
mod durable;
mod http;
mod iris;
mod measure;
mod merkle;
mod report;
mod rival;
mod sample;
mod screening;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::report::Found;

/// Topics in the order of the report.
const TOPICS: [&str; 7] = [
    "canonical",
    "log",
    "durable",
    "credential",
    "screening",
    "http",
    "iris",
];

fn main() -> Result<()> {
    let (mut results, mut page, mut topics) = (PathBuf::from("results.json"), None, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--results" => results = arguments.next().context("--results needs a file")?.into(),
            "--page" => {
                page = Some(PathBuf::from(
                    arguments.next().context("--page needs a file")?,
                ))
            }
            topic if TOPICS.contains(&topic) => topics.push(topic.to_owned()),
            other => bail!("no topic {other}; there are {}", TOPICS.join(", ")),
        }
    }
    if topics.is_empty() {
        topics = TOPICS.map(str::to_owned).to_vec();
    }
    let mut table = String::new();
    for topic in topics {
        let found = measured(&topic).with_context(|| format!("measure {topic}"))?;
        table = report::table(&report::save(&results, found)?);
    }
    println!("{table}");
    if let Some(page) = page {
        report::quote(&page, &table)?;
    }
    Ok(())
}

fn measured(topic: &str) -> Result<Found> {
    let rows = match topic {
        "canonical" => canonical::run(),
        "log" => merkle::run(),
        "durable" => durable::run(&path("BENCH_DOUBLEENTRY")?, &path("BENCH_WORK")?),
        "screening" => screening::run(
            &path("BENCH_ROOT")?,
            &path("BENCH_PYTHON")?,
            &path("BENCH_WORK")?,
        ),
        "credential" => credential::run(&path("BENCH_JUDGES")?, &path("BENCH_WORK")?),
        "http" => http::run(
            &path("BENCH_HANSE")?,
            &path("BENCH_ROOT")?,
            &path("BENCH_WORK")?,
        ),
        "iris" => {
            return iris::run(&iris::Programs {
                root: path("BENCH_ROOT")?,
                python: path("BENCH_JUDGES")?.join("venv/bin/python"),
                load: path("BENCH_IRIS_LOAD")?,
                hanse: path("BENCH_HANSE")?,
                work: path("BENCH_WORK")?,
            })
            .map(Found::Messenger);
        }
        other => bail!("no topic {other}"),
    };
    rows.map(Found::Pairs)
}

/// A file or folder that `run.sh` prepares and names in the environment.
fn path(variable: &str) -> Result<PathBuf> {
    let path =
        std::env::var_os(variable).with_context(|| format!("{variable} is set by bench/run.sh"))?;
    std::path::absolute(path).with_context(|| format!("find what {variable} names"))
}
