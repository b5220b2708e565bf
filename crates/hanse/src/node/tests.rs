//! That the API document names every route of a node.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::Path;

use super::*;
use crate::cli::init::PassphraseArgs;
use crate::cli::up::set_up_sample;

/// The routes that the API document leaves out, and what describes them.
const BESIDE: [(&str, &str); 11] = [
    ("/.well-known/host-meta", "XEP-0156"),
    ("/.well-known/host-meta.json", "XEP-0156"),
    ("/breathe", "a page"),
    ("/breathe/", "a page"),
    ("/breathe/screen.json", "a part of the page"),
    ("/breathe/{*name}", "a part of the page"),
    ("/http-bind", "XEP-0206"),
    ("/openapi.json", "the document itself"),
    ("/tlog/tile/{*path}", "C2SP tlog-tiles"),
    ("/upload/{slot}/{name}", "XEP-0363"),
    ("/xmpp", "RFC 7395"),
];

/// axum tells its paths only in its debug text: `RouteId(7): "/health/liveness"`. Fallbacks are no routes.
fn paths(router: &Router) -> BTreeSet<String> {
    let told = format!("{router:?}");
    let (routes, _) = told.split_once("fallback_router").unwrap();
    let after_ids = routes.split("RouteId(").skip(1);
    let quoted = after_ids.filter_map(|text| text.split_once("): \""));
    quoted
        .filter(|(id, _)| id.parse::<u32>().is_ok())
        .map(|(_, text)| text.split('"').next().unwrap().to_owned())
        .collect()
}

async fn running(folder: &Path) -> Running {
    let data = DataDir::new(folder.join("zone"));
    let packs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs");
    set_up_sample(&data, Some(&packs), &PassphraseArgs::default()).unwrap();
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let settings = Settings {
        data,
        http: HttpConfig {
            address: free,
            metrics_address: free,
            ..HttpConfig::default()
        },
        public_url: None,
        webhook: None,
        passphrase: None,
        xmpp: XmppConfig::silent(),
        parts: Parts::All,
        breath_days: None,
    };
    start(settings).await.unwrap()
}

#[tokio::test]
async fn every_route_of_a_node_is_in_the_document_or_described_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let running = running(folder.path()).await;
    let (router, document) = application(&running.node, &running.messenger, Parts::All);
    let mut named: BTreeSet<_> = document.paths.paths.into_keys().collect();
    for (path, _) in BESIDE {
        assert!(named.insert(path.to_owned()), "{path} is documented");
    }
    assert_eq!(paths(&router), named);
    running.shutdown().await;
}
