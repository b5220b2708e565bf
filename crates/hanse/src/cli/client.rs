//! Talking to a running zone.
//!
//! Redeeming the bootstrap token leaves a client file in the data folder: the address of the zone, the principal and
//! its key. With it, the command line gets a fresh token by itself when the old one ends.

use api::health::Readiness;
use api::problem::ProblemBody;
use api::tokens::{ExchangeAssertion, IssuedToken};
use ids::PrincipalId;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use evidence::key::SigningKey;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ureq::Agent;
use ureq::http::Response;
use zeroize::Zeroizing;

use super::{Failure, Global};
use crate::keystore::{Replace, write_private};
use platform::auth::token::Assertion;
use platform::clock::Clock;

const URL_DEFAULT: &str = "http://127.0.0.1:8080";
const TIME_MAX: Duration = Duration::from_secs(60);
const ANSWER_BYTES_MAX: u64 = 256 << 20;
/// How often a write is sent when its answer is lost; the key makes that safe.
const ATTEMPTS_MAX: u32 = 3;
/// Bodies longer than this are sent after the zone said that it will read them.
const ASK_FIRST_BYTES: usize = 1 << 20;

/// What the command line remembers of one zone. It holds a key, so it is written with mode 0600.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientFile {
    /// Where the zone is.
    pub url: String,
    /// The zone's id, the audience of its tokens.
    pub zone: String,
    /// Who the command line acts as.
    pub principal: PrincipalId,
    /// The seed of the principal's key, in base64url.
    pub seed: Zeroizing<String>,
    /// The token got last.
    pub token: Zeroizing<String>,
    /// The first second at which it is not valid.
    pub token_expires_s: i64,
}

impl ClientFile {
    /// Reads the file, if there is one.
    ///
    /// # Errors
    /// Others may read it, or it is not of this form.
    pub fn read(path: &Path) -> Result<Option<Self>, Failure> {
        let text = match std::fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => Zeroizing::new(other.map_err(|error| unusable(path, &error.to_string()))?),
        };
        let metadata =
            std::fs::metadata(path).map_err(|error| unusable(path, &error.to_string()))?;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(unusable(path, "others may read it; chmod 600 it"));
        }
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|_| unusable(path, "it is not of the known form"))
    }

    /// Writes the file whole.
    ///
    /// # Errors
    /// The system refused.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = Zeroizing::new(serde_json::to_vec(self).expect("texts and numbers are JSON"));
        write_private(path, &text, Replace::Atomically)
            .map_err(|(action, error)| unusable(path, &format!("it cannot be {action}: {error}")))
    }

    fn key(&self) -> Option<SigningKey> {
        let bytes = Zeroizing::new(BASE64URL_NOPAD.decode(self.seed.as_bytes()).ok()?);
        bytes.as_slice().try_into().ok().map(SigningKey::from_seed)
    }
}

fn unusable(path: &Path, why: &str) -> Failure {
    Failure::environment(format!(
        "client file {} cannot be used: {why}",
        path.display()
    ))
}

/// What a zone answered: as it is, for programs, and as the type that it is on the wire.
#[derive(Clone, Debug)]
pub struct Answer<T> {
    /// Every member, also those of a newer zone.
    pub raw: Value,
    /// What this version knows of it.
    pub body: T,
}

impl<T: DeserializeOwned> Answer<T> {
    fn of(raw: Value) -> Result<Self, Failure> {
        match T::deserialize(&raw) {
            Ok(body) => Ok(Self { raw, body }),
            Err(error) => Err(Failure::refused(format!(
                "answer is not of its documented form: {error}"
            ))),
        }
    }
}

impl<T: Clone> Answer<Vec<T>> {
    /// The items of a list that comes whole.
    pub fn each(&self) -> Vec<Answer<T>> {
        let raw = self.raw.as_array().into_iter().flatten();
        let items = raw.zip(&self.body);
        items
            .map(|(raw, body)| Answer {
                raw: raw.clone(),
                body: body.clone(),
            })
            .collect()
    }
}

/// A connection to one zone as one principal.
pub struct Client {
    agent: Agent,
    url: String,
    token: Option<Zeroizing<String>>,
}

