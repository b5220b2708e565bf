//! Why a text has no canonical form.

use thiserror::Error;

/// Why bytes or a value have no canonical form.
///
/// `at` is a byte offset: into the input where there is one, else into the output written so far.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CanonicalError {
    /// The bytes are not UTF-8.
    #[error("byte {at}: not valid UTF-8")]
    InvalidUtf8 {
        /// First byte that is not part of a character.
        at: usize,
    },
    /// The text ended inside a value.
    #[error("byte {at}: the text ends inside a value")]
    UnexpectedEnd {
        /// Length of the input.
        at: usize,
    },
    /// A byte that the JSON grammar (RFC 8259) does not allow here.
    #[error("byte {at}: unexpected byte 0x{byte:02x}")]
    UnexpectedByte {
        /// Where it stands.
        at: usize,
        /// The byte.
        byte: u8,
    },
    /// Something follows the value.
    #[error("byte {at}: bytes follow the value")]
    TrailingBytes {
        /// First byte after the value and its white space.
        at: usize,
    },
    /// A control character stands unescaped in a string.
    #[error("byte {at}: control character in a string")]
    ControlCharacter {
        /// Where it stands.
        at: usize,
    },
    /// A backslash is followed by nothing that JSON defines.
    #[error("byte {at}: invalid escape")]
    InvalidEscape {
        /// Where the backslash stands.
        at: usize,
    },
    /// Half of a surrogate pair, which is no character.
    #[error("byte {at}: lone surrogate")]
    LoneSurrogate {
        /// Where the backslash stands.
        at: usize,
    },
    /// A number that breaks the JSON grammar, such as `01` or `1.`.
    #[error("byte {at}: malformed number")]
    MalformedNumber {
        /// Where the number begins.
        at: usize,
    },
    /// An integer outside ±(2^53−1), which readers would round in different ways.
    #[error("byte {at}: integer outside ±(2^53-1)")]
    IntegerOutOfRange {
        /// Where the number begins.
        at: usize,
    },
    /// A number that no finite double stands for.
    #[error("byte {at}: number is not finite")]
    NumberNotFinite {
        /// Where the number begins.
        at: usize,
    },
    /// An object names one member twice.
    #[error("byte {at}: object member named twice")]
    DuplicateKey {
        /// Where the later of the two names begins.
        at: usize,
    },
    /// More than [`DEPTH_MAX`](super::DEPTH_MAX) containers inside each other.
    #[error("byte {at}: nested too deeply")]
    TooDeep {
        /// Where the container that is one too many begins.
        at: usize,
    },
    /// A value of the program has no JSON form.
    #[error("value has no JSON form: {reason}")]
    Unserialisable {
        /// What its `Serialize` implementation said.
        reason: String,
    },
}
