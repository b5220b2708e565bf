//! One word of a name, prepared once, and how alike two words are.
//!
//! All similarities are basis points. A similarity is found by the first rule that applies,
//! strongest first; a pair that no rule covers has none, so that weak resemblance never adds up.

use super::{
    BasisPoints, abjad,
    lexicon::{self, Role},
    score::FeatureKind,
};

/// Words are compared by their first bytes; no listed word comes near the limit.
pub(super) const WORD_BYTES_MAX: usize = 40;

/// A folded word with the keys it is found by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Word {
    /// Lower-case ASCII letters and digits, never empty.
    pub(super) text: String,
    /// The original characters, when the word is written in Han, and the plain letters, when in Arabic or Hebrew.
    pub(super) native: Option<String>,
    /// Written in a script without short vowels.
    pub(super) abjad: bool,
    /// How it sounds: one spelling for sounds that romanisations confuse.
    pub(super) sound: String,
    /// Consonants, doubled letters once.
    pub(super) skeleton: String,
    /// By what it is found from the other side of Arabic and Hebrew script.
    pub(super) abjad_keys: Vec<String>,
    /// Translation classes, zero where there is none.
    pub(super) translations: [u16; 2],
    /// Spelling classes, zero where there is none.
    pub(super) classes: [u16; 2],
    /// Multiset of letters, unary-coded, to bound the edit distance from below.
    pub(super) letters: u64,
}

