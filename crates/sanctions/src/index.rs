//! Finds the listed names that a query may match, without comparing it with all of them.
//!
//! Invariants (guard):
//! 1. every name that [`score::pair`] gives at least the threshold is found (property test
//!    `the_index_loses_no_hit`, and [`Index::search_all`] which compares with every name)
//! 2. hits come in one order: score, then list position (sorted here)

use std::collections::BTreeMap;

use super::{
    BasisPoints, Comparison, Feature, FeatureKind, PartyKind,
    lexicon::Role,
    name::{self, NameWord, Reading},
    score,
    token::{self, Pattern, Word},
};

/// The names of a list, prepared for search.
#[derive(Clone, Debug)]
pub(super) struct Index {
    /// Distinct words by length, then text.
    words: Vec<Word>,
    /// The position in `words` of the first word of each length.
    starts: Vec<usize>,
    /// Letter counts of `words`, side by side because every search reads them.
    letters: Vec<u64>,
    /// The texts of `words` one after the other, for the same reason.
    texts: Vec<u8>,
    /// The position in `texts` of the first word of each length.
    text_starts: Vec<usize>,
    /// The rows that hold each word, and its weight there.
    postings: Vec<Vec<(u32, u32)>>,
    by_text: BTreeMap<String, Vec<u32>>,
    by_sound: BTreeMap<String, Vec<u32>>,
    by_skeleton: BTreeMap<String, Vec<u32>>,
    /// Words in Latin letters, and those in Arabic or Hebrew: each is found from the other side.
    latin_by_key: BTreeMap<String, Vec<u32>>,
    abjad_by_key: BTreeMap<String, Vec<u32>>,
    by_class: BTreeMap<u16, Vec<u32>>,
    by_translation: BTreeMap<u16, Vec<u32>>,
    /// Rows by the sound of adjacent words written together, with the words' weight.
    joined: BTreeMap<String, Vec<(u32, u32)>>,
    rows: Vec<Row>,
}

/// One reading of one listed name.
#[derive(Clone, Debug)]
struct Row {
    entry: u32,
    name: u32,
    kind: PartyKind,
    words: Vec<NameWord>,
    weight: u32,
    /// Weight of words that are not worth looking up, because nearly every name has them.
    granted: u32,
    initials: u32,
}

/// A listed name that resembles the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Position of the entry in its list.
    pub(super) entry: usize,
    /// Position of the name in its entry.
    pub(super) name: usize,
    pub(super) comparison: Comparison,
}

/// A name to put into an index: position of its entry, position in the entry, kind, text.
pub(super) type Listed<'a> = (usize, usize, PartyKind, &'a str);

