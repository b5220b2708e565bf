//! Names that Arabic makes of several words: `Abd al-Rahman`, `Nur al-Din`, `Nasr Allah`. Romanisations glue them, split them, drop the
//! article or give it the sound of the next letter; all of it becomes one sequence of words.

use super::{lexicon, name::Piece};

/// What becomes of `Nuruddin` and `Nasrullah`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Glued {
    /// One word, so that a slip in it is a slip in one word.
    Kept,
    /// `nur din` and `nasr allah`, as they are where they are written apart.
    Split,
}

/// The pieces with every such name in its one form: `abdul` before a name of God, `din` and `allah` behind a name.
pub(super) fn normal(pieces: Vec<Piece>, glued: Glued) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::new();
    for piece in pieces.into_iter().flat_map(|piece| split(piece, glued)) {
        match out.last_mut().filter(|last| last.text == ABD) {
            Some(_) if lexicon::is_particle(&piece.text) => {}
            Some(last) if piece.text == "allah" => "abdullah".clone_into(&mut last.text),
            Some(_) => out.push(without_article(piece)),
            None => out.push(piece),
        }
    }
    out
}

/// `Alrahman` behind `Abd` is `Rahman`.
fn without_article(piece: Piece) -> Piece {
    let name = ["al", "el", "ul"]
        .iter()
        .find_map(|article| piece.text.strip_prefix(article));
    match name.filter(|name| name.len() >= STEM_MIN && piece.native.is_none()) {
        Some(name) => Piece {
            text: name.to_owned(),
            ..piece
        },
        None => piece,
    }
}

const ABD: &str = "abdul";
/// `al-Din` behind a name and glued to it. The longest come first.
const DIN: &[&str] = &[
    "uddeen", "eddeen", "uldeen", "eldeen", "aldeen", "eddine", "uddine", "addine", "iddine",
    "eldine", "uddin", "eddin", "addin", "iddin", "oddin", "uldin", "eldin", "aldin", "ettin",
    "attin", "uttin", "edine", "udin", "edin",
];
/// The same as a word of its own.
const DIN_ALONE: &[&str] = &[
    "din", "deen", "dine", "dien", "eddin", "eddine", "uddin", "aldin", "eldin", "uldin", "addin",
    "iddin",
];
/// `Allah` behind a name and glued to it, or alone.
const ALLAH: &[&str] = &["ullah", "allah", "ollah", "ellah", "ulla", "olla"];
/// Stems that would be cut where nothing is joined.
const STEM_MIN: usize = 3;

/// One written word as the words that it joins.
fn split(piece: Piece, glued: Glued) -> Vec<Piece> {
    if piece.native.is_some() {
        return vec![piece];
    }
    let word = |text: &str| Piece {
        text: text.to_owned(),
        ..piece.clone()
    };
    if piece.text == "abd" {
        return vec![word(ABD)];
    }
    if DIN_ALONE.contains(&piece.text.as_str()) {
        return vec![word("din")];
    }
    if ALLAH.contains(&piece.text.as_str()) {
        return vec![word("allah")];
    }
    if let Some(name) = after_abd(&piece.text) {
        let name = (!name.is_empty()).then(|| word(name));
        return std::iter::once(word(ABD)).chain(name).collect();
    }
    if glued == Glued::Kept {
        return vec![piece];
    }
    for (endings, normal) in [(DIN, "din"), (ALLAH, "allah")] {
        let stem = endings
            .iter()
            .find_map(|ending| piece.text.strip_suffix(ending));
        if let Some(stem) = stem.filter(|stem| stem.len() >= STEM_MIN && !stem.starts_with("abd")) {
            return vec![word(stem), word(normal)];
        }
    }
    vec![piece]
}

/// The name behind a glued `Abdul`, `Abdel`, `Abdur` or `Abdi`; empty where it stands alone.
fn after_abd(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("abd")?;
    let rest = ["ou", "u", "a", "e", "i", "o"]
        .iter()
        .find_map(|vowel| rest.strip_prefix(vowel))?;
    let bytes = rest.as_bytes();
    let name = match bytes {
        [] => return None,
        [b'l', ..] => &rest[1..],
        // The article has the sound of the next letter.
        [a, b, ..] if a == b => &rest[1..],
        [b'r' | b's'] => "",
        _ => rest,
    };
    // `Abdullah` is one name, and so is `Abdoulaye`.
    let is_god =
        name == "la" || name.starts_with("lah") || matches!(name, "ah" | "ahi" | "aye" | "ai");
    (!is_god && (name.is_empty() || name.len() >= STEM_MIN)).then_some(name)
}
