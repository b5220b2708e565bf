//! Versions of a resource.

use api::problem::Code;
use axum::http::{HeaderMap, HeaderValue, header};

use crate::declined::Declined;

/// The entity tag of a record at one version (RFC 9110 section 8.8.3).
pub fn etag(version: u64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).expect("digits in quotes are a header value")
}

/// Refuses a change that was not decided on the present version.
///
/// # Errors
/// `precondition_required` without `If-Match`, `precondition_failed` when it names another version.
pub fn require_match(headers: &HeaderMap, version: u64) -> Result<(), Declined> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Err(Declined::new(
            Code::PreconditionRequired,
            "the request has no If-Match header",
        ));
    };
    let wanted = etag(version);
    let matches = value.to_str().is_ok_and(|text| {
        text.split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag.as_bytes() == wanted.as_bytes())
    });
    if matches {
        Ok(())
    } else {
        Err(
            Declined::new(Code::PreconditionFailed, "the resource has another version")
                .at_version(version),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_needs_the_present_version() {
        let with = |tag: &'static str| {
            HeaderMap::from_iter([(header::IF_MATCH, HeaderValue::from_static(tag))])
        };
        let code = |headers| require_match(&headers, 7).map_err(|p| p.code());
        assert_eq!(code(with("\"7\"")), Ok(()));
        assert_eq!(code(with("\"6\", \"7\"")), Ok(()));
        assert_eq!(code(with("*")), Ok(()));
        assert_eq!(code(with("\"6\"")), Err(Code::PreconditionFailed));
        assert_eq!(code(with("W/\"7\"")), Err(Code::PreconditionFailed));
        assert_eq!(code(HeaderMap::new()), Err(Code::PreconditionRequired));
    }
}
