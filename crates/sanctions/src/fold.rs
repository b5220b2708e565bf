//! Unicode folding: what a name looks and sounds like, in lower-case ASCII.
//!
//! Look-alike letters are resolved before case folding, because a capital and its small letter
//! resemble different Latin letters (Cyrillic `В` looks like `B`, `в` does not).

use any_ascii::any_ascii_char;
use unicode_normalization::UnicodeNormalization;

/// The writing systems that change how a name is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Script {
    /// Latin letters, after compatibility decomposition.
    Latin,
    /// Cyrillic and Greek, whose letters can pose as Latin ones.
    LookAlike,
    /// Arabic and Hebrew: short vowels are not written.
    Abjad,
    /// Han characters, which many names share by sound.
    Han,
    /// Every other letter.
    Other,
}

/// The script of a letter, or nothing for marks, digits and punctuation.
pub(super) fn script_of(c: char) -> Option<Script> {
    if !c.is_alphabetic() {
        return None;
    }
    Some(match u32::from(c) {
        0x41..=0x24F | 0x1E00..=0x1EFF => Script::Latin,
        0x370..=0x52F | 0x1F00..=0x1FFF | 0x1C80..=0x1C8F => Script::LookAlike,
        0x590..=0x8FF | 0xFB1D..=0xFDFF | 0xFE70..=0xFEFF => Script::Abjad,
        0x3400..=0x9FFF | 0xF900..=0xFAFF | 0x2_0000..=0x3_FFFF => Script::Han,
        _ => Script::Other,
    })
}

/// Accents, vowel points and other marks on a letter.
pub(super) fn is_mark(c: char) -> bool {
    matches!(u32::from(c), 0x300..=0x36F | 0x591..=0x5C7 | 0x610..=0x61A | 0x64B..=0x65F | 0x670)
        || unicode_normalization::char::is_combining_mark(c)
}

/// NFKC without what a reader cannot see: controls, format characters and joiners vanish,
/// every kind of blank becomes a space.
pub(super) fn visible(text: &str) -> String {
    text.nfkc()
        .filter_map(|c| match c {
            _ if c.is_whitespace() => Some(' '),
            _ if c.is_control() || is_invisible(c) => None,
            _ => Some(c),
        })
        .collect()
}

/// Default-ignorable code points (Unicode `Default_Ignorable_Code_Point`, the ranges in use).
fn is_invisible(c: char) -> bool {
    matches!(u32::from(c),
        0xAD | 0x34F | 0x61C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F
        | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0x3164
        | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFF8 | 0xE_0000..=0xE_0FFF)
}

/// The Latin letter that a Cyrillic, Greek or Armenian letter is mistaken for, after the
/// single-letter part of Unicode TR 39's confusables.
pub(super) fn look_alike(c: char) -> Option<char> {
    Some(match c {
        'а' | 'α' => 'a',
        'А' | 'Α' => 'A',
        'В' | 'Β' => 'B',
        'ь' | 'Ь' => 'b',
        'с' | 'ϲ' => 'c',
        'С' | 'Ϲ' => 'C',
        'ԁ' => 'd',
        'е' | 'ё' | 'ҽ' => 'e',
        'Е' | 'Ё' | 'Ε' => 'E',
        'ɡ' | 'ց' => 'g',
        'һ' | 'հ' => 'h',
        'Н' | 'Η' | 'Һ' => 'H',
        'і' | 'ї' | 'ι' | 'ӏ' => 'i',
        'І' | 'Ї' | 'Ι' | 'Ӏ' => 'I',
        'ј' | 'ϳ' => 'j',
        'Ј' | 'Ϳ' => 'J',
        'к' | 'κ' => 'k',
        'К' | 'Κ' => 'K',
        'М' | 'Μ' => 'M',
        'Ν' => 'N',
        'п' | 'ո' => 'n',
        'о' | 'ο' | 'օ' => 'o',
        'О' | 'Ο' | 'Օ' => 'O',
        'р' | 'ρ' => 'p',
        'Р' | 'Ρ' => 'P',
        'ԛ' => 'q',
        'ѕ' => 's',
        'Ѕ' => 'S',
        'Т' | 'Τ' => 'T',
        'υ' | 'ս' => 'u',
        'ѵ' | 'ν' => 'v',
        'ԝ' | 'ω' | 'ѡ' => 'w',
        'х' | 'χ' => 'x',
        'Х' | 'Χ' => 'X',
        'у' | 'γ' | 'ү' => 'y',
        'У' | 'Υ' | 'Ү' => 'Y',
        'Ζ' => 'Z',
        _ => return None,
    })
}

/// Lower-case ASCII letters and digits of one character; empty for marks and punctuation.
pub(super) fn latinise(c: char, out: &mut String) {
    let special = match c {
        // The German rule; the bare letter is what any_ascii would give.
        'ə' | 'Ə' => Some("a"),
        'Х' | 'х' => Some("kh"),
        'Щ' | 'щ' => Some("shch"),
        'Й' | 'й' => Some("y"),
        'Ю' | 'ю' => Some("yu"),
        'Я' | 'я' => Some("ya"),
        _ => None,
    };
    for byte in special.unwrap_or_else(|| any_ascii_char(c)).bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte.to_ascii_lowercase()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_removed_and_blanks_are_one_kind() {
        assert_eq!(visible("A\u{200b}l\u{00a0}i\u{2060}"), "Al i");
        assert_eq!(visible("Ｆｕｌｌ\u{3000}ｗｉｄｔｈ"), "Full width");
    }

    #[test]
    fn capitals_and_small_letters_resemble_different_latin_letters() {
        assert_eq!(look_alike('В'), Some('B'));
        assert_eq!(look_alike('в'), None);
        assert_eq!(look_alike('Н'), Some('H'));
    }
}
