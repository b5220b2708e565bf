//! One byte string for one JSON value: RFC 8785 (JCS), with I-JSON's limits enforced.
//!
//! Refused, by every function here, with the position: bytes that are not UTF-8, lone surrogates,
//! duplicate member names, numbers that are not finite, numbers whose canonical text is an integer
//! outside ±(2^53−1), more than [`DEPTH_MAX`] nested containers, and bytes after the value.
//! No string is ever changed: two texts have the same canonical bytes exactly when they mean the
//! same value.
//!
//! Laws (property tests in `tests/it/canonical.rs`): `canonicalize` is idempotent, ignores member
//! order and white space, agrees with `parse` then `to_vec`, and with an independent implementation.

mod error;
mod lex;
mod number;
mod order;
mod rewrite;
mod ser;
mod tree;
mod write;

pub use error::CanonicalError;
pub use number::INTEGER_MAX;
pub use number::double_text;
use serde::Serialize;
use serde_json::Value;
pub(crate) use write::write_string;

/// How many containers may stand inside each other.
pub const DEPTH_MAX: usize = 128;

/// Reads one JSON value, refusing everything that has no single meaning.
pub fn parse(bytes: &[u8]) -> Result<Value, CanonicalError> {
    tree::parse(bytes)
}

/// The canonical bytes of a value.
pub fn to_vec(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    let mut out = Vec::new();
    write::write(value, 0, &mut out)?;
    Ok(out)
}

/// The canonical bytes of anything that has a JSON form.
pub fn to_vec_of<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    canonicalize(&ser::text_of(value)?)
}

/// The canonical bytes of a JSON text; the same as [`parse`] then [`to_vec`], and several times faster.
pub fn canonicalize(bytes: &[u8]) -> Result<Vec<u8>, CanonicalError> {
    rewrite::rewrite(bytes)
}