impl Word {
    pub(super) fn new(mut text: String, native: Option<String>, abjad: bool) -> Self {
        text.truncate(WORD_BYTES_MAX);
        let native: Option<String> =
            native.map(|native| native.chars().take(WORD_BYTES_MAX).collect());
        let sound = sound(&text);
        Self {
            skeleton: skeleton(&text),
            abjad_keys: match &native {
                Some(native) if abjad => vec![abjad::native_key(native)],
                _ => abjad::latin_keys(&abjad::heard(&text)),
            },
            classes: lexicon::variant_classes(&text),
            translations: lexicon::translation_classes(&text),
            letters: letters(&text),
            sound,
            native,
            abjad,
            text,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn is_initial(&self) -> bool {
        self.text.len() == 1 && self.native.is_none() && !is_number(&self.text)
    }

    /// Whether the word looks as if somebody had taken its vowels out.
    pub(super) fn lacks_vowels(&self) -> bool {
        self.text.len() >= 3
            && !self.text.bytes().any(|b| b.is_ascii_digit())
            && !self.text[1..self.text.len() - 1]
                .bytes()
                .any(is_plain_vowel)
    }
}

/// How alike two words are, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Similarity {
    pub(super) bp: BasisPoints,
    pub(super) kind: FeatureKind,
}

const NONE: Similarity = Similarity {
    bp: 0,
    kind: FeatureKind::Unmatched,
};

/// Compares two words by the rules of this module.
pub(super) fn similarity(a: &Word, b: &Word) -> Similarity {
    match (a.abjad, b.abjad) {
        (true, false) => return transliteration(a, b),
        (false, true) => return transliteration(b, a),
        (true, true) => {}
        (false, false) => {
            if let (Some(a), Some(b)) = (&a.native, &b.native) {
                return native_similarity(a, b);
            }
        }
    }
    if a.text == b.text {
        return Similarity {
            bp: 10_000,
            kind: FeatureKind::Exact,
        };
    }
    if a.is_initial() || b.is_initial() {
        return if a.text.as_bytes()[0] == b.text.as_bytes()[0] {
            Similarity {
                bp: 8_500,
                kind: FeatureKind::Initial,
            }
        } else {
            NONE
        };
    }
    match (is_number(&a.text), is_number(&b.text)) {
        (false, false) => {}
        // Numbers tell members of one family apart, and a family is what is listed.
        (true, true) => {
            return Similarity {
                bp: 5_000,
                kind: FeatureKind::Edit,
            };
        }
        _ => return NONE,
    }
    if share_class(a.classes, b.classes) {
        return Similarity {
            bp: 9_400,
            kind: FeatureKind::Variant,
        };
    }
    if a.sound == b.sound {
        let bp = if a.len().min(b.len()) > 4 {
            9_500
        } else {
            8_900
        };
        return Similarity {
            bp,
            kind: FeatureKind::Sound,
        };
    }
    if a.skeleton.len() > 2
        && a.skeleton == b.skeleton
        && a.text.as_bytes()[0] == b.text.as_bytes()[0]
        && a.len() != b.len()
        && (a.lacks_vowels() || b.lacks_vowels())
    {
        return Similarity {
            bp: 9_000,
            kind: FeatureKind::Skeleton,
        };
    }
    // What is read off Han characters has no slips of the pen.
    if a.native.is_some() != b.native.is_some() {
        return NONE;
    }
    if share_class(a.translations, b.translations) {
        return Similarity {
            bp: 8_000,
            kind: FeatureKind::Translation,
        };
    }
    edit_similarity(a, b)
}

pub(super) fn is_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

pub(super) fn share_class(a: [u16; 2], b: [u16; 2]) -> bool {
    a.iter().any(|&class| class > 0 && b.contains(&class))
}

/// A word in Arabic or Hebrew letters and one in Latin letters: the more consonants, the less is left to the short vowels.
fn transliteration(native: &Word, latin: &Word) -> Similarity {
    let Some(letters) = &native.native else {
        return NONE;
    };
    let may_be = latin.abjad_keys.contains(&native.abjad_keys[0]);
    if !may_be || !abjad::spells(letters, &abjad::heard(&latin.text)) {
        return NONE;
    }
    let bp = match letters.chars().count() {
        0..=3 => 9_000,
        _ => 9_400,
    };
    Similarity {
        bp,
        kind: FeatureKind::Transliteration,
    }
}

/// Han names of different people often share their sound, so only the characters count.
fn native_similarity(a: &str, b: &str) -> Similarity {
    if a == b {
        Similarity {
            bp: 10_000,
            kind: FeatureKind::Exact,
        }
    } else {
        NONE
    }
}

/// The plain edits allowed between words whose longer one has `len` letters.
pub(super) fn edits_max(len: usize) -> usize {
    match len {
        0..=2 => 0,
        3..=4 => 1,
        5..=9 => 2,
        _ => 3,
    }
}

/// Whether letter counts and lengths leave room for an edit match; cheap and never wrong.
pub(super) fn may_be_near(a_len: usize, a_letters: u64, b_len: usize, b_letters: u64) -> bool {
    let edits = edits_max(a_len.max(b_len));
    a_len.abs_diff(b_len) <= edits && (a_letters ^ b_letters).count_ones() as usize <= 2 * edits
}

fn edit_similarity(a: &Word, b: &Word) -> Similarity {
    if !may_be_near(a.len(), a.letters, b.len(), b.letters)
        || Pattern::new(a.text.as_bytes()).distance(b.text.as_bytes())
            > edits_max(a.len().max(b.len()))
    {
        return NONE;
    }
    near_similarity(a, b)
}

/// The similarity of words whose plain distance is known to be within [`edits_max`].
fn near_similarity(a: &Word, b: &Word) -> Similarity {
    let (x, y) = (a.text.as_bytes(), b.text.as_bytes());
    let len = x.len().max(y.len()) as u32;
    // A changed first letter is seen at once, so it is rarely an accident.
    let first = if x[0] == y[0] { 0 } else { 30 };
    let lost = (edit_cost(x, y) + first) * if len > 4 { 110 } else { 120 } / len;
    let lost = if differs_in_gender(x, y) {
        lost.max(4_500)
    } else {
        lost
    };
    match lost {
        0..=LOST_MAX => Similarity {
            bp: 10_000 - lost,
            kind: FeatureKind::Edit,
        },
        _ => NONE,
    }
}

const LOST_MAX: u32 = 4_500;

/// `Antonio` and `Antonia`, `Ivanov` and `Ivanova`: one ending, two people.
fn differs_in_gender(x: &[u8], y: &[u8]) -> bool {
    let stem = |word: &[u8], endings: &[u8]| {
        word.split_last()
            .filter(|(last, _)| endings.contains(last))
            .map(|(_, stem)| stem.to_vec())
    };
    let one = |f: &[u8], m: &[u8]| {
        f.len() > 3
            && stem(f, b"a").is_some_and(|s| s == m || stem(m, b"oy").is_some_and(|t| s == t))
    };
    one(x, y) || one(y, x)
}

/// A word's letters as bit masks, to find its distance from many words.
pub(super) struct Pattern {
    masks: [u64; 36],
    len: usize,
}

impl Pattern {
    pub(super) fn new(word: &[u8]) -> Self {
        let mut masks = [0; 36];
        for (i, &byte) in word.iter().enumerate() {
            masks[slot(byte)] |= 1 << i;
        }
        Self {
            masks,
            len: word.len(),
        }
    }

