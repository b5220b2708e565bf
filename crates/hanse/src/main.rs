//! The `hanse` binary: see `hanse --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    hanse::cli::run()
}