impl Index {
    pub(super) fn new<'a>(names: impl Iterator<Item = Listed<'a>>) -> Self {
        let rows = rows(names);
        let mut vocabulary: BTreeMap<(usize, &Word), Vec<(u32, u32)>> = BTreeMap::new();
        for (number, row) in (0_u32..).zip(&rows) {
            for word in &row.words {
                let key = (word.word.len(), &word.word);
                vocabulary
                    .entry(key)
                    .or_default()
                    .push((number, word.weight));
            }
        }
        let (words, postings): (Vec<Word>, Vec<_>) = vocabulary
            .into_iter()
            .map(|((_, word), rows)| (word.clone(), rows))
            .unzip();
        let starts: Vec<usize> = (0..=token::WORD_BYTES_MAX + 1)
            .map(|len| words.partition_point(|word| word.len() < len))
            .collect();
        let bytes_before = |&start: &usize| words[..start].iter().map(Word::len).sum();
        let keyed = |key: &dyn Fn(&Word) -> String| group(&words, |w| vec![key(w)]);
        Self {
            texts: words.iter().flat_map(|word| word.text.bytes()).collect(),
            text_starts: starts.iter().map(bytes_before).collect(),
            letters: words.iter().map(|word| word.letters).collect(),
            by_text: keyed(&|w| w.text.clone()),
            by_sound: keyed(&|w| w.sound.clone()),
            by_skeleton: keyed(&|w| w.skeleton.clone()),
            latin_by_key: group(&words, |w| abjad_keys(w, false)),
            abjad_by_key: group(&words, |w| abjad_keys(w, true)),
            by_class: group(&words, |w| {
                w.classes.into_iter().filter(|&c| c > 0).collect()
            }),
            by_translation: group(&words, |w| {
                w.translations.into_iter().filter(|&c| c > 0).collect()
            }),
            joined: joined(&rows),
            starts,
            postings,
            words,
            rows,
        }
    }

    /// The best match of each entry that reaches the threshold.
    pub(super) fn search(&self, query: &str, kind: PartyKind, least: BasisPoints) -> Vec<Found> {
        self.collect(query, kind, least, |reading| {
            self.candidates(reading, kind, least)
        })
    }

    /// The same by comparing with every name; the definition that `search` is tested against.
    #[cfg(test)]
    pub(super) fn search_all(&self, query: &str, kind: PartyKind, least: u32) -> Vec<Found> {
        self.collect(query, kind, least, |_| (0..self.rows.len()).collect())
    }

    fn collect(
        &self,
        query: &str,
        kind: PartyKind,
        least: BasisPoints,
        candidates: impl Fn(&Reading) -> Vec<usize>,
    ) -> Vec<Found> {
        let mut best: BTreeMap<u32, (BasisPoints, usize, usize)> = BTreeMap::new();
        let readings = name::readings(query, kind);
        for (which, reading) in readings.iter().enumerate() {
            for number in candidates(reading) {
                let row = &self.rows[number];
                let score = score::pair(reading, &score::refs(&row.words)).score_bp;
                let score = kind.narrowed(row.kind, score);
                let known = best.get(&row.entry).map_or(0, |(score, _, _)| *score);
                if score >= least && score > known {
                    best.insert(row.entry, (score, which, number));
                }
            }
        }
        let mut found: Vec<Found> = best
            .into_values()
            .map(|(_, which, number)| self.explain(&readings[which], kind, number))
            .collect();
        found.sort_by_key(|f| (std::cmp::Reverse(f.comparison.score_bp), f.entry));
        found
    }

    fn explain(&self, reading: &Reading, kind: PartyKind, number: usize) -> Found {
        let row = &self.rows[number];
        let listed = score::refs(&row.words);
        let mut comparison = score::pair(reading, &listed).explain(reading, &listed);
        comparison.score_bp = kind.narrowed(row.kind, comparison.score_bp);
        if !kind.may_be(row.kind) {
            comparison.features.push(Feature {
                kind: FeatureKind::KindDiffers,
                query: kind.text().to_owned(),
                listed: row.kind.text().to_owned(),
                similarity_bp: 0,
                weight: 0,
            });
        }
        Found {
            entry: row.entry as usize,
            name: row.name as usize,
            comparison,
        }
    }

    /// Rows whose score may reach the threshold, by an upper bound from the words they share.
    fn candidates(&self, query: &Reading, kind: PartyKind, least: BasisPoints) -> Vec<usize> {
        let mut tally = Tally::new(self.rows.len());
        for (i, word) in query.words.iter().enumerate() {
            if word.role == Role::Initial {
                continue;
            }
            tally.begin(word.weight);
            if !is_granted(word.role) {
                for id in self.alike(query, i) {
                    tally.add_all(&self.postings[id as usize]);
                }
            }
            if let Some(rows) = self.joined.get(&word.word.sound) {
                tally.add_all(rows);
            }
        }
        for (sound, weight) in joined_sounds(&query.words) {
            tally.begin(weight);
            for id in self.by_sound.get(&sound).into_iter().flatten() {
                tally.add_all(&self.postings[*id as usize]);
            }
        }
        let bound = Bound::new(query);
        tally
            .touched()
            .filter(|&(number, q, l)| {
                let row = &self.rows[number];
                let most = u32::try_from(bound.score(row, q, l)).unwrap_or(u32::MAX);
                kind.narrowed(row.kind, most) >= least
            })
            .map(|(number, _, _)| number)
            .collect()
    }

    /// Every word of the vocabulary that the query's word may be paired with.
    fn alike(&self, query: &Reading, i: usize) -> Vec<u32> {
        let word = &query.words[i].word;
        let mut ids: Vec<u32> = Vec::new();
        ids.extend(self.by_text.get(&word.text).into_iter().flatten());
        ids.extend(self.by_sound.get(&word.sound).into_iter().flatten());
        ids.extend(self.by_skeleton.get(&word.skeleton).into_iter().flatten());
        let other_side = match word.abjad {
            true => &self.latin_by_key,
            false => &self.abjad_by_key,
        };
        for key in &word.abjad_keys {
            ids.extend(other_side.get(key).into_iter().flatten());
        }
        for class in word.classes {
            ids.extend(self.by_class.get(&class).into_iter().flatten());
        }
        for class in word.translations {
            ids.extend(self.by_translation.get(&class).into_iter().flatten());
        }
        self.add_near(word, &mut ids);
        if i > 0 && i + 1 == query.words.len() {
            let from = self.by_text.range(word.text.clone()..);
            let cut = from.take_while(|(text, _)| text.starts_with(&word.text));
            ids.extend(cut.flat_map(|(_, ids)| ids));
        }
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|&id| {
            let listed = &self.words[id as usize];
            score::similar(query, i, listed).bp > 0
        });
        ids
    }
}

