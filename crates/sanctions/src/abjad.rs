//! Names in Arabic and Hebrew letters beside names in Latin letters: consonants and long vowels are written, short ones are not.
//!
//! A Latin word is taken by how it is heard ([`heard`]), so that the romanisations of one letter fall together. The
//! tables are facts of the writing systems of Arabic, Persian, Urdu, Pashto, Kurdish and Hebrew.

use super::{fold, token};

/// The letter without its marks and in one form, or nothing for a mark.
pub(super) fn plain(c: char) -> Option<char> {
    Some(match c {
        'أ' | 'إ' | 'آ' | 'ٱ' => 'ا',
        'ى' | 'ی' | 'ي' | 'ئ' | 'ې' | 'ۍ' | 'ێ' => 'ي',
        'ؤ' | 'ۆ' | 'ۇ' => 'و',
        'ک' | 'ڪ' => 'ك',
        'ہ' | 'ۀ' | 'ە' | 'ۂ' => 'ه',
        'ۃ' => 'ة',
        'ے' | 'ۓ' => 'ي',
        'ך' => 'כ',
        'ם' => 'מ',
        'ן' => 'נ',
        'ף' => 'פ',
        'ץ' => 'צ',
        'ـ' => return None,
        _ if fold::is_mark(c) => return None,
        _ => c,
    })
}

/// Words that belong to many names, and what they are in Latin letters.
const SMALL: &[(&str, &str)] = &[
    ("عبد", "abd"),
    ("ابن", "ibn"),
    ("بن", "bin"),
    ("بنت", "bint"),
    ("ال", "al"),
    ("الله", "allah"),
    ("ابو", "abu"),
    ("ابي", "abu"),
    ("ام", "umm"),
    ("دين", "din"),
    ("בן", "ben"),
    ("בת", "bat"),
];

/// The Latin form of a word that many names have.
pub(super) fn small(word: &str) -> Option<&'static str> {
    SMALL
        .iter()
        .find(|(arabic, _)| *arabic == word)
        .map(|(_, latin)| *latin)
}

/// Splits what is written as one word in Arabic: the article, `Abd` before it, and `al-Din` or `Allah` behind a name.
pub(super) fn split(word: &str) -> Vec<&str> {
    let is_long = |rest: &str| rest.chars().count() > 2;
    if small(word).is_some() {
        return vec![word];
    }
    if let Some(rest) = word
        .strip_prefix("عبد")
        .filter(|rest| rest.starts_with("ال"))
    {
        let mut out = vec!["عبد"];
        out.extend(split(rest));
        return out;
    }
    if let Some(rest) = word
        .strip_prefix("عبد")
        .filter(|rest| rest.chars().count() > 3)
    {
        return vec!["عبد", rest];
    }
    if let Some(rest) = word.strip_prefix("ابو").filter(|rest| is_long(rest)) {
        let mut out = vec!["ابو"];
        out.extend(split(rest));
        return out;
    }
    for ending in ["الدين", "الله"] {
        if let Some(name) = word
            .strip_suffix(ending)
            .filter(|name| name.chars().count() > 1)
        {
            let mut out = split(name);
            out.extend(split(ending));
            return out;
        }
    }
    match word
        .strip_prefix("ال")
        .filter(|rest| rest.chars().count() > 1)
    {
        Some(rest) => vec!["ال", rest],
        None => vec![word],
    }
}

/// Spellings as they are heard, longest first. `c` is `ch`; an `h` behind another consonant stays.
const HEARD: &[(&str, &str)] = &[
    ("dj", "j"),
    ("ch", "c"),
    ("ce", "si"),
    ("ci", "si"),
    ("cy", "si"),
    ("ph", "f"),
    ("e", "i"),
    ("y", "i"),
    ("o", "u"),
    ("v", "w"),
    ("q", "k"),
    ("c", "k"),
    ("x", "ks"),
];

/// How a word in Latin letters is heard, for [`spells`]: vowels are `a`, `i` and `u`.
pub(super) fn heard(latin: &str) -> String {
    token::respelt(latin, HEARD)
}

