//! OAUTHBEARER (RFC 7628).

use super::Failure;

/// Tells why a token was refused (RFC 7628 3.2.2); the client acknowledges it before the failure.
pub(super) const REFUSAL: &[u8] = br#"{"status":"invalid_token"}"#;

/// `n,[a=authzid],` then key-value pairs between `\x01`, of which `auth` counts.
pub(super) fn parse(data: &[u8]) -> Result<(Option<String>, String), Failure> {
    let text = std::str::from_utf8(data).map_err(|_| Failure::MalformedRequest)?;
    let (gs2, pairs) = text.split_once('\x01').ok_or(Failure::MalformedRequest)?;
    let authzid = authzid(gs2).ok_or(Failure::MalformedRequest)?;
    let pairs = pairs
        .strip_suffix("\x01\x01")
        .ok_or(Failure::MalformedRequest)?;
    let token = pairs
        .split('\x01')
        .find_map(|pair| pair.strip_prefix("auth="))
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .filter(|token| !token.is_empty())
        .ok_or(Failure::MalformedRequest)?;
    Ok((authzid, token.to_owned()))
}

fn authzid(gs2: &str) -> Option<Option<String>> {
    let rest = gs2.strip_prefix("n,").or_else(|| gs2.strip_prefix("y,"))?;
    let name = rest.strip_suffix(',')?;
    if name.is_empty() {
        return Some(None);
    }
    super::scram::unescape_name(name.strip_prefix("a=")?).map(Some)
}