impl Index {
    /// Words within the edit distance, one length at a time, so that nearly all of them are
    /// dismissed by their letter counts alone.
    fn add_near(&self, word: &Word, ids: &mut Vec<u32>) {
        let pattern = Pattern::new(word.text.as_bytes());
        let reach = token::edits_max(word.len() + 3);
        let longest = (word.len() + reach).min(token::WORD_BYTES_MAX);
        for len in word.len().saturating_sub(reach)..=longest {
            let edits = token::edits_max(len.max(word.len()));
            let texts = &self.texts[self.text_starts[len]..self.text_starts[len + 1]];
            let counts = &self.letters[self.starts[len]..self.starts[len + 1]];
            for ((id, counts), text) in (self.starts[len]..)
                .zip(counts)
                .zip(texts.chunks(len.max(1)))
            {
                if token::may_be_near(word.len(), word.letters, len, *counts)
                    && pattern.distance(text) <= edits
                {
                    ids.push(id as u32);
                }
            }
        }
    }
}

/// What is left of a name's score where the kinds contradict each other: an equal name still comes up for review.
const OTHER_KIND_PERCENT: u64 = 90;

impl PartyKind {
    /// The score of a name of this kind beside a listed one. A kind narrows the score, never the search.
    fn narrowed(self, listed: Self, score: BasisPoints) -> BasisPoints {
        match self.may_be(listed) {
            true => score,
            false => (u64::from(score) * OTHER_KIND_PERCENT / 100) as BasisPoints,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Company => "company",
            Self::Vessel => "vessel",
            Self::Aircraft => "aircraft",
            Self::Unknown => "unknown",
        }
    }

    /// Whether a party of this kind may be an entry of the other.
    fn may_be(self, listed: Self) -> bool {
        use PartyKind::{Aircraft, Unknown, Vessel};
        self == listed
            || self == Unknown
            || listed == Unknown
            || matches!((self, listed), (Vessel, Aircraft) | (Aircraft, Vessel))
    }
}

fn rows<'a>(names: impl Iterator<Item = Listed<'a>>) -> Vec<Row> {
    let index = |i: usize| u32::try_from(i).expect("lists are capped below 2^32 names");
    names
        .flat_map(|(entry, name, kind, text)| {
            name::readings(text, kind).into_iter().map(move |reading| {
                let words = reading.words;
                let sum = |keep: &dyn Fn(&NameWord) -> bool| -> u32 {
                    words.iter().filter(|w| keep(w)).map(|w| w.weight).sum()
                };
                Row {
                    entry: index(entry),
                    name: index(name),
                    kind,
                    weight: sum(&|_| true),
                    granted: sum(&|w| is_granted(w.role) || w.word.is_initial()),
                    initials: words.iter().filter(|w| w.word.is_initial()).count() as u32,
                    words,
                }
            })
        })
        .collect()
}

fn group<K: Ord>(words: &[Word], keys: impl Fn(&Word) -> Vec<K>) -> BTreeMap<K, Vec<u32>> {
    let mut out: BTreeMap<K, Vec<u32>> = BTreeMap::new();
    for (id, word) in (0_u32..).zip(words) {
        for key in keys(word) {
            out.entry(key).or_default().push(id);
        }
    }
    out
}

fn abjad_keys(word: &Word, abjad: bool) -> Vec<String> {
    let keys = (word.abjad == abjad).then(|| word.abjad_keys.clone());
    keys.unwrap_or_default()
}

fn joined(rows: &[Row]) -> BTreeMap<String, Vec<(u32, u32)>> {
    let mut out: BTreeMap<String, Vec<(u32, u32)>> = BTreeMap::new();
    for (number, row) in (0_u32..).zip(rows) {
        for (sound, weight) in joined_sounds(&row.words) {
            out.entry(sound).or_default().push((number, weight));
        }
    }
    out
}

/// What two or three adjacent words sound like when written together, and what they weigh.
fn joined_sounds(words: &[NameWord]) -> Vec<(String, u32)> {
    (2..=score::JOINED_WORDS_MAX.min(words.len()))
        .flat_map(|count| words.windows(count))
        .map(|part| {
            (
                score::joined_sound(part),
                part.iter().map(|w| w.weight).sum(),
            )
        })
        .collect()
}

/// Roles whose words are taken as matched: they weigh next to nothing and occur everywhere.
fn is_granted(role: Role) -> bool {
    role.is_minor() || role == Role::Number
}

/// For each row, the weight of query words and of listed words that may be paired.
struct Tally {
    rows: Vec<(u32, u32, u32)>,
    turn: u32,
    weight: u32,
    touched: Vec<u32>,
}

impl Tally {
    fn new(rows: usize) -> Self {
        Self {
            rows: vec![(0, 0, 0); rows],
            turn: 0,
            weight: 0,
            touched: Vec::new(),
        }
    }

    fn begin(&mut self, weight: u32) {
        self.turn += 1;
        self.weight = weight;
    }

