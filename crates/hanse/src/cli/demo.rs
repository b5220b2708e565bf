//! `hanse demo`: one company formed, one blocked, one to review, on a zone of its own, and a bundle that
//! verifies without it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;
use evidence::bundle::{self, Trust};
use evidence::credential::Builder;
use evidence::data_integrity::{self, ProofPurpose};
use evidence::did::DidKey;
use evidence::key::SigningKey;
use evidence::note::NoteVerifier;
use jiff::Timestamp;
use law::compliance::EVIDENCE_CREDENTIAL_TYPE;
use serde_json::{Value, json};

use super::client::Client;
use super::init::PassphraseArgs;
use super::output::Output;
use super::up::{failure, import_sample_list, runtime, set_up_sample};
use super::{Failure, Global};
use crate::config::{DataDir, HttpConfig};
use crate::iris::settings::{Parts, XmppConfig};
use crate::node::{Running, Settings, start};
use crate::sample::Authorities;
use platform::clock::Clock;

/// Walk through forming a company on a zone of its own: one formed, one blocked, one to review.
#[derive(Debug, Args)]
pub struct Demo {
    /// Where to leave the evidence bundle of the company that was formed.
    #[arg(long, value_name = "FILE", default_value = "hanse-demo-bundle.json")]
    out: PathBuf,
    /// The folder of packs to take the sample from.
    #[arg(long, value_name = "DIR")]
    packs: Option<PathBuf>,
}

/// Who acts in the demo, each with a token of its own.
struct Cast {
    registrar: Client,
    reviewer: Client,
    regulator: Client,
}

/// An application of the demo.
struct Story {
    legal_name: &'static str,
    owner: &'static str,
    born: &'static str,
    nationality: &'static str,
}

const FORMED: Story = Story {
    legal_name: "Indus Valley Software (Private) Limited",
    owner: "Sobia Qamar Tiwana",
    born: "1984-02-29",
    nationality: "PK",
};
/// On the list of July 2021 under this name and date of birth.
const BLOCKED: Story = Story {
    legal_name: "Sinaloa Mangoes (Private) Limited",
    owner: "Joaquín Guzmán Loera",
    born: "1957-12-25",
    nationality: "MX",
};
/// Close to a listed name, but not it.
const TO_REVIEW: Story = Story {
    legal_name: "Khyber Carpets (Private) Limited",
    owner: "Gulbuddin Hekmat",
    born: "1991-06-15",
    nationality: "PK",
};

impl Demo {
    /// Does it.
    ///
    /// # Errors
    /// Something did not go as the demo says.
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        let folder = temporary()?;
        let data = DataDir::new(&folder);
        set_up_sample(&data, self.packs.as_deref(), &PassphraseArgs::default())?;
        let runtime = runtime()?;
        let running = runtime.block_on(start_demo(data.clone()))?;
        let played = self.play(global.output(), &running, &data);
        runtime.block_on(running.shutdown());
        let removed = fs::remove_dir_all(&folder);
        let told = played?;
        removed.map_err(|error| Failure::from_error(&error))?;
        if global.json {
            global.output().object(&told);
        }
        Ok(())
    }

    fn play(&self, out: Output, running: &Running, data: &DataDir) -> Result<Value, Failure> {
        let authorities = Authorities::read(data).map_err(|error| Failure::from_error(&error))?;
        out.say("A zone of its own is up, with sample law and the OFAC list of July 2021.\n");
        let cast = cast(running)?;

        out.say(&format!("1. {} applies.", FORMED.legal_name));
        let formed = apply(&cast.registrar, &FORMED)?;
        tell_screening(out, &formed);
        out.say(
            "   Authorities attest identity, due diligence and the name; the zone verifies each.",
        );
        attest(&cast.registrar, &authorities, &formed)?;
        let id = text(&formed, "/id");
        cast.reviewer
            .post(&format!("/v1/entities/{id}/review"), &json!({}))?;
        let approved = cast
            .reviewer
            .post(&format!("/v1/entities/{id}/approve"), &json!({}))?;
        out.say(&format!(
            "   A reviewer approves: registered as {}, credential {} issued in the same transaction.\n",
            text(&approved, "/registration_number"),
            text(&approved, "/credential_id"),
        ));

        out.say(&format!(
            "2. {} applies, owned by {}.",
            BLOCKED.legal_name, BLOCKED.owner
        ));
        let blocked = apply(&cast.registrar, &BLOCKED)?;
        tell_screening(out, &blocked);
        let refusal = refused_approval(&cast, &authorities, &blocked)?;
        out.say(&format!("   Approval is refused: {refusal}\n"));

        out.say(&format!(
            "3. {} applies, owned by {}.",
            TO_REVIEW.legal_name, TO_REVIEW.owner
        ));
        let waiting = apply(&cast.registrar, &TO_REVIEW)?;
        tell_screening(out, &waiting);
        let cases = tell_cases(out, &cast, &waiting)?;

        let known = cast.regulator.get("/v1/zone")?;
        let bundle = cast
            .regulator
            .get_bytes(&format!("/v1/entities/{id}/bundle"))?;
        fs::write(&self.out, &bundle).map_err(|error| Failure::from_error(&error))?;
        out.say("4. A regulator, read-only, takes the evidence of the first company and checks it offline:");
        verify(out, &bundle, &known)?;
        out.say(&format!(
            "\nThe zone is gone; its evidence is not. Check it again, from anywhere:\n\n  hanse verify {} --key {} --log-key '{}'",
            self.out.display(),
            text(&known, "/did"),
            text(&known, "/log_key"),
        ));
        Ok(json!({
            "formed": approved, "blocked": { "entity": blocked, "refusal": refusal },
            "to_review": { "entity": waiting, "cases": cases },
            "bundle": self.out, "did": known["did"], "log_key": known["log_key"],
        }))
    }
}

