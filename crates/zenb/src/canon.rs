//! Canonical bytes of a state, for its digest.
//!
//! Integers are big-endian at their full width, an option is a byte 0 or 1 and then the value, a
//! sequence is its length as 64 bits and then its items. Two different states of one type never
//! give the same bytes.

use alloc::vec::Vec;

use sha2::Digest;
use sha2::Sha256;

use crate::units::BreathsPerMinute;
use crate::units::EngineMs;
use crate::units::Measured;
use crate::units::Ppm;
use crate::units::Quality;
use crate::units::Reason;
use crate::units::Ticks;

/// Where canonical bytes go.
pub trait Sink {
    /// Takes the next bytes.
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Sink for Sha256 {
    fn put(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }
}

/// A value with canonical bytes.
pub trait Canon {
    /// Writes every field that decides how the value behaves, in declaration order.
    fn canon(&self, sink: &mut dyn Sink);
}

macro_rules! integers {
    ($($int:ty),*) => {$(
        impl Canon for $int {
            fn canon(&self, sink: &mut dyn Sink) {
                sink.put(&self.to_be_bytes());
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, u128, i16, i32, i64, i128);

impl Canon for bool {
    fn canon(&self, sink: &mut dyn Sink) {
        sink.put(&[u8::from(*self)]);
    }
}

impl<T: Canon> Canon for Option<T> {
    fn canon(&self, sink: &mut dyn Sink) {
        match self {
            None => sink.put(&[0]),
            Some(value) => {
                sink.put(&[1]);
                value.canon(sink);
            }
        }
    }
}

impl<T: Canon> Canon for [T] {
    fn canon(&self, sink: &mut dyn Sink) {
        sink.put(&(self.len() as u64).to_be_bytes());
        for item in self {
            item.canon(sink);
        }
    }
}

impl Canon for Ticks {
    fn canon(&self, sink: &mut dyn Sink) {
        self.get().canon(sink);
    }
}

impl Canon for EngineMs {
    fn canon(&self, sink: &mut dyn Sink) {
        self.0.canon(sink);
    }
}

impl Canon for BreathsPerMinute {
    fn canon(&self, sink: &mut dyn Sink) {
        self.milli().canon(sink);
    }
}

impl Canon for Ppm {
    fn canon(&self, sink: &mut dyn Sink) {
        self.0.canon(sink);
    }
}

impl Canon for Quality {
    fn canon(&self, sink: &mut dyn Sink) {
        self.permille().canon(sink);
    }
}

impl Canon for Reason {
    fn canon(&self, sink: &mut dyn Sink) {
        sink.put(&[*self as u8]);
    }
}

impl<T: Canon> Canon for Measured<T> {
    fn canon(&self, sink: &mut dyn Sink) {
        match self {
            Self::NotMeasured(reason) => {
                sink.put(&[0]);
                reason.canon(sink);
            }
            Self::Known { value, quality } => {
                sink.put(&[1]);
                value.canon(sink);
                quality.canon(sink);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    fn bytes(value: &impl Canon) -> Vec<u8> {
        let mut out = Vec::new();
        value.canon(&mut out);
        out
    }

    #[test]
    fn absent_and_zero_have_different_bytes() {
        assert_eq!(bytes(&None::<u8>), vec![0]);
        assert_eq!(bytes(&Some(0u8)), vec![1, 0]);
        assert_ne!(
            bytes(&Measured::<u16>::NotMeasured(Reason::Gap)),
            bytes(&Measured::Known {
                value: 2u16,
                quality: Quality::FULL
            })
        );
    }
}
