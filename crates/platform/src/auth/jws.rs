//! Compact JWS (RFC 7515) with one algorithm, `EdDSA` over Ed25519 (RFC 8037).
//!
//! The algorithm is not negotiated: a header that names another one, or has any member beyond `alg`, `kid` and `typ`,
//! is refused before a signature is looked at (RFC 8725 section 3.1).

use data_encoding::BASE64URL_NOPAD;
use evidence::canonical;
use evidence::key::{Signature, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

/// Longest compact form that is read, in bytes.
pub const TEXT_BYTES_MAX: usize = 4096;

/// What the payload is, as stated in `typ`, so that one kind cannot be passed off as another (RFC 8725 section 3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An access token (RFC 9068).
    AccessToken,
    /// A statement by which a principal proves its key (RFC 7523).
    Assertion,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "at+jwt",
            Self::Assertion => "assertion+jwt",
        }
    }
}

/// Why a text is not a JWS of this kind by this key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwsRefusal {
    /// Longer than [`TEXT_BYTES_MAX`].
    #[error("token is longer than {TEXT_BYTES_MAX} bytes")]
    TooLong,
    /// Not three parts of unpadded base64url.
    #[error("token is not three parts of base64url")]
    NotCompact,
    /// The header is not a closed, strict JSON object of `alg`, `kid` and `typ`.
    #[error("token header is not of the one accepted form")]
    Header,
    /// The header names another algorithm.
    #[error("token names an algorithm other than EdDSA")]
    Algorithm,
    /// The header names another kind of token.
    #[error("token is of another kind")]
    WrongKind,
    /// The header names another key.
    #[error("token was signed by another key")]
    OtherKey,
    /// The key did not sign this.
    #[error("token signature does not match")]
    Signature,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    typ: String,
}

/// Signs canonical JSON bytes.
pub fn sign(key: &SigningKey, kind: Kind, payload: &[u8]) -> String {
    let header = Header {
        alg: "EdDSA".to_owned(),
        kid: key.did().verification_method(),
        typ: kind.as_str().to_owned(),
    };
    let header = canonical::to_vec_of(&header).expect("a header of three texts is canonical JSON");
    let signed = format!(
        "{}.{}",
        BASE64URL_NOPAD.encode(&header),
        BASE64URL_NOPAD.encode(payload)
    );
    let signature = key.sign(signed.as_bytes());
    format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_bytes()))
}

/// The payload bytes, if `key` signed them as this kind.
///
/// # Errors
/// The first reason to refuse, in the order of [`JwsRefusal`].
pub fn verify(text: &str, kind: Kind, key: &VerifyingKey) -> Result<Vec<u8>, JwsRefusal> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(JwsRefusal::TooLong);
    }
    let decode = |part: &str| {
        BASE64URL_NOPAD
            .decode(part.as_bytes())
            .map_err(|_| JwsRefusal::NotCompact)
    };
    let (signed, signature) = text.rsplit_once('.').ok_or(JwsRefusal::NotCompact)?;
    let (header, payload) = signed.split_once('.').ok_or(JwsRefusal::NotCompact)?;
    let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);
    let header = canonical::parse(&header).map_err(|_| JwsRefusal::Header)?;
    let header: Header = serde_json::from_value(header).map_err(|_| JwsRefusal::Header)?;
    if header.alg != "EdDSA" {
        return Err(JwsRefusal::Algorithm);
    }
    if header.typ != kind.as_str() {
        return Err(JwsRefusal::WrongKind);
    }
    if header.kid != evidence::did::DidKey::from(*key).verification_method() {
        return Err(JwsRefusal::OtherKey);
    }
    let signature = <[u8; 64]>::try_from(signature).map_err(|_| JwsRefusal::Signature)?;
    key.verify(signed.as_bytes(), &Signature::from_bytes(signature))
        .map_err(|_| JwsRefusal::Signature)?;
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_seed([7; 32])
    }

    /// A JWS whose signature is right, whatever the header says.
    fn signed_with_header(header: &str) -> String {
        let signed = format!(
            "{}.{}",
            BASE64URL_NOPAD.encode(header.as_bytes()),
            BASE64URL_NOPAD.encode(b"{}")
        );
        let signature = key().sign(signed.as_bytes());
        format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_bytes()))
    }

    #[test]
    fn a_header_cannot_choose_the_algorithm_kind_key_or_bring_extensions() {
        let kid = key().did().verification_method();
        let check = |header: String, expected| {
            let text = signed_with_header(&header);
            let got = verify(&text, Kind::AccessToken, &key().verifying_key());
            assert_eq!(got.map(|_| ()), expected, "{header}");
        };
        let ok = |alg: &str, typ: &str, kid: &str| {
            format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"{typ}"}}"#)
        };
        check(ok("EdDSA", "at+jwt", &kid), Ok(()));
        for alg in ["none", "HS256", "ES256", "eddsa", "Ed25519", ""] {
            check(ok(alg, "at+jwt", &kid), Err(JwsRefusal::Algorithm));
        }
        check(ok("EdDSA", "JWT", &kid), Err(JwsRefusal::WrongKind));
        check(
            ok("EdDSA", "assertion+jwt", &kid),
            Err(JwsRefusal::WrongKind),
        );
        check(ok("EdDSA", "at+jwt", "other"), Err(JwsRefusal::OtherKey));
        for extra in [
            r#""crit":["b64"]"#,
            r#""jku":"http://x""#,
            r#""alg":"none""#,
        ] {
            let header = format!(r#"{{"alg":"EdDSA","kid":"{kid}","typ":"at+jwt",{extra}}}"#);
            check(header, Err(JwsRefusal::Header));
        }
    }

    #[test]
    fn another_key_is_refused() {
        let other = SigningKey::from_seed([8; 32]);
        let text = sign(&other, Kind::AccessToken, b"{}");
        let got = verify(&text, Kind::AccessToken, &key().verifying_key());
        assert_eq!(got, Err(JwsRefusal::OtherKey));
    }

    proptest! {
        #[test]
        fn what_was_signed_comes_back(payload in prop::collection::vec(any::<u8>(), 0..200)) {
            let text = sign(&key(), Kind::Assertion, &payload);
            prop_assert_eq!(verify(&text, Kind::Assertion, &key().verifying_key()), Ok(payload));
        }

        #[test]
        fn any_other_text_is_refused(at in 0_usize..400, byte in 0x21_u8..0x7f) {
            let text = sign(&key(), Kind::AccessToken, br#"{"sub":"someone"}"#);
            let at = at % text.len();
            let mut bytes = text.clone().into_bytes();
            prop_assume!(bytes[at] != byte);
            bytes[at] = byte;
            let changed = String::from_utf8(bytes).unwrap();
            prop_assert!(verify(&changed, Kind::AccessToken, &key().verifying_key()).is_err());
        }
    }
}
