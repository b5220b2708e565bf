//! From text to words with roles.
//!
//! A name may have several readings: letters that only look Latin are read as what they look
//! like and as what they are. The best reading counts.

use super::{
    PartyKind, abjad,
    compound::{self, Glued},
    fold::{self, Script},
    lexicon::{self, Role},
    token::{self, Word},
};

/// Words beyond this many are ignored; the longest listed name has 25.
const WORDS_MAX: usize = 28;
/// Characters beyond this many are ignored.
pub(super) const NAME_CHARS_MAX: usize = 400;

/// One way to read a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) words: Vec<NameWord>,
    /// Letters of the whole name, as a guess at the field width of the system it came from.
    pub(super) chars: usize,
    /// At least two words, and half of them, have no vowels inside: somebody took them out.
    pub(super) vowelless: bool,
}

/// A word in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NameWord {
    pub(super) word: Word,
    pub(super) role: Role,
    pub(super) weight: u32,
    pub(super) part: Part,
}

/// Which part of a person's name a word belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// What stands before the comma; the last word where there is no comma.
    Surname,
    /// Every other word.
    Given,
}

/// Every reading of the name, at least one word each; empty when nothing in it is legible.
pub(super) fn readings(text: &str, kind: PartyKind) -> Vec<Reading> {
    let visible: String = fold::visible(text).chars().take(NAME_CHARS_MAX).collect();
    let chars = visible.trim().chars().count();
    let mut out: Vec<Reading> = Vec::new();
    let unmasked = unmasked(&visible);
    // Letters of two scripts inside one name are a disguise, not a spelling.
    let as_written = (unmasked.is_none() || !mixes_scripts(&visible)).then(|| visible.clone());
    for plain in [as_written, unmasked].into_iter().flatten() {
        for glued in [Glued::Kept, Glued::Split] {
            let words = words(&plain, kind, glued);
            let reading = Reading {
                vowelless: lacks_vowels(&words),
                words,
                chars,
            };
            if !reading.words.is_empty() && !out.contains(&reading) {
                out.push(reading);
            }
        }
    }
    out
}

fn lacks_vowels(words: &[NameWord]) -> bool {
    let long = || {
        words
            .iter()
            .filter(|w| !w.role.is_minor() && w.word.len() > 2 && !w.word.abjad)
    };
    let without = long().filter(|w| w.word.lacks_vowels()).count();
    without > 0 && 2 * without >= long().count() && words.len() > 1
}

/// The name with look-alike letters replaced, if every foreign letter has a Latin twin.
fn unmasked(text: &str) -> Option<String> {
    if !text
        .chars()
        .any(|c| fold::script_of(c) == Some(Script::LookAlike))
    {
        return None;
    }
    if mixes_scripts(text) {
        return Some(
            text.chars()
                .map(|c| fold::look_alike(c).unwrap_or(c))
                .collect(),
        );
    }
    text.chars()
        .map(|c| match fold::script_of(c) {
            Some(Script::LookAlike) => fold::look_alike(c),
            _ => Some(c),
        })
        .collect()
}

fn mixes_scripts(text: &str) -> bool {
    let has = |script| text.chars().any(|c| fold::script_of(c) == Some(script));
    has(Script::Latin) && has(Script::LookAlike)
}

fn words(text: &str, kind: PartyKind, glued: Glued) -> Vec<NameWord> {
    let mut pieces = pieces(text, kind);
    join_dotted_letters(&mut pieces, kind);
    let mut pieces = compound::normal(pieces, glued);
    if kind != PartyKind::Person {
        // Of what is not known to be a company, `Dev` may be a name: it is read both ways.
        if kind != PartyKind::Unknown || glued == Glued::Split {
            pieces = pieces.into_iter().flat_map(company_words).collect();
        }
        replace_phrases(&mut pieces);
        join_numbers(&mut pieces);
    }
    pieces.truncate(WORDS_MAX);
    let mut out: Vec<NameWord> = Vec::new();
    let count = pieces.len();
    let names = pieces
        .iter()
        .filter(|piece| !lexicon::is_particle(&piece.text))
        .count();
    for (i, piece) in pieces.into_iter().enumerate() {
        let role = match role(&piece.text, i, count, kind) {
            // What its Latin letters look like says nothing of a word in its own script.
            Role::Initial | Role::Title | Role::Particle | Role::Patronymic
                if piece.native.is_some() =>
            {
                Role::Content
            }
            role => role,
        };
        let word = Word::new(normal_form(piece.text, role), piece.native, piece.abjad);
        // A name said twice is said once: `Shoigu Shoigu Sergey`.
        let repeats = out.last().is_some_and(|last: &NameWord| {
            last.word.text == word.text
                && word.len() > 3
                && last.role == Role::Content
                && last.part == piece.part
                && names > 2
        });
        if !repeats {
            out.push(NameWord {
                weight: token::weight(&word, role),
                word,
                role,
                part: piece.part,
            });
        }
    }
    promote_if_nothing_identifies(&mut out);
    promote_titles_of_short_names(&mut out, kind);
    let has_comma = out.iter().any(|w| w.part == Part::Surname);
    let last = out.iter_mut().rfind(|w| w.role == Role::Content);
    if let Some(last) = last.filter(|_| !has_comma && kind == PartyKind::Person) {
        last.part = Part::Surname;
    }
    out
}

