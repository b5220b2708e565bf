//! The messenger over HTTP, against the real binary: WebSocket, BOSH, discovery of both, files.

use std::fs;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use ureq::Agent;
use ureq::http::Response;

use crate::iris_bed::{Bed, WebSocket, attribute, plain};
use crate::j8::files_with;

#[test]
fn a_web_client_talks_and_resumes_over_a_websocket() {
    let mut bed = Bed::start();
    bed.account("ann");
    bed.account("ben");
    let mut ann = bed.session("ann");
    let mut ben = bed.session("ben");
    ben.say("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    let name = attribute(&ben.until("<enabled"), "id");

    ann.write("ben@localhost", "first");
    let heard = ben.until("<body>first</body>");
    assert!(
        heard.starts_with("<message xmlns='jabber:client' "),
        "each message stands alone: {heard}"
    );
    assert_eq!(attribute(&heard, "from"), "ann@localhost/web");

    // The browser loses its network; a message comes; the page comes back.
    let handled = 1;
    drop(ben);
    ann.write("ben@localhost", "second");
    let mut back = bed.socket();
    back.authenticate("PLAIN", &plain("ben", &crate::iris_bed::password("ben")));
    back.say(&format!(
        "<resume xmlns='urn:xmpp:sm:3' previd='{name}' h='{handled}'/>"
    ));
    back.until("<resumed");
    back.until("<body>second</body>");
    let rest = back.meanwhile().concat();
    assert!(!rest.contains("<body>"), "nothing comes twice: {rest}");

    back.say("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
    back.until("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'");
    assert_eq!(back.hear(), None, "the connection ends with the stream");
}

#[test]
fn a_websocket_of_another_kind_is_refused_and_a_wrong_password_is_no_sign_in() {
    let mut bed = Bed::start();
    bed.account("ann");
    for protocol in [None, Some("mqtt")] {
        assert_eq!(
            WebSocket::connect(&bed.node, protocol, None).err(),
            Some(400)
        );
    }
    let mut bytes = bed.socket();
    bytes.say_bytes(b"<close/>");
    while bytes.hear().is_some() {}

    let mut stranger = bed.socket();
    let answer = stranger.try_authenticate("PLAIN", &plain("ann", "not the password"));
    assert!(answer.contains("<not-authorized"), "{answer}");
    let same = stranger.try_authenticate("PLAIN", &plain("nobody", "not the password"));
    assert_eq!(answer, same, "who exists is not told");

    let mut greedy = bed.socket();
    greedy.say(&format!("<a>{}</a>", "x".repeat(400_000)));
    greedy.until("<policy-violation");
}

/// Sign-in is in the messages and no cookie is read, so a page gains nothing by whose it is: every origin is alike.
#[test]
fn a_page_from_elsewhere_may_connect_and_has_no_rights_by_it() {
    let mut bed = Bed::start();
    bed.account("ann");
    let elsewhere = Some("https://elsewhere.example");
    let mut page = WebSocket::connect(&bed.node, Some("xmpp"), elsewhere).unwrap();
    page.say("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>");
    page.until("<stream:features");
    page.say("<iq xmlns='jabber:client' type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
    page.until("<stream:error");

    let answer = bed
        .agent
        .options(bed.node.url("/http-bind"))
        .header("origin", "https://elsewhere.example")
        .header("access-control-request-method", "POST")
        .call()
        .unwrap();
    assert_eq!(answer.status(), 204);
    let headers = answer.headers();
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert!(!headers.contains_key("access-control-allow-credentials"));
}

/// One BOSH session of a client that waits for each answer.
struct Bosh {
    agent: Agent,
    url: String,
    sid: String,
    rid: u64,
}

impl Bosh {
    fn open(bed: &Bed) -> (Self, String) {
        let mut bosh = Self {
            agent: bed.agent.clone(),
            url: bed.node.url("/http-bind"),
            sid: String::new(),
            rid: 1_573_741_820,
        };
        let body = bosh.post(
            "<body rid='1573741820' to='localhost' ver='1.6' wait='2' hold='1' xml:lang='en' xmpp:version='1.0' \
             xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh'/>",
        );
        bosh.sid = attribute(&body, "sid");
        (bosh, body)
    }

    fn post(&self, body: &str) -> String {
        let answer = self
            .agent
            .post(&self.url)
            .content_type("text/xml")
            .send(body);
        text_of(answer.unwrap())
    }

    /// The next request, with these attributes and elements.
    fn request(&self, attributes: &str, elements: &str) -> String {
        format!(
            "<body rid='{}' sid='{}' {attributes} xmlns='http://jabber.org/protocol/httpbind' \
             xmlns:xmpp='urn:xmpp:xbosh'>{elements}</body>",
            self.rid, self.sid
        )
    }

    fn say(&mut self, attributes: &str, elements: &str) -> String {
        self.rid += 1;
        let request = self.request(attributes, elements);
        self.post(&request)
    }

    /// Says it, and goes on asking until an answer holds `wanted`.
    #[track_caller]
    fn until(&mut self, elements: &str, wanted: &str) -> String {
        let mut answer = self.say("", elements);
        for _ in 0..20 {
            if answer.contains(wanted) {
                return answer;
            }
            assert!(!answer.contains("terminate"), "{answer}");
            answer = self.say("", "");
        }
        panic!("no answer holds {wanted}");
    }
}

fn text_of(mut answer: Response<ureq::Body>) -> String {
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    answer.body_mut().read_to_string().unwrap()
}

#[test]
fn a_web_client_talks_over_plain_requests() {
    let mut bed = Bed::start();
    bed.account("ann");
    bed.account("ben");
    let mut ann = bed.session("ann");
    let (mut ben, first) = Bosh::open(&bed);
    assert!(
        first.contains("<stream:features") && first.contains("hold='1'"),
        "{first}"
    );
    let initial = plain("ben", &crate::iris_bed::password("ben"));
    ben.until(
        &format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{initial}</auth>"
        ),
        "<success",
    );
    let again = ben.say("to='localhost' xmpp:restart='true'", "");
    assert!(
        again.contains("urn:ietf:params:xml:ns:xmpp-bind"),
        "{again}"
    );
    ben.until(
        "<iq type='set' id='b' xmlns='jabber:client'>\
         <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>bosh</resource></bind></iq>",
        "ben@localhost/bosh",
    );
    ben.until(
        "<presence xmlns='jabber:client'/><message xmlns='jabber:client' to='ann@localhost' type='chat'>\
         <body>by request</body></message>",
        "<body",
    );
    ann.until("<body>by request</body>");
    ann.write("ben@localhost", "by socket");
    ben.until("", "<body>by socket</body>");

    // A request that was sent twice is answered alike and done once.
    let doubled =
        "<message xmlns='jabber:client' to='ann@localhost' type='chat'><body>once</body></message>";
    let answer = ben.say("", doubled);
    let request = ben.request("", doubled);
    assert_eq!(ben.post(&request), answer);
    ann.until("<body>once</body>");
    assert!(!ann.meanwhile().concat().contains("<body>once</body>"));

    let end = ben.say(
        "type='terminate'",
        "<presence type='unavailable' xmlns='jabber:client'/>",
    );
    assert!(end.contains("type='terminate'"), "{end}");
    let gone = ben.say("", "");
    assert!(gone.contains("item-not-found"), "{gone}");
}

#[test]
fn a_bosh_request_that_fits_no_session_is_told_why() {
    let bed = Bed::start();
    let (bosh, _) = Bosh::open(&bed);
    let answer = bosh.post("<html/>");
    assert!(answer.contains("condition='bad-request'"), "{answer}");
    let stranger = Bosh {
        sid: "bosh-unknown".to_owned(),
        agent: bed.agent.clone(),
        url: bosh.url.clone(),
        rid: bosh.rid + 1,
    };
    let answer = stranger.post(&stranger.request("", ""));
    assert!(answer.contains("condition='item-not-found'"), "{answer}");
}

#[test]
fn clients_find_websocket_and_bosh_by_the_name_of_the_node() {
    let bed = Bed::start();
    let fetch = |path: &str| text_of(bed.agent.get(bed.node.url(path)).call().unwrap());
    let xrd = fetch("/.well-known/host-meta");
    let json: serde_json::Value =
        serde_json::from_str(&fetch("/.well-known/host-meta.json")).unwrap();
    let mut links = Vec::new();
    for link in json["links"].as_array().unwrap() {
        let href = link["href"].as_str().unwrap();
        assert!(xrd.contains(href), "{xrd}");
        links.push((link["rel"].as_str().unwrap(), href.to_owned()));
    }
    let socket = bed.node.url("/xmpp").replacen("http", "ws", 1);
    assert_eq!(
        links,
        [
            ("urn:xmpp:alt-connections:websocket", socket),
            ("urn:xmpp:alt-connections:xbosh", bed.node.url("/http-bind")),
        ]
    );
}

/// (where to put, where to get) a file of that size.
#[track_caller]
fn slot(client: &mut WebSocket, size: usize) -> (String, String) {
    client.say(&format!(
        "<iq xmlns='jabber:client' type='get' id='slot' to='upload.localhost'><request xmlns='urn:xmpp:http:upload:0' \
         filename='letter.txt' size='{size}' content-type='text/plain'/></iq>"
    ));
    let answer = client.until("id='slot'");
    let url = |name: &str| {
        let (_, rest) = answer.split_once(&format!("<{name} ")).unwrap();
        attribute(&format!(" {rest}"), "url")
    };
    (url("put"), url("get"))
}

#[test]
fn a_file_is_put_once_with_its_exact_size_and_lies_sealed() {
    let mut bed = Bed::start();
    bed.account("ann");
    let mut ann = bed.session("ann");
    let canary = "CANARY-of-a-file-8c1f";
    let text = canary.repeat(5_000);
    let put = |url: &str, body: &str| bed.agent.put(url).send(body).unwrap().status().as_u16();
    let (to, from) = slot(&mut ann, text.len());
    assert_eq!(bed.agent.get(&from).call().unwrap().status(), 404);
    assert_eq!(put(&to, &text[1..]), 413, "too short");
    assert_eq!(put(&to, &format!("{text}x")), 413, "too long");
    assert_eq!(put(&to.replace("/upload/", "/upload/x"), &text), 404);
    assert_eq!(put(&to, &text), 201);
    assert_eq!(put(&to, &text), 409, "a slot takes one file");

    let mut answer = bed.agent.get(&from).call().unwrap();
    let headers = answer.headers();
    assert_eq!(headers["content-disposition"], "attachment");
    assert_eq!(headers["content-type"], "text/plain");
    assert!(
        headers["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("sandbox")
    );
    assert_eq!(answer.body_mut().read_to_string().unwrap(), text);

    // The search finds what is there: the same bytes beside the node's files.
    fs::write(bed.data().join("control"), &text).unwrap();
    assert_eq!(
        files_with(&bed.data(), canary),
        [bed.data().join("control")]
    );
    fs::remove_file(bed.data().join("control")).unwrap();
    assert!(files_with(&bed.data(), "CANARY-of").is_empty());
    let kept: Vec<_> = fs::read_dir(bed.data().join("uploads")).unwrap().collect();
    assert_eq!(kept.len(), 1, "refused bodies leave nothing behind");

    // It is there after kill -9, however old it is, and gone with its owner; then the sweep removes what is left of it.
    let hours_ago = SystemTime::now() - Duration::from_secs(2 * 3600);
    let file = kept.into_iter().next().unwrap().unwrap().path();
    let age = || {
        let file = fs::File::options().append(true).open(&file).unwrap();
        file.set_modified(hours_ago).unwrap();
    };
    age();
    bed.crash();
    let from = bed.node.url(&from[from.find("/upload/").unwrap()..]);
    let mut answer = bed.agent.get(&from).call().unwrap();
    assert_eq!(answer.body_mut().read_to_string().unwrap(), text);
    let why = serde_json::json!({"reason": "subject_request"});
    bed.done("/v1/iris/accounts/ann@localhost/erase", &why);
    assert_eq!(bed.agent.get(&from).call().unwrap().status(), 404);
    age();
    bed.crash();
    let until = Instant::now() + Duration::from_secs(20);
    while file.exists() {
        assert!(Instant::now() < until, "the sweep left the file");
        thread::yield_now();
    }
}
