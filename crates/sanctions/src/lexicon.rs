//! Words that are not the name itself, and spellings of one name.
//!
//! The tables are onomastic facts: honorifics, particles, legal forms and romanisations in
//! common use. A word is looked up after folding, so every entry is lower-case ASCII.

mod companies;
mod people;

use companies::{ABBREVIATIONS, DESCRIPTORS, LEGAL_FORMS, NUMBER_WORDS, VESSEL_PREFIXES};
pub(super) use companies::{GLUED_FORMS, LEGAL_PHRASES};
use people::{COMMON, PARTICLES, TITLES, TITLES_THAT_ARE_NAMES, TRANSLATIONS, VARIANTS};

/// What a word contributes to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// A word that identifies.
    Content,
    /// A father's name of the East Slavic kind (`Ivanovich`).
    Patronymic,
    /// A line-of-business or place-like word that many organisations share.
    Descriptor,
    /// `al`, `bin`, `de`: often dropped or glued to the next word.
    Particle,
    /// `Dr`, `Sheikh`, `Jr`.
    Title,
    /// `Ltd`, `GmbH`, `OOO`.
    LegalForm,
    /// A number, in digits.
    Number,
    /// One letter.
    Initial,
}

impl Role {
    /// Whether a word of this role leads to listed names.
    pub(super) fn is_searched(self) -> bool {
        !self.is_minor() && !matches!(self, Self::Number | Self::Initial)
    }

    /// Whether words of this role weigh next to nothing.
    pub(super) fn is_minor(self) -> bool {
        matches!(self, Self::Particle | Self::Title | Self::LegalForm)
    }
}

/// Whether the title is a name as well.
pub(super) fn is_name_too(title: &str) -> bool {
    TITLES_THAT_ARE_NAMES.contains(&title)
}

/// The whole word that an abbreviation in a company's name stands for.
pub(super) fn unabbreviated(word: &str) -> Option<&'static str> {
    let found = ABBREVIATIONS.iter().find(|(short, _)| *short == word);
    found.map(|(_, whole)| *whole)
}

/// Whether the word is a particle.
pub(super) fn is_particle(word: &str) -> bool {
    PARTICLES.contains(&word)
}

/// Whether the word is an honorific or a generational suffix.
pub(super) fn is_title(word: &str) -> bool {
    TITLES.contains(&word)
}

/// Whether the word is a prefix of ship names (`M/V`).
pub(super) fn is_vessel_prefix(word: &str) -> bool {
    VESSEL_PREFIXES.contains(&word)
}

/// The normal form of a legal form's abbreviation.
pub(super) fn legal_form(word: &str) -> Option<&'static str> {
    LEGAL_FORMS
        .iter()
        .find(|(form, _)| *form == word)
        .map(|(_, normal)| *normal)
}

/// Whether many organisations share the word.
pub(super) fn is_descriptor(word: &str) -> bool {
    DESCRIPTORS.contains(&word)
}

/// The value of a number word or Roman numeral.
pub(super) fn number_word(word: &str) -> Option<u32> {
    NUMBER_WORDS
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, value)| *value)
}

/// Classes of spellings that the word belongs to, numbered from one; at most two.
pub(super) fn variant_classes(word: &str) -> [u16; 2] {
    classes(VARIANTS, word)
}

/// Classes of translations that the word belongs to, numbered from one; at most two.
pub(super) fn translation_classes(word: &str) -> [u16; 2] {
    classes(TRANSLATIONS, word)
}

fn classes(table: &[&[&str]], word: &str) -> [u16; 2] {
    let mut classes = [0; 2];
    let mut found = 0;
    for (number, spellings) in (1_u16..).zip(table) {
        if found < classes.len() && spellings.contains(&word) {
            classes[found] = number;
            found += 1;
        }
    }
    classes
}

/// Whether the name is so common that it identifies little.
pub(super) fn is_common(word: &str, classes: [u16; 2]) -> bool {
    COMMON.contains(&word)
        || classes.iter().any(|&class| {
            class > 0
                && VARIANTS[usize::from(class) - 1]
                    .iter()
                    .any(|form| COMMON.contains(form))
        })
}

/// Whether the word has the shape of an East Slavic patronymic.
pub(super) fn is_patronymic(word: &str) -> bool {
    word.len() >= 7
        && [
            "ovich", "evich", "ovna", "evna", "ovitch", "evitch", "ovych", "avich", "yevich",
        ]
        .iter()
        .any(|ending| word.ends_with(ending))
}