impl Client {
    /// Who to talk to and with which token: flags, then variables, then the client file.
    ///
    /// # Errors
    /// The client file cannot be used, or the zone gives no token for its key.
    pub fn connect(global: &Global) -> Result<Self, Failure> {
        let path = global.data().client();
        let remembered = match (&global.token, ClientFile::read(&path)) {
            (Some(_), read) => read.unwrap_or_default(),
            (None, read) => read?,
        };
        let url = global
            .url
            .clone()
            .or_else(|| remembered.as_ref().map(|file| file.url.clone()));
        let mut client = Self::anonymous(url);
        client.token = match (&global.token, remembered) {
            (Some(token), _) => Some(Zeroizing::new(token.clone())),
            (None, Some(file)) => Some(client.fresh_token(file, &path)?),
            (None, None) => None,
        };
        Ok(client)
    }

    /// A connection without a token to the zone that [`Client::connect`] talks to.
    pub fn without_token(global: &Global) -> Self {
        let remembered = ClientFile::read(&global.data().client());
        let remembered = remembered.ok().flatten().map(|file| file.url);
        Self::anonymous(global.url.clone().or(remembered))
    }

    /// What a node says of itself; nothing if none answers.
    pub fn readiness(&self) -> Option<Readiness> {
        let url = format!("{}/health/readiness", self.url);
        let mut answer = self.agent.get(url).call().ok()?;
        answer.body_mut().read_json().ok()
    }