/// What a letter may stand for: consonants by how they sound, vowels, and where it may be silent.
#[derive(Clone, Copy)]
struct Letter {
    consonants: &'static str,
    vowels: &'static str,
    silent: Silent,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Silent {
    Never,
    AtTheEnd,
    Anywhere,
}

fn letter(c: char) -> Letter {
    use Silent::{Anywhere, AtTheEnd, Never};
    let (consonants, vowels, silent) = match c {
        'ا' | 'א' => ("", "aiu", Never),
        'ع' | 'ء' | 'ע' => ("", "aiu", Anywhere),
        'ب' | 'پ' => ("bp", "", Never),
        'ת' | 'ט' | 'ط' | 'ت' | 'ٹ' | 'ټ' => ("t", "", Never),
        'ث' => ("ts", "", Never),
        'ج' => ("jg", "", Never),
        'چ' => ("ckj", "", Never),
        'ح' => ("h", "", Never),
        'خ' => ("kh", "", Never),
        'ד' | 'د' | 'ڈ' | 'ډ' => ("d", "", Never),
        'ذ' | 'ض' | 'ظ' => ("dz", "", Never),
        'ר' | 'ر' | 'ڑ' | 'ړ' => ("r", "", Never),
        'ס' | 'س' | 'ص' => ("s", "", Never),
        'ז' | 'ز' => ("z", "", Never),
        'ש' | 'ش' => ("sc", "", Never),
        'څ' | 'צ' => ("stz", "", Never),
        'ځ' => ("dz", "", Never),
        'ژ' | 'ږ' => ("zj", "", Never),
        'ښ' => ("sh", "", Never),
        'غ' | 'ג' => ("g", "", Never),
        'ق' => ("kg", "", Never),
        'ק' => ("k", "", Never),
        'ك' => ("k", "", Never),
        'گ' | 'ګ' => ("gk", "", Never),
        'ف' => ("f", "", Never),
        'פ' => ("pf", "", Never),
        'ב' => ("bw", "", Never),
        'כ' => ("khc", "", Never),
        'ח' => ("hck", "", Never),
        'ל' | 'ل' => ("l", "", Never),
        'מ' | 'م' => ("m", "", Never),
        'נ' | 'ن' | 'ں' | 'ڼ' => ("n", "", Never),
        'ه' | 'ה' => ("h", "ai", AtTheEnd),
        'ھ' => ("h", "", Anywhere),
        'ة' => ("h", "a", AtTheEnd),
        'و' | 'ו' => ("w", "u", Never),
        'ي' | 'י' => ("", "ia", Never),
        _ => ("", "aiu", Anywhere),
    };
    Letter {
        consonants,
        vowels,
        silent,
    }
}

/// Whether the word in Latin letters, as it is [`heard`], is a romanisation of the word in plain letters.
pub(super) fn spells(native: &str, heard: &str) -> bool {
    let letters: Vec<char> = native.chars().collect();
    let open = heard.starts_with(is_vowel);
    // A vowel at the beginning is written, and so is its absence.
    let begins = match letters.first() {
        Some('ا' | 'ع' | 'ء' | 'א' | 'ע' | 'ي' | 'י') => open,
        Some('و' | 'ו') => true,
        _ => !open,
    };
    let places = (letters.len() + 1) * (heard.len() + 1) * (SHORT_MAX + 1);
    let mut spelling = Spelling {
        letters: &letters,
        heard: heard.as_bytes(),
        failed: vec![false; places],
    };
    begins && spelling.fits(0, 0, 0)
}

/// Short vowels that stand side by side and are not written.
const SHORT_MAX: usize = 2;

/// A word beside its letters. What did not fit from one place on does not fit when it is come to again, so that the work is bounded
/// by the product of the lengths.
struct Spelling<'a> {
    letters: &'a [char],
    heard: &'a [u8],
    failed: Vec<bool>,
}