    fn add_all(&mut self, postings: &[(u32, u32)]) {
        for &(number, weight) in postings {
            let (turn, q, l) = &mut self.rows[number as usize];
            if *turn == 0 {
                self.touched.push(number);
            }
            if *turn != self.turn {
                *turn = self.turn;
                *q += self.weight;
            }
            *l += weight;
        }
    }

    fn touched(&self) -> impl Iterator<Item = (usize, u32, u32)> {
        self.touched.iter().map(|&number| {
            let (_, q, l) = self.rows[number as usize];
            (number as usize, q, l)
        })
    }
}

/// The highest score that a row's tally allows.
struct Bound {
    weight: u32,
    granted: u32,
    initials: u32,
    heaviest: u32,
}

impl Bound {
    fn new(query: &Reading) -> Self {
        let of = |keep: &dyn Fn(&NameWord) -> bool| -> u32 {
            query
                .words
                .iter()
                .filter(|w| keep(w))
                .map(|w| w.weight)
                .sum()
        };
        Self {
            weight: of(&|_| true),
            granted: of(&|w| is_granted(w.role) || w.word.is_initial()),
            initials: query.words.iter().filter(|w| w.word.is_initial()).count() as u32,
            heaviest: query.words.iter().map(|w| w.weight).max().unwrap_or(0),
        }
    }

    fn score(&self, row: &Row, q: u32, l: u32) -> u64 {
        let q = (q + self.granted + row.initials * self.heaviest).min(self.weight);
        let l = (l + row.granted + self.initials * token::WEIGHT_MAX).min(row.weight);
        let paired = u64::from(q.max(l));
        let mut left = score::penalty(
            u64::from(self.weight - q),
            u64::from(row.weight - l),
            u64::MAX,
        );
        if q == self.weight {
            left = left.min(score::short_form_penalty(paired));
        }
        score::share(paired * 10_000, paired, left)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WORDS: &[&str] = &[
        "Muhammad",
        "Mohamed",
        "Hasan",
        "Hussein",
        "al",
        "bin",
        "Abd",
        "Abdul",
        "Rahman",
        "Karimov",
        "Karim",
        "Ivan",
        "Ivanov",
        "Ivanovich",
        "Kim",
        "Jong",
        "Chol",
        "J.",
        "K",
        "Dr",
        "Sayyed",
        "Haji",
        "Trading",
        "Company",
        "Ltd",
        "Bank",
        "7",
        "8",
        "Petrov",
        "Petrova",
        "Rash",
        "id",
        "Rashid",
        "Garcia",
        "Lopez",
        "de",
        "la",
        "Cruz",
        "Путин",
        "حسن",
        "Abu",
        "Omar",
        "Bakr",
    ];

    fn word() -> impl Strategy<Value = String> {
        let plain = prop::sample::select(WORDS).prop_map(str::to_owned);
        let near =
            (prop::sample::select(WORDS), any::<usize>(), "[a-z]?").prop_map(|(w, at, c)| {
                let mut letters: Vec<char> = w.chars().collect();
                let at = at % letters.len();
                letters.splice(at..=at, c.chars());
                letters.into_iter().collect()
            });
        let bare =
            prop::sample::select(WORDS).prop_map(|w| w.replace(['a', 'e', 'i', 'o', 'u'], ""));
        prop_oneof![4 => plain, 2 => near, 1 => bare]
    }

    fn name() -> impl Strategy<Value = String> {
        (
            prop::collection::vec(word(), 1..6),
            prop::sample::select(vec![" ", "-", ""]),
        )
            .prop_map(|(words, first)| words.join(" ").replacen(' ', first, 1))
    }

    fn kind() -> impl Strategy<Value = PartyKind> {
        use PartyKind::{Aircraft, Company, Person, Unknown, Vessel};
        prop::sample::select(vec![Person, Person, Company, Vessel, Aircraft, Unknown])
    }

    proptest! {
        #[test]
        fn the_index_loses_no_hit(
            listed in prop::collection::vec((name(), kind()), 1..40),
            queries in prop::collection::vec((name(), kind()), 20),
            least in 6_000_u32..9_500,
        ) {
            let names = listed.iter().enumerate().map(|(i, (name, kind))| (i, 0, *kind, name.as_str()));
            let index = Index::new(names);
            for (query, kind) in queries {
                prop_assert_eq!(
                    index.search(&query, kind, least),
                    index.search_all(&query, kind, least)
                );
            }
        }

        #[test]
        fn every_legible_name_finds_itself(name in name(), kind in kind()) {
            let index = Index::new([(0, 0, kind, name.as_str())].into_iter());
            if !name::readings(&name, kind).is_empty() {
                let found = index.search(&name, kind, 9_499);
                prop_assert_eq!(found.len(), 1, "{}", name);
            }
        }
    }
}
