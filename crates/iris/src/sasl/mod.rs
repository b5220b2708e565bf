//! Signing in (RFC 6120 6): the server's side of every mechanism, as a machine that asks its owner for
//! credentials. Nothing here tells an account that does not exist from a wrong password.

use jid::{BareJid, DomainPart, Jid};

pub mod credentials;
mod oauth;
mod plain;
mod scram;

pub use credentials::{Credentials, Hash, ITERATIONS, Keys};

/// How a client proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mechanism {
    /// RFC 7677 with channel binding.
    ScramSha256Plus,
    /// RFC 5802 with channel binding.
    ScramSha1Plus,
    /// RFC 7677.
    ScramSha256,
    /// RFC 5802.
    ScramSha1,
    /// RFC 7628: a bearer token.
    OauthBearer,
    /// RFC 4616: the password itself, inside TLS only.
    Plain,
}

impl Mechanism {
    /// Every mechanism, strongest first.
    pub const ALL: &[Self] = &[
        Self::ScramSha256Plus,
        Self::ScramSha1Plus,
        Self::ScramSha256,
        Self::ScramSha1,
        Self::OauthBearer,
        Self::Plain,
    ];

    /// The registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::ScramSha1Plus => "SCRAM-SHA-1-PLUS",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::OauthBearer => "OAUTHBEARER",
            Self::Plain => "PLAIN",
        }
    }

    fn scram(self) -> Option<(Hash, bool)> {
        match self {
            Self::ScramSha256Plus => Some((Hash::Sha256, true)),
            Self::ScramSha1Plus => Some((Hash::Sha1, true)),
            Self::ScramSha256 => Some((Hash::Sha256, false)),
            Self::ScramSha1 => Some((Hash::Sha1, false)),
            Self::OauthBearer | Self::Plain => None,
        }
    }
}

/// What a stream can offer.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Accounts are of this domain.
    pub domain: DomainPart,
    /// What TLS exports (RFC 9266); `None` where there is nothing to bind to.
    pub exporter: Option<[u8; 32]>,
    /// Whether bearer tokens can be checked.
    pub takes_tokens: bool,
    /// The server's part of the nonce: fresh for every try, printable, no comma.
    pub nonce: String,
    /// Makes salts for accounts that do not exist.
    pub salt_key: [u8; 32],
}

impl Offer {
    /// The mechanisms a stream inside TLS offers, strongest first.
    pub fn mechanisms(&self) -> impl Iterator<Item = Mechanism> + '_ {
        Mechanism::ALL
            .iter()
            .copied()
            .filter(|mechanism| match mechanism {
                Mechanism::ScramSha256Plus | Mechanism::ScramSha1Plus => self.exporter.is_some(),
                Mechanism::OauthBearer => self.takes_tokens,
                Mechanism::ScramSha256 | Mechanism::ScramSha1 | Mechanism::Plain => true,
            })
    }
}

/// Why signing in failed (RFC 6120 6.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The client gave up.
    #[error("the client gave up")]
    Aborted,
    /// TLS comes first.
    #[error("TLS comes first")]
    EncryptionRequired,
    /// Not base64.
    #[error("the data is not base64")]
    IncorrectEncoding,
    /// It wants to act as somebody else.
    #[error("acting as somebody else is not possible")]
    InvalidAuthzid,
    /// Not offered.
    #[error("the mechanism is not offered")]
    InvalidMechanism,
    /// Not what the mechanism prescribes.
    #[error("the message is not what the mechanism prescribes")]
    MalformedRequest,
    /// Wrong credentials, or no such account.
    #[error("the credentials are wrong")]
    NotAuthorized,
    /// Cannot tell now.
    #[error("the credentials cannot be checked now")]
    TemporaryAuthFailure,
}

impl Failure {
    /// The element's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::EncryptionRequired => "encryption-required",
            Self::IncorrectEncoding => "incorrect-encoding",
            Self::InvalidAuthzid => "invalid-authzid",
            Self::InvalidMechanism => "invalid-mechanism",
            Self::MalformedRequest => "malformed-request",
            Self::NotAuthorized => "not-authorized",
            Self::TemporaryAuthFailure => "temporary-auth-failure",
        }
    }
}

/// What comes next in an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this, and continue with [`Exchange::response`].
    Challenge(Vec<u8>),
    /// Continue with [`Exchange::credentials`] of this account.
    LookUp(BareJid),
    /// Continue with [`Exchange::token_checked`].
    CheckToken(String),
    /// Proven.
    Success {
        /// Who.
        account: BareJid,
        /// What the mechanism sends along.
        data: Option<Vec<u8>>,
    },
    /// Not proven.
    Failure(Failure),
}

/// One try to sign in.
#[derive(Debug)]
pub struct Exchange {
    offer: Offer,
    mechanism: Mechanism,
    account: Option<BareJid>,
    state: State,
}

#[derive(Debug)]
enum State {
    Start,
    Scram(scram::First),
    ScramProof(scram::Challenged),
    Plain(plain::Password),
    Token {
        authzid: Option<BareJid>,
    },
    /// The client was told why its token is refused and will acknowledge that (RFC 7628 3.2.3).
    TokenRefused,
    Over,
}