/// Beside a single name a title is a name, too: `Aly Sayed`, `Sheikh, Ahmed`.
fn promote_titles_of_short_names(words: &mut [NameWord], kind: PartyKind) {
    let names = |part: Option<Part>| {
        let of = |w: &&NameWord| w.role == Role::Content && part.is_none_or(|part| w.part == part);
        words.iter().filter(of).count()
    };
    let (all, surnames) = (names(None), names(Some(Part::Surname)));
    let lacks = |w: &NameWord| all < 2 || (w.part == Part::Surname && surnames == 0);
    let is_name = |w: &NameWord| w.role == Role::Title && lexicon::is_name_too(&w.word.text);
    if kind != PartyKind::Person {
        return;
    }
    for w in words.iter_mut().filter(|w| is_name(w) && lacks(w)) {
        w.role = Role::Content;
        w.weight = token::weight(&w.word, Role::Content);
    }
}

/// A name made of particles, titles and forms alone is still a name.
fn promote_if_nothing_identifies(words: &mut [NameWord]) {
    let identifies =
        |w: &NameWord| matches!(w.role, Role::Content | Role::Descriptor | Role::Patronymic);
    if words.iter().any(identifies) {
        return;
    }
    for w in words {
        w.role = Role::Content;
        w.weight = token::weight(&w.word, Role::Content);
    }
}

/// A word before it has a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) native: Option<String>,
    pub(super) abjad: bool,
    pub(super) part: Part,
}

impl Piece {
    pub(super) fn latin(text: String) -> Self {
        Self {
            text,
            native: None,
            abjad: false,
            part: Part::Given,
        }
    }
}

/// Splits at everything that is not a letter, digit, mark or apostrophe, and where a small
/// letter meets a capital.
fn pieces(text: &str, kind: PartyKind) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::new();
    let mut current = Vec::new();
    for c in text.chars().chain([' ']) {
        let joins = c.is_alphanumeric() || fold::is_mark(c);
        let splits_camel = c.is_uppercase() && ends_camel_hump(&current);
        if !current.is_empty() && (splits_camel || !(joins || is_apostrophe(c))) {
            push_piece(&mut out, &current);
            current.clear();
        }
        if joins {
            current.push(c);
        }
        if c == '&' {
            push_piece(&mut out, &['a', 'n', 'd']);
        }
        let ends_surname = kind == PartyKind::Person && is_comma(c);
        if ends_surname && out.iter().all(|piece| piece.part == Part::Given) {
            out.iter_mut().for_each(|piece| piece.part = Part::Surname);
        }
    }
    out
}

fn is_comma(c: char) -> bool {
    matches!(c, ',' | '،' | '、' | '，')
}

/// Whether a capital after `before` starts a word: the word begins with a capital and at least two
/// small letters stand between, so that `RlO`, a scanner's `RIO`, is left whole.
fn ends_camel_hump(before: &[char]) -> bool {
    before.first().is_some_and(|c| c.is_uppercase())
        && before.len() > 2
        && before[before.len() - 2..].iter().all(|c| c.is_lowercase())
}

fn push_piece(out: &mut Vec<Piece>, chars: &[char]) {
    let all = |script| {
        chars
            .iter()
            .all(|&c| fold::is_mark(c) || fold::script_of(c) == Some(script))
    };
    if all(Script::Abjad) {
        let plain: String = chars.iter().filter_map(|&c| abjad::plain(c)).collect();
        out.extend(abjad::split(&plain).into_iter().filter_map(abjad_piece));
        return;
    }
    let text = latin(chars.iter().copied());
    if !text.is_empty() {
        out.push(Piece {
            native: all(Script::Han).then(|| chars.iter().collect()),
            ..Piece::latin(text)
        });
    }
}

/// A word in plain Arabic or Hebrew letters. Words that many names have are as in Latin letters.
fn abjad_piece(word: &str) -> Option<Piece> {
    if let Some(latin) = abjad::small(word) {
        return Some(Piece::latin(latin.to_owned()));
    }
    let text = latin(word.chars());
    (!text.is_empty()).then(|| Piece {
        native: Some(word.to_owned()),
        abjad: true,
        ..Piece::latin(text)
    })
}