    /// Optimal string alignment distance, bit-parallel: H. Hyyrö, "A Bit-Vector Algorithm for
    /// Computing Levenshtein and Damerau Edit Distances" (2003).
    pub(super) fn distance(&self, other: &[u8]) -> usize {
        let (mut vp, mut vn, mut d0, mut before) = (u64::MAX, 0_u64, 0_u64, 0_u64);
        let last = 1_u64 << (self.len - 1);
        let mut distance = self.len;
        for &byte in other {
            let mask = self.masks[slot(byte)];
            let swapped = ((!d0 & mask) << 1) & before;
            d0 = ((mask & vp).wrapping_add(vp) ^ vp) | mask | vn | swapped;
            let (hp, hn) = (vn | !(d0 | vp), d0 & vp);
            if hp & last != 0 {
                distance += 1;
            } else if hn & last != 0 {
                distance -= 1;
            }
            let hp = hp << 1 | 1;
            vp = hn << 1 | !(d0 | hp);
            vn = hp & d0;
            before = mask;
        }
        distance
    }
}

fn slot(byte: u8) -> usize {
    match byte {
        b'a'..=b'z' => usize::from(byte - b'a'),
        _ => 26 + usize::from(byte.saturating_sub(b'0')).min(9),
    }
}

const TRANSPOSITION: u32 = 70;

/// Damerau-Levenshtein (optimal string alignment) with costs in hundredths of an edit: what
/// scanners, ears and romanisations confuse costs less than a letter that means another name.
fn edit_cost(a: &[u8], b: &[u8]) -> u32 {
    let mut rows = [[0_u32; WORD_BYTES_MAX + 1]; 3];
    let width = b.len();
    for j in 1..=width {
        rows[0][j] = rows[0][j - 1] + gap_cost(b, j - 1);
    }
    for i in 1..=a.len() {
        let (now, before, earlier) = (i % 3, (i + 2) % 3, (i + 1) % 3);
        let gap_a = gap_cost(a, i - 1);
        rows[now][0] = rows[before][0] + gap_a;
        for j in 1..=width {
            let mut best = (rows[before][j - 1] + substitution_cost(a[i - 1], b[j - 1]))
                .min(rows[before][j] + gap_a)
                .min(rows[now][j - 1] + gap_cost(b, j - 1));
            if i > 1 && j > 1 && a[i - 2] == b[j - 1] && a[i - 1] == b[j - 2] {
                best = best.min(rows[earlier][j - 2] + TRANSPOSITION);
            }
            if i > 1 && pair_confused(a[i - 2], a[i - 1], b[j - 1]) {
                best = best.min(rows[earlier][j - 1] + 50);
            }
            if j > 1 && pair_confused(b[j - 2], b[j - 1], a[i - 1]) {
                best = best.min(rows[before][j - 2] + 50);
            }
            rows[now][j] = best;
        }
    }
    rows[a.len() % 3][width]
}

fn gap_cost(word: &[u8], at: usize) -> u32 {
    let letter = word[at];
    let doubled = at > 0 && word[at - 1] == letter;
    match letter {
        _ if doubled => 40,
        b'h' => 70,
        _ if is_vowel(letter) => 80,
        _ => 100,
    }
}

fn substitution_cost(a: u8, b: u8) -> u32 {
    if a == b {
        return 0;
    }
    if is_vowel(a) && is_vowel(b) {
        return 70;
    }
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    match (low, high) {
        // Shapes that scanners and cheats exchange.
        (b'0', b'o')
        | (b'1', b'i' | b'l')
        | (b'5', b's')
        | (b'8', b'b')
        | (b'2', b'z')
        | (b'9', b'g')
        | (b'3', b'e')
        | (b'4', b'a')
        | (b'i', b'l')
        | (b'7', b't') => 40,
        // Sounds that romanisations exchange.
        (b'c', b'k' | b'q' | b's')
        | (b'k', b'q')
        | (b's', b'z')
        | (b'v', b'w')
        | (b'f', b'v')
        | (b'g', b'j' | b'k' | b'q')
        | (b'b', b'p' | b'v')
        | (b'd', b't')
        | (b'i', b'j')
        | (b'j', b'y' | b'z') => 70,
        _ => 100,
    }
}

/// Two letters that are read as one (`rn` as `m`) or stand for one sound.
fn pair_confused(first: u8, second: u8, one: u8) -> bool {
    matches!(
        (first, second, one),
        (b'r', b'n', b'm')
            | (b'c', b'l', b'd')
            | (b'v', b'v', b'w')
            | (b'c', b'h', b'j' | b'c')
            | (b'z', b'h', b'j' | b'z')
            | (b't', b's', b'z')
            | (b'p', b'h', b'f')
            | (b'c', b'k', b'k')
            | (b'k', b's', b'x')
            | (b'i', b'e', b'y' | b'i')
            | (b'e', b'i', b'y' | b'i')
            | (b'o', b'u', b'u')
            | (b'o', b'o', b'u')
            | (b'e', b'e', b'i')
    )
}

fn is_vowel(letter: u8) -> bool {
    matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u' | b'y')
}

fn is_plain_vowel(letter: u8) -> bool {
    matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u')
}

/// Unary counts, two for each letter and for all digits, so that one edit flips at most two bits.
fn letters(text: &str) -> u64 {
    let mut seen = 0_u64;
    for byte in text.bytes() {
        let slot = match byte {
            b'a'..=b'z' => u32::from(byte - b'a'),
            _ => 26,
        };
        let count = (seen >> (slot * 2) & 3).trailing_ones();
        if count < 2 {
            seen |= 1 << (slot * 2 + count);
        }
    }
    seen
}

/// Spellings of sounds, longest first; applied left to right.
const SOUNDS: &[(&str, &str)] = &[
    ("sch", "s"),
    ("tch", "c"),
    ("dzh", "j"),
    ("sh", "s"),
    ("kh", "h"),
    ("gh", "g"),
    ("ph", "f"),
    ("th", "t"),
    ("dh", "d"),
    ("zh", "j"),
    ("dj", "j"),
    ("ch", "c"),
    ("ck", "k"),
    ("hs", "s"),
    ("tz", "s"),
    ("ts", "s"),
    ("ou", "u"),
    ("oo", "u"),
    ("ee", "i"),
    ("ei", "i"),
    ("ie", "i"),
    ("ey", "i"),
    ("aw", "au"),
    ("yy", "i"),
    ("ii", "i"),
    ("y", "i"),
    ("e", "i"),
    ("o", "u"),
    ("q", "k"),
    ("c", "k"),
    ("z", "s"),
    ("w", "f"),
    ("v", "f"),
];

/// How a word sounds.
pub(super) fn sound(text: &str) -> String {
    let text = match text.strip_prefix('x') {
        Some(rest) => format!("s{rest}"),
        None => text.to_owned(),
    };
    // The Dutch and German way to end a Slavic name.
    let text = text
        .strip_suffix("ij")
        .map_or(text.clone(), |stem| format!("{stem}i"));
    respelt(&text, SOUNDS)
}

/// The word with each spelling of the table as what it stands for, from left to right, and doubled letters once.
pub(super) fn respelt(text: &str, table: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (taken, written) = table
            .iter()
            .find(|(spelling, _)| rest.starts_with(spelling))
            .map_or(
                (first.len_utf8(), &rest[..first.len_utf8()]),
                |(from, to)| (from.len(), *to),
            );
        for c in written.chars() {
            if !out.ends_with(c) {
                out.push(c);
            }
        }
        rest = &rest[taken..];
    }
    out
}

