//! One digest of a whole state.
//!
//! SHA-256 over an encoding in which equal states give equal bytes on every machine, that of
//! [`crate::canon`]: integers have a fixed width and the big end first; lengths are 64 bits; an
//! `Option` is one byte and its content. What derives `Serialize` is written by the same rules, an
//! enum's variant as its place in the source in 32 bits; names are left out and floats refused. An
//! engine digest therefore belongs to one [`NUMERIC_VERSION`].

use alloc::string::String;
use core::fmt;

use serde::Deserialize;
use serde::Serialize;
use serde::ser;
use sha2::Digest;
use sha2::Sha256;
use thiserror::Error;

use crate::canon::Canon;
use crate::canon::Sink;

/// Grows with every change of what the engine computes or keeps: also with an update of `libm`.
pub const NUMERIC_VERSION: u32 = 3;

/// SHA-256 of a state. Written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StateDigest(pub [u8; 32]);

/// Why a text is not a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a state digest is 64 lower-case hexadecimal digits")]
pub struct NotADigest;

impl fmt::Display for StateDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for StateDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<StateDigest> for String {
    fn from(digest: StateDigest) -> Self {
        alloc::format!("{digest}")
    }
}

impl TryFrom<String> for StateDigest {
    type Error = NotADigest;
    fn try_from(text: String) -> Result<Self, NotADigest> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let mut digest = [0; 32];
        if pairs.len() != digest.len() || !rest.is_empty() {
            return Err(NotADigest);
        }
        for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Ok(Self(digest))
    }
}

fn nibble(digit: u8) -> Result<u8, NotADigest> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(NotADigest),
    }
}

/// Digests the parts of a state, one after the other.
pub(crate) struct Digester(Sha256);

impl Digester {
    /// Digests of different domains never meet.
    pub(crate) fn new(domain: &str) -> Self {
        let mut hash = Sha256::new();
        domain.as_bytes().canon(&mut hash);
        Self(hash)
    }

    /// Takes a part that holds integers, and sequences of known length.
    pub(crate) fn derived<T: Serialize>(mut self, part: &T) -> Self {
        part.serialize(&mut Encoder(&mut self.0))
            .expect("states hold integers and sequences of known length only");
        self
    }

    /// Takes a part that writes its own bytes.
    pub(crate) fn canon(mut self, part: &dyn Canon) -> Self {
        part.canon(&mut self.0);
        self
    }

    pub(crate) fn finish(self) -> StateDigest {
        StateDigest(self.0.finalize().into())
    }
}

struct Encoder<'a>(&'a mut dyn Sink);

impl Encoder<'_> {
    fn length(&mut self, length: usize) {
        (length as u64).canon(self.0);
    }

    fn variant(&mut self, index: u32) {
        index.canon(self.0);
    }
}

/// What has no canonical bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
enum Unencodable {
    #[error("a float has no canonical bytes")]
    Float,
    #[error("a sequence must say its length first")]
    UnknownLength,
    #[error("the value refused to be written")]
    Refused,
}

impl ser::Error for Unencodable {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Refused
    }
}

macro_rules! fixed_width {
    ($($method:ident: $integer:ty,)*) => {
        $(fn $method(self, value: $integer) -> Result<(), Unencodable> {
            value.canon(self.0);
            Ok(())
        })*
    };
}

