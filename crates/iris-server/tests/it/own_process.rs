//! Tests in a process of their own, and servers that can be stopped, killed and limited from outside.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use crate::bed::{Bed, Place};

/// Tells the child where its server keeps its files, and where it listens.
const FOLDER: &str = "IRIS_TEST_FOLDER";
const PORT: &str = "IRIS_TEST_PORT";

/// Runs an ignored test of this binary in a process of its own, under a line of shell such as `ulimit`.
fn command(test: &str, shell: &str) -> Command {
    let binary = std::env::current_exe().unwrap();
    let mut command = Command::new("bash");
    command
        .arg("-c")
        .arg(format!(
            "{shell} exec \"$0\" {test} --exact --ignored --nocapture --test-threads=1"
        ))
        .arg(binary);
    command
}

/// Runs an ignored test in a process of its own; it must pass. What it printed is printed.
pub(crate) fn alone(test: &str) {
    let output = command(test, "").output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    println!("{printed}");
    assert!(output.status.success(), "{printed}\n{errors}");
    assert!(
        printed.contains("1 passed"),
        "{test} did not run: {printed}"
    );
}

/// Resident memory of this process in bytes.
pub(crate) fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = pages.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4_096
}

/// A server in a process of its own.
pub(crate) struct Node {
    child: Child,
    stdin: Option<ChildStdin>,
    /// Open as long as it runs, because it prints at its end.
    _stdout: BufReader<ChildStdout>,
    address: SocketAddr,
    folder: PathBuf,
}

impl Place for Node {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Node {
    /// On the files of `folder`, at `port` or any, under a line of shell.
    pub(crate) fn start(folder: &Path, port: u16, shell: &str) -> Self {
        let mut child = command("own_process::serve", shell)
            .env(FOLDER, folder)
            .env(PORT, port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert!(
                lines.read_line(&mut line).unwrap() > 0,
                "the server did not start"
            );
            if let Some((_, address)) = line.split_once("listening at ") {
                break address.trim().parse().unwrap();
            }
        };
        Self {
            stdin: child.stdin.take(),
            _stdout: lines,
            child,
            address,
            folder: folder.to_owned(),
        }
    }

    /// Sends a signal to this process alone.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(
            Command::new("bash")
                .arg("-c")
                .arg(kill)
                .status()
                .unwrap()
                .success()
        );
    }

    /// Whether a signal stopped it: the field after its name, which ends with the last parenthesis (proc(5)).
    pub(crate) fn is_stopped(&self) -> bool {
        let about = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        about.rsplit(") ").next().unwrap().starts_with('T')
    }

    /// Files and sockets that it has open.
    pub(crate) fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))
            .unwrap()
            .count()
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Lets it end by itself, as at an upgrade.
    pub(crate) fn stop(mut self) {
        drop(self.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Only a test that failed leaves it running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[ignore = "is the server of other tests, in a process of its own"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let mut bed = Bed::at(folder.into());
    bed.port = std::env::var(PORT).unwrap().parse().unwrap();
    bed.start().await;
    println!("listening at {}", bed.running().address);
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()))
        .await
        .unwrap()
        .unwrap();
    bed.stop().await;
}

/// A prepared folder with these accounts.
pub(crate) async fn folder_with(names: &[&str]) -> Arc<Bed> {
    let mut bed = Bed::prepare(iris_server::Limits::STANDARD);
    bed.start().await;
    bed.add_accounts(names).await;
    bed.stop().await;
    Arc::new(bed)
}
