//! Names in Arabic and Hebrew letters beside names in Latin letters: consonants and long vowels are written, short ones are not.
//!
//! A Latin word is taken by how it is heard ([`heard`]), so that the romanisations of one letter fall together. The
//! tables are facts of the writing systems of Arabic, Persian, Urdu, Pashto, Kurdish and Hebrew.

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
        _ if matches!(u32::from(c), 0x591..=0x5C7 | 0x610..=0x61A | 0x64B..=0x65F | 0x670 | 0x6D6..=0x6ED) =>
        {
            return None;
        }
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

/// How a word in Latin letters is heard, for [`spells`]: vowels are `a`, `i` and `u`, an `h` behind a consonant stays.
pub(super) fn heard(latin: &str) -> String {
    let mut out = String::with_capacity(latin.len());
    let mut rest = latin;
    while let Some(first) = rest.chars().next() {
        let (taken, written) = match rest.as_bytes() {
            [b'd', b'j', ..] => (2, "j"),
            [b'c', b'h', ..] => (2, "c"),
            [b'c', b'e' | b'i' | b'y', ..] => (1, "s"),
            [b'p', b'h', ..] => (2, "f"),
            [b'e' | b'i' | b'y', ..] => (1, "i"),
            [b'o' | b'u', ..] => (1, "u"),
            [b'w' | b'v', ..] => (1, "w"),
            [b'q' | b'c', ..] => (1, "k"),
            [b'x', ..] => (1, "ks"),
            _ => (first.len_utf8(), &rest[..first.len_utf8()]),
        };
        for c in written.chars() {
            if !out.ends_with(c) {
                out.push(c);
            }
        }
        rest = &rest[taken..];
    }
    out
}

/// What a letter may stand for: consonants by how they sound, vowels, and whether it may be silent.
struct Letter {
    consonants: &'static str,
    vowels: &'static str,
    silent: bool,
}

fn letter(c: char) -> Letter {
    let (consonants, vowels, silent) = match c {
        'ا' | 'א' => ("", "aiu", false),
        'ع' | 'ء' | 'ע' => ("", "aiu", true),
        'ب' | 'پ' => ("bp", "", false),
        'ת' | 'ט' | 'ط' | 'ت' | 'ٹ' | 'ټ' => ("t", "", false),
        'ث' => ("ts", "", false),
        'ج' => ("jg", "", false),
        'چ' => ("ckj", "", false),
        'ح' => ("h", "", false),
        'خ' => ("kh", "", false),
        'ד' | 'د' | 'ڈ' | 'ډ' => ("d", "", false),
        'ذ' | 'ض' | 'ظ' => ("dz", "", false),
        'ר' | 'ر' | 'ڑ' | 'ړ' => ("r", "", false),
        'ס' | 'س' | 'ص' => ("s", "", false),
        'ז' | 'ز' => ("z", "", false),
        'ש' | 'ش' => ("sc", "", false),
        'څ' | 'צ' => ("stz", "", false),
        'ځ' => ("dz", "", false),
        'ژ' | 'ږ' => ("zj", "", false),
        'ښ' => ("sh", "", false),
        'غ' | 'ג' => ("g", "", false),
        'ق' => ("kg", "", false),
        'ק' => ("k", "", false),
        'ك' => ("k", "", false),
        'گ' | 'ګ' => ("gk", "", false),
        'ف' => ("f", "", false),
        'פ' => ("pf", "", false),
        'ב' => ("bw", "", false),
        'כ' => ("khc", "", false),
        'ח' => ("hck", "", false),
        'ל' | 'ل' => ("l", "", false),
        'מ' | 'م' => ("m", "", false),
        'נ' | 'ن' | 'ں' | 'ڼ' => ("n", "", false),
        'ه' | 'ה' => ("h", "ai", true),
        'ھ' => ("h", "", true),
        'ة' => ("h", "a", true),
        'و' | 'ו' => ("w", "u", false),
        'ي' | 'י' => ("", "ia", false),
        _ => ("", "aiu", true),
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
    begins && rest_spells(&letters, heard.as_bytes(), 0)
}

/// Short vowels that stand side by side and are not written.
const SHORT_MAX: usize = 2;

fn rest_spells(letters: &[char], heard: &[u8], short: usize) -> bool {
    // A long vowel has no short one before it, but for the diphthongs.
    let before_long = matches!(letters.first(), Some('ا' | 'א'));
    let skip_vowel = || match heard {
        [first, rest @ ..] if !before_long => {
            short < SHORT_MAX
                && is_vowel(char::from(*first))
                && rest_spells(letters, rest, short + 1)
        }
        _ => false,
    };
    let Some((&first, after)) = letters.split_first() else {
        // A vowel at the end is written, but for the silent one of French.
        return matches!(heard, b"" | b"h" | b"a" | b"i" | b"ah");
    };
    let it = letter(first);
    if it.silent && rest_spells(after, heard, short) {
        return true;
    }
    let Some((&sound, rest)) = heard.split_first() else {
        return false;
    };
    let sound = char::from(sound);
    // The `a` of `Musa` is written with the letter of `i`, at the end alone.
    let is_vowel_of = |letter: &Letter, last: bool| {
        letter.vowels.contains(sound) && (sound != 'a' || last || letter.vowels != "ia")
    };
    if is_vowel_of(&it, after.is_empty()) {
        let same = after
            .first()
            .is_some_and(|next| is_vowel_of(&letter(*next), after.len() == 1));
        if rest_spells(after, rest, 0) || (same && rest_spells(&after[1..], rest, 0)) {
            return true;
        }
    }
    if it.consonants.contains(sound) && consonant_spells(first, after, rest, sound) {
        return true;
    }
    skip_vowel()
}

/// The rest after a consonant: one `h` may belong to it (`kh`, `sh`), and a second letter may be heard as the same.
fn consonant_spells(letter_of: char, after: &[char], rest: &[u8], sound: char) -> bool {
    let doubled = after
        .first()
        .is_some_and(|next| letter(*next).consonants.contains(sound));
    let digraph = rest.strip_prefix(b"h");
    // `s` is not `sh`, as `z` is not `zh`.
    let (alone, with_h) = match (sound, letter_of) {
        ('s', 'ش') => (false, true),
        ('s', 'ש' | 'ښ') | ('z', 'ژ' | 'ږ') => (true, true),
        ('s' | 'z', _) => (true, false),
        _ => (true, true),
    };
    let rests = [alone.then_some(rest), digraph.filter(|_| with_h)];
    rests
        .into_iter()
        .flatten()
        .any(|rest| rest_spells(after, rest, 0) || (doubled && rest_spells(&after[1..], rest, 0)))
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