impl ser::Serializer for &mut Encoder<'_> {
    type Ok = ();
    type Error = Unencodable;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    fixed_width! {
        serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32,
        serialize_u64: u64, serialize_u128: u128,
    }

    fn serialize_i8(self, value: i8) -> Result<(), Unencodable> {
        self.0.put(&value.to_be_bytes());
        Ok(())
    }
    fn serialize_bool(self, value: bool) -> Result<(), Unencodable> {
        self.serialize_u8(value.into())
    }
    fn serialize_f32(self, _: f32) -> Result<(), Unencodable> {
        Err(Unencodable::Float)
    }
    fn serialize_f64(self, _: f64) -> Result<(), Unencodable> {
        Err(Unencodable::Float)
    }
    fn serialize_char(self, value: char) -> Result<(), Unencodable> {
        self.serialize_u32(value.into())
    }
    fn serialize_str(self, value: &str) -> Result<(), Unencodable> {
        self.serialize_bytes(value.as_bytes())
    }
    fn serialize_bytes(self, value: &[u8]) -> Result<(), Unencodable> {
        value.canon(self.0);
        Ok(())
    }
    fn serialize_none(self) -> Result<(), Unencodable> {
        self.serialize_u8(0)
    }
    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<(), Unencodable> {
        self.0.put(&[1]);
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), Unencodable> {
        Ok(())
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unencodable> {
        Ok(())
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
    ) -> Result<(), Unencodable> {
        self.variant(index);
        Ok(())
    }
    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unencodable> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unencodable> {
        self.variant(index);
        value.serialize(self)
    }
    fn serialize_seq(self, length: Option<usize>) -> Result<Self, Unencodable> {
        self.length(length.ok_or(Unencodable::UnknownLength)?);
        Ok(self)
    }
    fn serialize_tuple(self, _: usize) -> Result<Self, Unencodable> {
        Ok(self)
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Unencodable> {
        Ok(self)
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Unencodable> {
        self.variant(index);
        Ok(self)
    }
    fn serialize_map(self, length: Option<usize>) -> Result<Self, Unencodable> {
        self.serialize_seq(length)
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Unencodable> {
        Ok(self)
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Unencodable> {
        self.variant(index);
        Ok(self)
    }
    fn is_human_readable(&self) -> bool {
        false
    }
}

macro_rules! elements {
    ($($kind:ident $method:ident;)*) => {
        $(impl ser::$kind for &mut Encoder<'_> {
            type Ok = ();
            type Error = Unencodable;
            fn $method<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Unencodable> {
                value.serialize(&mut **self)
            }
            fn end(self) -> Result<(), Unencodable> {
                Ok(())
            }
        })*
    };
}

elements! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

macro_rules! fields {
    ($($kind:ident)*) => {
        $(impl ser::$kind for &mut Encoder<'_> {
            type Ok = ();
            type Error = Unencodable;
            fn serialize_field<T: ?Sized + Serialize>(
                &mut self,
                _: &'static str,
                value: &T,
            ) -> Result<(), Unencodable> {
                value.serialize(&mut **self)
            }
            fn end(self) -> Result<(), Unencodable> {
                Ok(())
            }
        })*
    };
}

fields! { SerializeStruct SerializeStructVariant }

impl ser::SerializeMap for &mut Encoder<'_> {
    type Ok = ();
    type Error = Unencodable;
    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), Unencodable> {
        key.serialize(&mut **self)
    }
    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Unencodable> {
        value.serialize(&mut **self)
    }
    fn end(self) -> Result<(), Unencodable> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    #[derive(Serialize)]
    enum Shape {
        Dot,
        Row(u8, Option<i64>),
        Box { width: u32 },
    }

    fn bytes<T: Serialize>(value: &T) -> Vec<u8> {
        let mut out = Vec::new();
        value.serialize(&mut Encoder(&mut out)).unwrap();
        out
    }

    #[test]
    fn each_shape_has_the_bytes_the_module_states() {
        assert_eq!(bytes(&Shape::Dot), [0, 0, 0, 0]);
        assert_eq!(bytes(&Shape::Row(7, None)), [0, 0, 0, 1, 7, 0]);
        assert_eq!(
            bytes(&Shape::Row(7, Some(-2))),
            [0, 0, 0, 1, 7, 1, 255, 255, 255, 255, 255, 255, 255, 254]
        );
        assert_eq!(bytes(&Shape::Box { width: 258 }), [0, 0, 0, 2, 0, 0, 1, 2]);
        assert_eq!(bytes(&vec![1_u16, 2]), [0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 2]);
        assert_eq!(bytes(&"ab"), [0, 0, 0, 0, 0, 0, 0, 2, b'a', b'b']);
    }

    #[test]
    fn a_float_has_no_digest() {
        let mut out = Vec::new();
        let refused = 1.0_f64.serialize(&mut Encoder(&mut out));
        assert_eq!(refused, Err(Unencodable::Float));
    }

    #[test]
    fn a_digest_reads_back_and_refuses_other_text() {
        let digest = Digester::new("test").derived(&1_u8).finish();
        assert_eq!(StateDigest::try_from(digest.to_string()), Ok(digest));
        let upper = digest.to_string().to_uppercase();
        assert_eq!(StateDigest::try_from(upper), Err(NotADigest));
        assert_eq!(StateDigest::try_from("00".repeat(31)), Err(NotADigest));
        assert_ne!(digest, Digester::new("other").derived(&1_u8).finish());
    }
}
