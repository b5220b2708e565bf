//! Tells the outside about notifications: one HTTP POST, signed by the zone.

use std::time::Duration;

use data_encoding::BASE64;
use evidence::key::SigningKey;
use serde_json::Value;

/// How long the receiver may take.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Where to post notifications.
#[derive(Clone, Debug)]
pub struct Webhook {
    url: String,
}

/// The receiver did not take a notification.
#[derive(Debug, thiserror::Error)]
#[error("webhook did not take the notification")]
pub struct WebhookError(#[source] Box<ureq::Error>);

impl Webhook {
    /// Posts to `url`.
    pub fn new(url: String) -> Self {
        Self { url }
    }

    /// Posts one notification. The receiver sees the same id again if the answer was lost, and the
    /// signature (Ed25519 over the body, by the key of the zone's DID) tells it who speaks.
    ///
    /// # Errors
    /// The receiver cannot be reached in time, or answers with an error status.
    pub fn post(&self, id: &str, body: &Value, key: &SigningKey) -> Result<(), WebhookError> {
        let text = body.to_string();
        let signature = BASE64.encode(key.sign(text.as_bytes()).as_bytes());
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(TIME_MAX))
            .build();
        ureq::Agent::from(agent)
            .post(&self.url)
            .header("content-type", "application/json")
            .header("hanse-notification-id", id)
            .header("hanse-signature", &signature)
            .header("hanse-signer", &key.did().to_string())
            .send(text)
            .map(drop)
            .map_err(|error| WebhookError(Box::new(error)))
    }
}