impl Exchange {
    /// Begins; the mechanism's first message goes to [`Exchange::response`].
    ///
    /// # Errors
    /// The mechanism is not offered.
    pub fn new(mechanism: &str, offer: Offer) -> Result<Self, Failure> {
        let mechanism = offer
            .mechanisms()
            .find(|m| m.name() == mechanism)
            .ok_or(Failure::InvalidMechanism)?;
        Ok(Self {
            offer,
            mechanism,
            account: None,
            state: State::Start,
        })
    }

    /// The mechanism of this try.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// The account that was named so far; it may not exist.
    pub fn account(&self) -> Option<&BareJid> {
        self.account.as_ref()
    }

    /// Takes a message of the client.
    pub fn response(&mut self, data: &[u8]) -> Step {
        self.take_response(data).unwrap_or_else(Step::Failure)
    }

    fn take_response(&mut self, data: &[u8]) -> Result<Step, Failure> {
        match (
            std::mem::replace(&mut self.state, State::Over),
            self.mechanism,
        ) {
            (State::Start, Mechanism::Plain) => {
                let (authzid, user, password) = plain::parse(data)?;
                self.state = State::Plain(password);
                self.look_up(&user, authzid)
            }
            (State::Start, Mechanism::OauthBearer) => {
                let (authzid, token) = oauth::parse(data)?;
                let authzid = authzid.map(|a| self.address(&a)).transpose()?;
                self.state = State::Token { authzid };
                Ok(Step::CheckToken(token))
            }
            (State::Start, mechanism) => {
                let (hash, is_plus) = mechanism.scram().ok_or(Failure::InvalidMechanism)?;
                let first = scram::First::parse(data, hash, is_plus, self.offer.exporter)?;
                let (user, authzid) = (first.user().to_owned(), first.authzid());
                self.state = State::Scram(first);
                self.look_up(&user, authzid)
            }
            (State::ScramProof(challenged), _) => {
                let signature = challenged.finish(data)?;
                self.success(Some(signature))
            }
            _ => Err(Failure::NotAuthorized),
        }
    }

    /// Answers [`Step::LookUp`]: `None` when there is no such account or it may not sign in.
    pub fn credentials(&mut self, found: Option<&Credentials>) -> Step {
        let result = match std::mem::replace(&mut self.state, State::Over) {
            State::Scram(first) => Ok(self.challenge(first, found)),
            State::Plain(password) if password.fits(found, &self.offer.salt_key) => {
                self.success(None)
            }
            _ => Err(Failure::NotAuthorized),
        };
        result.unwrap_or_else(Step::Failure)
    }

    fn challenge(&mut self, first: scram::First, found: Option<&Credentials>) -> Step {
        let fake = Keys::fake(&self.offer.salt_key, first.user(), first.hash());
        let keys = found.map_or(&fake, |credentials| credentials.keys(first.hash()));
        let (challenged, message) = first.challenge(keys, found.is_some(), &self.offer.nonce);
        self.state = State::ScramProof(challenged);
        Step::Challenge(message)
    }

    /// Answers [`Step::CheckToken`]: whose token it is.
    pub fn token_checked(&mut self, owner: Option<BareJid>) -> Step {
        let State::Token { authzid } = std::mem::replace(&mut self.state, State::Over) else {
            return Step::Failure(Failure::NotAuthorized);
        };
        match owner {
            Some(owner) if authzid.as_ref().is_none_or(|a| *a == owner) => {
                self.account = Some(owner);
                self.success(None).unwrap_or_else(Step::Failure)
            }
            _ => {
                self.account = authzid;
                self.state = State::TokenRefused;
                Step::Challenge(oauth::REFUSAL.to_vec())
            }
        }
    }

    fn success(&mut self, data: Option<Vec<u8>>) -> Result<Step, Failure> {
        let account = self.account.clone().ok_or(Failure::NotAuthorized)?;
        Ok(Step::Success { account, data })
    }

    fn look_up(&mut self, user: &str, authzid: Option<String>) -> Result<Step, Failure> {
        let account = self.address(user)?;
        if let Some(authzid) = authzid
            && Jid::new(&authzid).map(|jid| jid.to_bare()) != Ok(account.clone())
        {
            return Err(Failure::InvalidAuthzid);
        }
        self.account = Some(account.clone());
        Ok(Step::LookUp(account))
    }

    /// The account of a user name; a name that is a whole address of this domain is taken as that.
    fn address(&self, user: &str) -> Result<BareJid, Failure> {
        let bare = match user.split_once('@') {
            Some((_, domain)) if domain == self.offer.domain.as_str() => BareJid::new(user),
            Some(_) => return Err(Failure::NotAuthorized),
            None => jid::NodePart::new(user)
                .map(|node| BareJid::from_parts(Some(&node), &self.offer.domain)),
        };
        bare.map_err(|_| Failure::NotAuthorized)
    }
}

#[cfg(test)]
mod tests;
