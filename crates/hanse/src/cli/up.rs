//! `hanse up`: runs a node until it is told to stop.

use api::screening::{ImportBody, ListFormat};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use law::zone::Lock;
use serde_json::json;

use super::init::{PassphraseArgs, create_keys, create_private_dir};
use super::xmpp::XmppArgs;
use super::{Failure, Global};
use crate::config::{DataDir, HttpConfig};
use crate::iris::settings::Parts;
use crate::node::{NodeError, Running, Settings, start};
use crate::sample::{self, Authorities};
use crate::screening::lists;
use crate::screening::shelf::ListFiles;
use crate::zone::load::load;
use platform::http::limits::Rate;
use platform::outside::system_entropy;

/// Run the node of the data folder until it is told to stop.
#[derive(Debug, Args)]
pub struct Up {
    /// Where the API listens; port 0 takes any free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where metrics are; port 0 takes any free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    metrics: SocketAddr,
    /// Where verifiers reach the node, for the addresses in credentials. Its own address when absent.
    #[arg(long, value_name = "URL", env = "HANSE_PUBLIC_URL")]
    public_url: Option<String>,
    /// Post notifications to this address, signed by the zone.
    #[arg(long, value_name = "URL", env = "HANSE_WEBHOOK")]
    webhook: Option<String>,
    /// Set up a sample zone first, if the data folder holds none: sample law, a sanctions list of July 2021.
    #[arg(long)]
    sample: bool,
    /// The folder of packs to take the sample from.
    #[arg(long, value_name = "DIR")]
    packs: Option<PathBuf>,
    /// Requests a second that one caller may send.
    #[arg(long, value_name = "COUNT")]
    rate: Option<u32>,
    /// Run one part alone, with principals, tokens and the journal.
    #[arg(long, value_name = "PART", value_enum)]
    only: Option<Only>,
    /// Erase breath sessions so many days after they ended. Without it they are kept until somebody erases them.
    #[arg(long, value_name = "DAYS")]
    breath_days: Option<u32>,
    #[command(flatten)]
    xmpp: XmppArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// A part that is useful alone.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Only {
    /// The messenger.
    Iris,
}

impl Up {
    /// Runs it.
    ///
    /// # Errors
    /// The node cannot start.
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        let data = global.data();
        if self.sample && !data.manifest().exists() {
            set_up_sample(&data, self.packs.as_deref(), &self.passphrase)?;
        }
        let settings = self.settings(data)?;
        runtime()?.block_on(async {
            let running = start(settings).await.map_err(|error| failure(&error))?;
            import_sample_list(&running).await?;
            announce(global, &running);
            stop_asked().await?;
            global.output().say("stopping");
            running.shutdown().await;
            Ok(())
        })
    }

    fn settings(&self, data: DataDir) -> Result<Settings, Failure> {
        let mut http = HttpConfig {
            address: self.listen,
            metrics_address: self.metrics,
            ..HttpConfig::default()
        };
        if let Some(rate) = self.rate {
            let rate = Rate::new(rate, rate.saturating_mul(2));
            http.limits.per_principal = rate;
            http.limits.per_peer = rate;
        }
        Ok(Settings {
            data,
            http,
            public_url: self.public_url.clone(),
            webhook: self.webhook.clone(),
            passphrase: self.passphrase.read()?,
            xmpp: self.xmpp.config()?,
            parts: match self.only {
                Some(Only::Iris) => Parts::Iris,
                None => Parts::All,
            },
            breath_days: self.breath_days,
        })
    }
}

/// A data folder with the sample zone: keys, manifest, packs, lock.
///
/// # Errors
/// No packs are found, or the system refuses.
pub fn set_up_sample(
    data: &DataDir,
    packs: Option<&Path>,
    passphrase: &PassphraseArgs,
) -> Result<(), Failure> {
    let found = packs.map(Path::to_owned).or_else(sample::packs_folder);
    let packs = found.ok_or_else(|| {
        Failure::environment("no folder `packs` is near; name it with --packs DIR")
    })?;
    create_private_dir(data.path())?;
    let authorities = Authorities::generate(system_entropy);
    sample::write(data, &packs, &authorities).map_err(|error| Failure::from_error(&error))?;
    let zone = load(&data.manifest(), &data.packs(), &data.lock())
        .map_err(|error| Failure::from_error(&error))?;
    write_lock(data, &zone.lock)?;
    create_keys(&data.keys(), passphrase.read()?.as_ref())?;
    Ok(())
}