fn temporary() -> Result<PathBuf, Failure> {
    let name = format!("hanse-demo-{}", uuid::Uuid::now_v7());
    Ok(std::env::temp_dir().join(name))
}

async fn start_demo(data: DataDir) -> Result<Running, Failure> {
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let http = HttpConfig {
        address: free,
        metrics_address: free,
        ..HttpConfig::default()
    };
    let settings = Settings {
        data,
        http,
        public_url: None,
        webhook: None,
        passphrase: None,
        xmpp: XmppConfig::silent(),
        parts: Parts::All,
        breath_days: None,
    };
    let running = start(settings).await.map_err(|error| failure(&error))?;
    import_sample_list(&running).await?;
    Ok(running)
}

/// The first administrator gives everybody a role: who applies does not decide.
fn cast(running: &Running) -> Result<Cast, Failure> {
    let url = format!("http://{}", running.address);
    let invitation = running.bootstrap.as_deref().unwrap_or_default();
    let redeemed = Client::anonymous(Some(url.clone())).post(
        "/v1/bootstrap",
        &json!({ "bootstrap_token": invitation, "id": "administrator", "display_name": "Administrator" }),
    )?;
    let administrator = Client::with_token(&url, &text(&redeemed, "/token"));
    let staff = |role: &str| json!({ "kind": "staff", "roles": [role] });
    let member = |id: &str, standing: Value| {
        let body = json!({ "id": id, "kind": "person", "display_name": id, "standing": standing });
        administrator.post("/v1/principals", &body)?;
        let issued = administrator.post("/v1/tokens", &json!({ "principal": id }))?;
        Ok::<_, Failure>(Client::with_token(&url, &text(&issued, "/token")))
    };
    Ok(Cast {
        registrar: member("registrar", staff("registrar"))?,
        reviewer: member("reviewer", staff("reviewer"))?,
        regulator: member("regulator", json!({ "kind": "regulator" }))?,
    })
}

fn apply(registrar: &Client, story: &Story) -> Result<Value, Failure> {
    let person = |reference: &str, name: &str, born: &str, nationality: &str, passport: &str| {
        json!({
            "ref": reference, "name": name, "date_of_birth": born, "nationality": nationality,
            "identifiers": [{ "kind": "passport", "value": passport }],
        })
    };
    registrar.post(
        "/v1/entities",
        &json!({
            "jurisdiction": "pk", "entity_type": "private-limited", "legal_name": story.legal_name,
            "registered_office": "12 Mall Road, Lahore", "activities": ["general-trading"],
            "persons": [
                person("owner", story.owner, story.born, story.nationality, "ZX1284731"),
                person("second", "Noor Fatima Ansari", "1990-11-03", "PK", "ZX5519283"),
            ],
            "directors": ["owner", "second"],
            "owners": [
                { "person": "owner", "share_bps": 6000 }, { "person": "second", "share_bps": 4000 },
            ],
        }),
    )
}

/// What the pack asks for before a company may be formed, attested by the sample's authorities.
fn attest(registrar: &Client, authorities: &Authorities, entity: &Value) -> Result<(), Failure> {
    let id = text(entity, "/id");
    let company = format!("urn:hanse:entity:{id}");
    let mut wanted = vec![
        (
            authorities.government(),
            company.clone(),
            "pk.name-availability",
        ),
        (authorities.identity(), company, "pk.customer-due-diligence"),
    ];
    let persons = entity["directors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    for person in persons {
        let subject = format!("urn:hanse:person:{person}");
        wanted.push((authorities.identity(), subject, "pk.identity-verification"));
    }
    for (key, subject, kind) in wanted {
        let credential = attestation(&key, &subject, kind)?;
        registrar.post(&format!("/v1/entities/{id}/evidence"), &credential)?;
    }
    Ok(())
}