fn skeleton(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text
        .chars()
        .filter(|c| !matches!(c, 'a' | 'e' | 'i' | 'o' | 'u'))
    {
        if !out.ends_with(c) {
            out.push(c);
        }
    }
    out
}

/// The weight of the heaviest word.
pub(super) const WEIGHT_MAX: u32 = 120;

/// What the word weighs in its name; letters carry information up to a point.
pub(super) fn weight(word: &Word, role: Role) -> u32 {
    // Short vowels would make it longer.
    let unwritten = if word.abjad { 2 } else { 0 };
    let len = word.text.len() as u32 + unwritten;
    match role {
        Role::Content => {
            let full = 60 + 10 * len.clamp(2, 6);
            if lexicon::is_common(&word.text, word.classes) {
                full * 3 / 4
            } else {
                full
            }
        }
        Role::Patronymic => 60,
        Role::Descriptor => 60,
        Role::Initial => 50,
        Role::Number => 40,
        Role::Particle => 8,
        Role::LegalForm => 8,
        Role::Title => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bp(a: &str, b: &str) -> BasisPoints {
        let word = |text: &str| Word::new(text.to_owned(), None, false);
        similarity(&word(a), &word(b)).bp
    }

    #[test]
    fn alike_words_score_high_and_others_not_at_all() {
        for (a, b, least) in [
            ("lavrov", "lavrow", 9_000),
            ("husayn", "hussein", 9_000),
            ("mhmmd", "muhammad", 9_000),
            ("igor", "1gor", 7_500),
            ("rnikhail", "mikhail", 8_500),
            ("starmer", "starkey", 6_000),
        ] {
            assert!(bp(a, b) >= least, "{a} {b} {}", bp(a, b));
        }
        for (a, b) in [("daniel", "donald"), ("roman", "robert"), ("rami", "ihab")] {
            assert_eq!(bp(a, b), 0, "{a} {b}");
        }
    }
}