fn write_lock(data: &DataDir, lock: &Lock) -> Result<(), Failure> {
    fs::write(data.lock(), lock.to_bytes()).map_err(|error| Failure::from_error(&error))
}

/// Brings the list that the packs ship into force, once, so that screening has something to search.
///
/// # Errors
/// The list is not as shipped, or the journal cannot write.
pub async fn import_sample_list(running: &Running) -> Result<(), Failure> {
    let node = &running.node;
    let folder = running.data.packs().join("sanctions").join("ofac-sdn");
    let in_force = node.platform.read(|moment| lists::all(moment)).await;
    let in_force = in_force.map_err(|problem| Failure::refused(problem.to_string()))?;
    if !folder.is_dir() || !in_force.is_empty() {
        return Ok(());
    }
    let read = |name: &str| {
        let text = fs::read_to_string(folder.join(name));
        text.map(|text| (name.to_owned(), text))
            .map_err(|error| Failure::from_error(&error))
    };
    let files: ListFiles = ["sdn.csv", "alt.csv", "add.csv"]
        .into_iter()
        .map(read)
        .collect::<Result<_, _>>()?;
    let body = ImportBody {
        name: "ofac-sdn".parse().expect("a constant"),
        version: "2021-07".to_owned(),
        published: jiff::civil::date(2021, 7, 1),
        format: ListFormat::OfacCsv,
        files,
    };
    lists::import_by_node(node, body)
        .await
        .map_err(|problem| Failure::refused(problem.to_string()))
}

/// A runtime of as many threads as the machine has cores.
///
/// # Errors
/// The system refuses.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("hanse")
        .build()
        .map_err(|error| Failure::from_error(&error))
}

/// A start that failed because of what somebody wrote is a refusal; the rest is the environment.
pub fn failure(error: &NodeError) -> Failure {
    let text = platform::declined::Chain(error).to_string();
    match error {
        NodeError::Zone(_) | NodeError::Drift { .. } => Failure::refused(text),
        _ => Failure::environment(text),
    }
}

fn announce(global: &Global, running: &Running) {
    let output = global.output();
    let node = &running.node;
    let url = format!("http://{}", running.address);
    let xmpp = running.messenger.server.addresses();
    if global.json {
        output.object(&json!({
            "url": url, "metrics": format!("http://{}/metrics", running.metrics_address),
            "zone": node.manifest.zone_id.as_str(), "did": node.issuer.did().to_string(),
            "log_key": node.log_identity.log().to_string(), "data": running.data.path(),
            "bootstrap_token": running.bootstrap,
            "domain": running.messenger.host.domain.as_str(), "xmpp": xmpp.c2s, "xmpp_tls": xmpp.c2s_tls,
            "xmpp_s2s": xmpp.s2s, "xmpp_component": xmpp.component, "certificate_sha256": running.messenger.fingerprint,
        }));
        return;
    }
    output.say(&format!(
        "{name} is up\n\n  API        {url}\n  API doc    {url}/openapi.json\n  health     {url}/health/readiness\n  \
         log        {url}/tlog/checkpoint\n  metrics    http://{metrics}/metrics\n  data       {data}\n  \
         zone key   {did}\n  log key    {log_key}\n",
        name = node.manifest.name,
        metrics = running.metrics_address,
        data = running.data.path().display(),
        did = node.issuer.did(),
        log_key = node.log_identity.log(),
    ));
    if let Some(address) = xmpp.c2s.or(xmpp.c2s_tls) {
        output.say(&format!(
            "  XMPP       {address}, accounts end in @{}\n  TLS        SHA-256 {}\n",
            running.messenger.host.domain, running.messenger.fingerprint,
        ));
    }
    if let Some(token) = &running.bootstrap {
        output.say(&format!(
            "There is no administrator yet. This one-time token makes you the first:\n\n  \
             hanse token redeem {token}\n",
        ));
    }
    output.say("Stop with Ctrl-C.");
}

async fn stop_asked() -> Result<(), Failure> {
    let terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
    let mut terminated = terminated.map_err(|error| Failure::from_error(&error))?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(|error| Failure::from_error(&error)),
        _ = terminated.recv() => Ok(()),
    }
}