    /// A connection without a token.
    pub fn anonymous(url: Option<String>) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIME_MAX));
        let url = url.unwrap_or_else(|| URL_DEFAULT.to_owned());
        Self {
            agent: config.build().into(),
            url: url.trim_end_matches('/').to_owned(),
            token: None,
        }
    }

    /// A connection with a token.
    pub fn with_token(url: &str, token: &str) -> Self {
        let mut client = Self::anonymous(Some(url.to_owned()));
        client.token = Some(Zeroizing::new(token.to_owned()));
        client
    }

    /// Where the zone is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The JSON at a path.
    ///
    /// # Errors
    /// The zone refused, or cannot be reached.
    pub fn get(&self, path: &str) -> Result<Value, Failure> {
        parse(&self.get_bytes(path)?)
    }

    /// What is at a path.
    ///
    /// # Errors
    /// The zone refused, cannot be reached, or answers in another form.
    pub fn read<T: DeserializeOwned>(&self, path: &str) -> Result<Answer<T>, Failure> {
        Answer::of(self.get(path)?)
    }

    /// Every item of a collection, page by page.
    ///
    /// # Errors
    /// The zone refused, cannot be reached, or answers in another form.
    pub fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<Answer<T>>, Failure> {
        self.get_all(path)?.into_iter().map(Answer::of).collect()
    }

    /// Sends a write and reads what came of it.
    ///
    /// # Errors
    /// The zone refused, cannot be reached, or answers in another form.
    pub fn send<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Answer<T>, Failure> {
        Answer::of(self.post(path, body)?)
    }

    /// The bytes at a path.
    ///
    /// # Errors
    /// The zone refused, or cannot be reached.
    pub fn get_bytes(&self, path: &str) -> Result<Vec<u8>, Failure> {
        Ok(self.fetch(path)?.1)
    }

    /// The JSON at a path, and its entity tag.
    ///
    /// # Errors
    /// The zone refused, or cannot be reached.
    pub fn get_tagged(&self, path: &str) -> Result<(Value, Option<String>), Failure> {
        let (tag, bytes) = self.fetch(path)?;
        Ok((parse(&bytes)?, tag))
    }

    /// Every item of a collection, page by page.
    ///
    /// # Errors
    /// The zone refused, or cannot be reached.
    pub fn get_all(&self, path: &str) -> Result<Vec<Value>, Failure> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let mut page = self.get(&format!("{path}{separator}limit=200{cursor}"))?;
            if let Some(rows) = page["items"].as_array_mut() {
                items.append(rows);
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(items),
            }
        }
    }

    /// Sends a write, with a fresh idempotency key, again with the same key while the answer is lost.
    ///
    /// # Errors
    /// The zone refused, or cannot be reached.
    pub fn post(&self, path: &str, body: &impl Serialize) -> Result<Value, Failure> {
        self.write("POST", path, body, None)
    }

    /// Replaces what has this entity tag.
    ///
    /// # Errors
    /// The zone refused, or cannot be reached.
    pub fn put(&self, path: &str, body: &impl Serialize, tag: &str) -> Result<Value, Failure> {
        self.write("PUT", path, body, Some(tag))
    }

    fn write(
        &self,
        method: &str,
        path: &str,
        body: &impl Serialize,
        tag: Option<&str>,
    ) -> Result<Value, Failure> {
        let key = uuid::Uuid::now_v7().to_string();
        let text = serde_json::to_string(body).map_err(|error| Failure::from_error(&error))?;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let url = format!("{}{path}", self.url);
            let request = match method {
                "PUT" => self.agent.put(url),
                _ => self.agent.post(url),
            };
            let mut request = request
                .header("content-type", "application/json")
                .header("idempotency-key", &key);
            if let Some(tag) = tag {
                request = request.header("if-match", tag);
            }
            if text.len() > ASK_FIRST_BYTES {
                // A zone that refuses by the head closes the connection under a body that it never
                // reads, and the refusal would be lost with it (RFC 9110 section 10.1.1).
                request = request.header("expect", "100-continue");
            }
            if let Some(token) = &self.token {
                request = request.header("authorization", format!("Bearer {}", token.as_str()));
            }
            match request.send(text.as_str()) {
                Ok(answer) => return parse(&accepted(answer)?.1),
                Err(_) if attempts < ATTEMPTS_MAX => {}
                Err(error) => return Err(self.unreachable(&error)),
            }
        }
    }

    fn fetch(&self, path: &str) -> Result<(Option<String>, Vec<u8>), Failure> {
        let mut request = self.agent.get(format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {}", token.as_str()));
        }
        accepted(request.call().map_err(|error| self.unreachable(&error))?)
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        Failure::environment(format!(
            "no zone answers at {}: {error}; is `hanse up` running?",
            self.url
        ))
    }

    /// The remembered token while it lasts, then one for the remembered key.
    fn fresh_token(&self, mut file: ClientFile, path: &Path) -> Result<Zeroizing<String>, Failure> {
        let now_s = Clock::system().now_ms().div_euclid(1000);
        if now_s + 10 < file.token_expires_s {
            return Ok(file.token);
        }
        let key = file
            .key()
            .ok_or_else(|| unusable(path, "its key is not 32 bytes"))?;
        let assertion = Assertion {
            iss: file.principal.clone(),
            sub: file.principal.clone(),
            aud: file.zone.clone(),
            exp: now_s + 60,
            iat: now_s,
            jti: uuid::Uuid::now_v7().to_string(),
        };
        let request = ExchangeAssertion {
            assertion: assertion.seal(&key),
        };
        let issued: Answer<IssuedToken> = self.send("/v1/tokens/exchange", &request)?;
        file.token = Zeroizing::new(issued.body.token);
        file.token_expires_s = issued.body.view.expires_s;
        file.write(path)?;
        Ok(file.token)
    }
}

fn accepted(mut answer: Response<ureq::Body>) -> Result<(Option<String>, Vec<u8>), Failure> {
    let tag = answer
        .headers()
        .get("etag")
        .and_then(|tag| tag.to_str().ok())
        .map(str::to_owned);
    let status = answer.status();
    let bytes = answer
        .body_mut()
        .with_config()
        .limit(ANSWER_BYTES_MAX)
        .read_to_vec();
    let bytes =
        bytes.map_err(|error| Failure::environment(format!("answer was cut off: {error}")))?;
    if status.is_success() {
        return Ok((tag, bytes));
    }
    Err(match serde_json::from_slice::<ProblemBody>(&bytes) {
        Ok(problem) => Failure::problem(problem),
        Err(_) => Failure::refused(format!("the zone answered {status} and no problem")),
    })
}

fn parse(bytes: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(bytes)
        .map_err(|error| Failure::refused(format!("answer is not JSON: {error}")))
}