fn latin(chars: impl Iterator<Item = char>) -> String {
    let mut text = String::new();
    chars.for_each(|c| fold::latinise(c, &mut text));
    text
}

fn is_apostrophe(c: char) -> bool {
    matches!(
        c,
        '\'' | '’' | '‘' | '`' | '´' | 'ʻ' | 'ʼ' | 'ʹ' | '′' | '＇'
    )
}

/// `A.B.C.` is one word in the name of a company and three initials in the name of a person.
fn join_dotted_letters(pieces: &mut Vec<Piece>, kind: PartyKind) {
    if kind == PartyKind::Person {
        return;
    }
    let mut out: Vec<Piece> = Vec::new();
    let mut open = false;
    for piece in pieces.drain(..) {
        let single = piece.text.len() == 1 && !token::is_number(&piece.text);
        match out.last_mut() {
            Some(last) if open && single => last.text.push_str(&piece.text),
            _ => out.push(piece),
        }
        open = single;
    }
    *pieces = out;
}

/// A word of a company's name without abbreviation, and apart from the legal form that is glued to it.
fn company_words(piece: Piece) -> Vec<Piece> {
    let word = |text: &str| Piece {
        text: text.to_owned(),
        ..piece.clone()
    };
    if piece.native.is_some() {
        return vec![piece];
    }
    if let Some(whole) = lexicon::unabbreviated(&piece.text) {
        return vec![word(whole)];
    }
    let glued = lexicon::GLUED_FORMS.iter().find_map(|form| {
        let stem = piece.text.strip_suffix(form)?;
        (stem.len() > 3).then_some((stem, *form))
    });
    match glued {
        Some((stem, form)) => vec![word(stem), word(form)],
        None => vec![piece],
    }
}

fn replace_phrases(pieces: &mut Vec<Piece>) {
    for (phrase, short) in lexicon::LEGAL_PHRASES {
        let found = pieces.windows(phrase.len()).position(|window| {
            window
                .iter()
                .zip(*phrase)
                .all(|(piece, word)| piece.text == *word)
        });
        if let Some(at) = found {
            let joined = Piece::latin((*short).to_owned());
            pieces.splice(at..at + phrase.len(), [joined]);
        }
    }
}

/// Number words become digits, and a ten followed by a unit is one number.
fn join_numbers(pieces: &mut Vec<Piece>) {
    let mut out: Vec<Piece> = Vec::new();
    let mut tens: Option<u32> = None;
    for (i, mut piece) in pieces.drain(..).enumerate() {
        let value = lexicon::number_word(&piece.text)
            .filter(|_| i > 0 || !matches!(piece.text.as_str(), "xi" | "vi" | "ii" | "iv"));
        if let Some(value) = value {
            if let Some(tens) = tens.take().filter(|_| value < 10)
                && let Some(last) = out.last_mut()
            {
                last.text = (tens + value).to_string();
                continue;
            }
            tens = (20..100).contains(&value).then_some(value);
            piece.text = value.to_string();
        } else {
            tens = None;
        }
        out.push(piece);
    }
    *pieces = out;
}

fn role(text: &str, index: usize, count: usize, kind: PartyKind) -> Role {
    if token::is_number(text) {
        return Role::Number;
    }
    if kind == PartyKind::Vessel && index == 0 && lexicon::is_vessel_prefix(text) {
        return Role::Title;
    }
    let last = index + 1 == count;
    match kind {
        PartyKind::Person => {
            if text.len() == 1 && text != "y" && !(text == "e" && index > 0 && !last) {
                return Role::Initial;
            }
            if lexicon::is_title(text) {
                return Role::Title;
            }
            if lexicon::is_particle(text) {
                return Role::Particle;
            }
            if last && count > 2 && matches!(text, "sa" | "llc" | "ltd" | "inc" | "gmbh" | "corp") {
                return Role::LegalForm;
            }
            if lexicon::is_patronymic(text) && count > 2 {
                return Role::Patronymic;
            }
            Role::Content
        }
        PartyKind::Company | PartyKind::Vessel | PartyKind::Aircraft | PartyKind::Unknown => {
            if lexicon::legal_form(text).is_some() {
                return Role::LegalForm;
            }
            if kind == PartyKind::Unknown && lexicon::is_title(text) {
                return Role::Title;
            }
            if lexicon::is_particle(text) {
                return Role::Particle;
            }
            if lexicon::is_descriptor(text) {
                return Role::Descriptor;
            }
            if text.len() == 1 {
                Role::Initial
            } else {
                Role::Content
            }
        }
    }
}

fn normal_form(text: String, role: Role) -> String {
    match role {
        Role::LegalForm => lexicon::legal_form(&text).map_or(text, str::to_owned),
        _ => text,
    }
}