/// A credential by which an authority attests one thing about one subject.
fn attestation(key: &SigningKey, subject: &str, kind: &str) -> Result<Value, Failure> {
    let now = now()?;
    let unsigned = Builder {
        id: format!("urn:uuid:{}", uuid::Uuid::now_v7()),
        issuer: key.did().to_string(),
        types: vec![EVIDENCE_CREDENTIAL_TYPE.to_owned()],
        subject: json!({ "id": subject, "evidenceKind": kind }),
        valid_from: now,
        valid_until: None,
        status: vec![],
    };
    let unsigned = unsigned
        .build()
        .map_err(|error| Failure::from_error(&error))?;
    data_integrity::sign(unsigned, key, now, ProofPurpose::AssertionMethod)
        .map_err(|error| Failure::from_error(&error))
}

fn now() -> Result<Timestamp, Failure> {
    Timestamp::from_millisecond(Clock::system().now_ms())
        .map_err(|error| Failure::from_error(&error))
}

/// Everything else is in order, and the zone still says no.
fn refused_approval(
    cast: &Cast,
    authorities: &Authorities,
    entity: &Value,
) -> Result<String, Failure> {
    attest(&cast.registrar, authorities, entity)?;
    let id = text(entity, "/id");
    cast.reviewer
        .post(&format!("/v1/entities/{id}/review"), &json!({}))?;
    match cast
        .reviewer
        .post(&format!("/v1/entities/{id}/approve"), &json!({}))
    {
        Ok(_) => Err(Failure::refused(
            "the zone formed a company for a listed person",
        )),
        Err(failure) => Ok(failure.message().to_owned()),
    }
}

fn tell_screening(out: Output, entity: &Value) {
    let parties = entity["parties"].as_array().into_iter().flatten();
    let verdicts: Vec<String> = parties
        .map(|party| {
            let whole = text(party, "/party");
            let kind = whole.split(':').next().unwrap_or_default();
            format!("{kind} {}", text(party, "/verdict"))
        })
        .collect();
    out.say(&format!("   Screened at once: {}.", verdicts.join(", ")));
}

/// The hits that wait for a reviewer, with why.
fn tell_cases(out: Output, cast: &Cast, entity: &Value) -> Result<Vec<Value>, Failure> {
    let id = text(entity, "/id");
    let cases = cast
        .regulator
        .get_all(&format!("/v1/reviews?open=true&entity={id}"))?;
    for case in &cases {
        for hit in case["screening"]["hits"].as_array().into_iter().flatten() {
            out.say(&format!(
                "   A reviewer must decide: “{}” scores {} of 10000 against “{}” ({} {}).",
                text(hit, "/query_name"),
                hit["score_bp"],
                text(hit, "/matched_name"),
                text(hit, "/list"),
                text(hit, "/entry_id"),
            ));
        }
    }
    out.say("");
    Ok(cases)
}

fn verify(out: Output, bytes: &[u8], known: &Value) -> Result<(), Failure> {
    let zone: DidKey = parse(known, "/did")?;
    let log: NoteVerifier = parse(known, "/log_key")?;
    let trust = Trust {
        zone: Some(zone),
        log: Some(log),
        as_of: now()?,
    };
    let verified = bundle::verify(bytes, &trust).map_err(|error| Failure::from_error(&error))?;
    let (events, others): (Vec<_>, Vec<_>) = verified
        .checks
        .iter()
        .map(ToString::to_string)
        .partition(|check| is_of_one_event(check));
    for check in others {
        let mark = if check.ends_with("only the zone says so") {
            '?'
        } else {
            '✓'
        };
        out.say(&format!("   {mark} {check}"));
    }
    out.say(&format!(
        "   ✓ {} more checks: every event and its payload is in the log",
        events.len()
    ));
    Ok(())
}

/// Each event has two such checks; a person needs their number only.
fn is_of_one_event(check: &str) -> bool {
    check.starts_with("event ") || check.starts_with("the payload is")
}

fn parse<T: std::str::FromStr>(value: &Value, pointer: &str) -> Result<T, Failure> {
    let parsed = text(value, pointer).parse();
    parsed.map_err(|_| Failure::refused(format!("the zone's answer has no usable {pointer}")))
}

fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}
