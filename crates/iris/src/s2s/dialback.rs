//! Server dialback (XEP-0220): a domain is who answers under its name.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::xml::Xml;

/// Namespace of dialback's elements.
pub const DIALBACK: &str = "jabber:server:dialback";
/// Namespace of the feature.
pub(super) const FEATURE: &str = "urn:xmpp:features:dialback";

/// What is asserted: that the receiving domain's stream `id` was opened by the originating domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// The domain that opened the stream.
    pub originating: String,
    /// The domain it was opened to.
    pub receiving: String,
    /// The id that the receiving domain gave the stream.
    pub id: String,
    /// The key that only the originating domain can make.
    pub key: String,
}

/// The key of the originating domain (XEP-0185): nothing but `secret` is remembered.
pub fn key(secret: &[u8], receiving: &str, originating: &str, id: &str) -> String {
    let hashed = data_encoding::HEXLOWER.encode(&Sha256::digest(secret));
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(hashed.as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(format!("{receiving} {originating} {id}").as_bytes());
    data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes())
}

impl Assertion {
    /// Whether we made the key.
    pub fn is_ours(&self, secret: &[u8]) -> bool {
        let ours = key(secret, &self.receiving, &self.originating, &self.id);
        ours.as_bytes().ct_eq(self.key.as_bytes()).into()
    }
}

/// `<db:result/>` or `<db:verify/>`, declaring its prefix, without an end that depends on content.
pub(super) fn element(name: &'static str, from: &str, to: &str) -> Xml {
    Xml::new(name)
        .attr("xmlns:db", DIALBACK)
        .attr("from", from)
        .attr("to", to)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of XEP-0185.
    #[test]
    fn keys_are_made_as_the_example_shows() {
        let made = key(
            b"s3cr3tf0rd14lb4ck",
            "xmpp.example.com",
            "example.org",
            "D60000229F",
        );
        assert_eq!(
            made,
            "37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643"
        );
        let assertion = |key: &str| Assertion {
            originating: "example.org".to_owned(),
            receiving: "xmpp.example.com".to_owned(),
            id: "D60000229F".to_owned(),
            key: key.to_owned(),
        };
        assert!(!assertion("").is_ours(b"s3cr3tf0rd14lb4ck"));
        assert!(assertion(&made).is_ours(b"s3cr3tf0rd14lb4ck"));
        assert!(!assertion(&made).is_ours(b"other"));
    }
}