impl Spelling<'_> {
    /// Whether the letters from `at` on spell what is heard from `from` on, after so many short vowels.
    fn fits(&mut self, at: usize, from: usize, short: usize) -> bool {
        let place = (at * (self.heard.len() + 1) + from) * (SHORT_MAX + 1) + short;
        if self.failed[place] {
            return false;
        }
        let fits = self.fits_anew(at, from, short);
        self.failed[place] = !fits;
        fits
    }

    fn fits_anew(&mut self, at: usize, from: usize, short: usize) -> bool {
        let rest = &self.heard[from..];
        let Some(&written) = self.letters.get(at) else {
            // A vowel at the end is written, but for the silent one of French.
            return matches!(rest, b"" | b"h" | b"a" | b"i" | b"ah");
        };
        let last = at + 1 == self.letters.len();
        let it = letter(written);
        let is_silent = it.silent == Silent::Anywhere || (it.silent == Silent::AtTheEnd && last);
        if is_silent && self.fits(at + 1, from, short) {
            return true;
        }
        let Some(&sound) = rest.first() else {
            return false;
        };
        let sound = char::from(sound);
        if self.is_vowel_of(at, sound) {
            let same = self.is_vowel_of(at + 1, sound);
            if self.fits(at + 1, from + 1, 0) || (same && self.fits(at + 2, from + 1, 0)) {
                return true;
            }
        }
        if it.consonants.contains(sound) && self.consonant_fits(at, from) {
            return true;
        }
        // A long vowel has no short one before it, but for the diphthongs.
        let before_long = matches!(written, 'ا' | 'א');
        let is_short = is_vowel(sound) && short < SHORT_MAX && !before_long;
        is_short && self.fits(at, from + 1, short + 1)
    }

    /// The rest after a consonant: one `h` may belong to it (`kh`, `sh`), and a second letter may be heard as the same.
    fn consonant_fits(&mut self, at: usize, from: usize) -> bool {
        let sound = char::from(self.heard[from]);
        let doubled = self.consonants(at + 1).contains(sound);
        let has_h = self.heard.get(from + 1) == Some(&b'h');
        // `s` is not `sh`, as `z` is not `zh`.
        let (alone, with_h) = match (sound, self.letters[at]) {
            ('s', 'ش') => (false, true),
            ('s', 'ש' | 'ښ') | ('z', 'ژ' | 'ږ') => (true, true),
            ('s' | 'z', _) => (true, false),
            _ => (true, true),
        };
        let ends = [
            alone.then_some(from + 1),
            (with_h && has_h).then_some(from + 2),
        ];
        ends.into_iter()
            .flatten()
            .any(|end| self.fits(at + 1, end, 0) || (doubled && self.fits(at + 2, end, 0)))
    }

    fn consonants(&self, at: usize) -> &'static str {
        self.letters.get(at).map_or("", |c| letter(*c).consonants)
    }

    /// Whether the vowel may be what this letter stands for. The `a` of `Musa` is written with the letter of `i`, at the end alone.
    fn is_vowel_of(&self, at: usize, sound: char) -> bool {
        self.letters.get(at).is_some_and(|c| {
            let is_last = at + 1 == self.letters.len();
            let vowels = letter(*c).vowels;
            vowels.contains(sound) && (sound != 'a' || is_last || vowels != "ia")
        })
    }
}

fn is_vowel(c: char) -> bool {
    matches!(c, 'a' | 'i' | 'u')
}

/// What a word in Latin letters is looked up by: the consonants that no letter shares with a vowel or a breath. A French `ch` is one
/// of them, a German one is not.
pub(super) fn latin_keys(heard: &str) -> Vec<String> {
    let with = |ch: Option<char>| {
        collapse(heard.chars().filter_map(|c| match c {
            'c' => ch,
            c => class(c),
        }))
    };
    let mut keys = vec![with(None), with(Some('d'))];
    keys.dedup();
    keys
}

/// The same of a word in plain letters: whatever spells it has this key.
pub(super) fn native_key(native: &str) -> String {
    collapse(
        native
            .chars()
            .filter_map(|c| letter(c).consonants.chars().find_map(class)),
    )
}

fn class(c: char) -> Option<char> {
    match c {
        's' | 'z' | 't' | 'd' => Some('d'),
        'l' | 'm' | 'n' | 'r' => Some(c),
        _ => None,
    }
}

fn collapse(classes: impl Iterator<Item = char>) -> String {
    let mut out = String::new();
    for class in classes {
        if !out.ends_with(class) {
            out.push(class);
        }
    }
    out
}
