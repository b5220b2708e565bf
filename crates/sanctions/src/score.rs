//! How strongly one name suggests another, with the reasons.
//!
//! ```text
//!             Σ weight × similarity of the paired words
//! score = ────────────────────────────────────────────────────────────
//!          Σ weight of the paired words + conflict + omission
//! ```
//!
//! Words left over on both sides contradict each other (conflict, counted on both sides); words
//! left over on one side only were left out or added (omission, counted at a fraction). All
//! arithmetic is in integers, so a score is the same on every machine.

use super::{
    BasisPoints, PartyKind,
    assign::best_pairs,
    lexicon::Role,
    name::{self, NameWord, Part, Reading},
    token::{self, Similarity, Word},
};

/// Why two words were paired, or left alone.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum FeatureKind {
    /// The same letters after folding.
    Exact,
    /// Two spellings of one name.
    Variant,
    /// The same name in another language.
    Translation,
    /// Different letters, same sound.
    Sound,
    /// The same consonants in a script that writes no short vowels.
    Transliteration,
    /// The same consonants, vowels taken out on one side.
    Skeleton,
    /// A few letters differ.
    Edit,
    /// One letter for a whole word.
    Initial,
    /// The field was cut off within the word.
    Truncated,
    /// Words glued or split.
    Joined,
    /// No counterpart.
    Unmatched,
    /// The same identifier number.
    Identifier,
    /// The same date of birth.
    BirthDate,
    /// A different date of birth; noted, never a veto.
    BirthDateDiffers,
    /// The same country.
    Country,
    /// The name is of a party of another kind; the score is lowered for it.
    KindDiffers,
}

/// One contribution to a score.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Feature {
    /// What was found.
    pub kind: FeatureKind,
    /// Words of the query, folded; empty where the listed side has no counterpart.
    pub query: String,
    /// Words of the listed name, folded; empty where the query has no counterpart.
    pub listed: String,
    /// Similarity of the two, in basis points.
    pub similarity_bp: BasisPoints,
    /// Weight in the name, in hundredths of a full word.
    pub weight: u32,
}

/// The result of comparing two names.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Comparison {
    /// 0 to 10,000.
    pub score_bp: BasisPoints,
    /// What it consists of, in the order of the query's words.
    pub features: Vec<Feature>,
}

/// Compares two names outside any list; the score of the best pair of readings.
///
/// # Examples
/// ```
/// use sanctions::{PartyKind, compare_names};
/// let same = compare_names("Ahmed Al Rashid", "AHMAD AL-RASHID", PartyKind::Person);
/// assert!(same.score_bp >= 9_000);
/// ```
pub fn compare_names(query: &str, listed: &str, kind: PartyKind) -> Comparison {
    let mut best = Comparison {
        score_bp: 0,
        features: Vec::new(),
    };
    for q in &name::readings(query, kind) {
        for l in &name::readings(listed, kind) {
            let pairing = pair(q, &refs(&l.words));
            if pairing.score_bp > best.score_bp || best.features.is_empty() {
                best = pairing.explain(q, &refs(&l.words));
            }
        }
    }
    best
}

pub(super) fn refs(words: &[NameWord]) -> Vec<&NameWord> {
    words.iter().collect()
}

/// Penalty for words left over on both sides, per unit of weight, in hundredths.
const CONFLICT_PERCENT: u64 = 220;

/// Penalty for words that only one side has, per unit of weight, in hundredths, by the weight of
/// the identifying words that are paired: one word, or two common ones, are little evidence.
const fn omission_percent(identifying: u64) -> u64 {
    match identifying {
        0..=130 => 75,
        131..=200 => 50,
        201..=260 => 24,
        _ => 20,
    }
}

/// The similarity from which two words are better paired than left alone.
const PAIR_BP: BasisPoints = 4_000;
/// How alike a minor word and a major one must be to be paired.
const MINOR_BP: BasisPoints = 7_000;
/// Shorter names are not taken to be cut off by a field width.
const TRUNCATED_CHARS_MIN: usize = 16;
/// Shorter words are joined by chance.
const JOINED_LETTERS_MIN: usize = 5;
/// Most adjacent words that are compared as one.
pub(super) const JOINED_WORDS_MAX: usize = 3;

/// Which words belong together.
#[derive(Clone, Debug)]
pub(super) struct Pairing {
    pub(super) score_bp: BasisPoints,
    /// Start, length in words, on the query's side; the same on the listed side; what they share.
    spans: Vec<(Span, Span, Similarity)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: usize,
    count: usize,
}

/// Pairs the words of a reading with those of a listed name.
pub(super) fn pair(query: &Reading, listed: &[&NameWord]) -> Pairing {
    let q = refs(&query.words);
    let mut q_free = vec![true; q.len()];
    let mut l_free = vec![true; listed.len()];
    let mut spans = Vec::new();
    join_spans(
        &q,
        listed,
        &mut q_free,
        &mut l_free,
        &mut spans,
        Side::Query,
    );
    join_spans(
        listed,
        &q,
        &mut l_free,
        &mut q_free,
        &mut spans,
        Side::Listed,
    );
    pair_rest(query, &q, listed, &mut q_free, &mut l_free, &mut spans);
    spans.sort_by_key(|(q, l, _)| (q.start, l.start));
    let score_bp = score(&q, listed, &q_free, &l_free, &spans);
    Pairing { score_bp, spans }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Query,
    Listed,
}

/// Finds adjacent words of `many` that, written together, sound like one word of `one`.
fn join_spans(
    many: &[&NameWord],
    one: &[&NameWord],
    many_free: &mut [bool],
    one_free: &mut [bool],
    spans: &mut Vec<(Span, Span, Similarity)>,
    side: Side,
) {
    for count in (2..=JOINED_WORDS_MAX.min(many.len())).rev() {
        for start in 0..=many.len() - count {
            if !many_free[start..start + count].iter().all(|free| *free) {
                continue;
            }
            let parts = &many[start..start + count];
            let letters: usize = parts.iter().map(|w| w.word.len()).sum();
            let fits =
                |w: &NameWord| letters >= JOINED_LETTERS_MIN && letters.abs_diff(w.word.len()) <= 2;
            let found = (0..one.len())
                .find(|&i| one_free[i] && fits(one[i]) && joined_sound(parts) == one[i].word.sound);
            let Some(i) = found else { continue };
            if many[start..start + count]
                .iter()
                .any(|w| w.word.text == one[i].word.text)
            {
                continue;
            }
            many_free[start..start + count].fill(false);
            one_free[i] = false;
            let (wide, single) = (Span { start, count }, Span { start: i, count: 1 });
            let what = Similarity {
                bp: 9_700,
                kind: FeatureKind::Joined,
            };
            spans.push(match side {
                Side::Query => (wide, single, what),
                Side::Listed => (single, wide, what),
            });
        }
    }
}

/// What adjacent words sound like when written as one.
pub(super) fn joined_sound<W: std::borrow::Borrow<NameWord>>(parts: &[W]) -> String {
    token::sound(
        &parts
            .iter()
            .map(|w| w.borrow().word.text.as_str())
            .collect::<String>(),
    )
}

fn pair_rest(
    query: &Reading,
    q: &[&NameWord],
    listed: &[&NameWord],
    q_free: &mut [bool],
    l_free: &mut [bool],
    spans: &mut Vec<(Span, Span, Similarity)>,
) {
    let rows: Vec<usize> = (0..q.len()).filter(|&i| q_free[i]).collect();
    let columns: Vec<usize> = (0..listed.len()).filter(|&i| l_free[i]).collect();
    let alike: Vec<Vec<Similarity>> = rows
        .iter()
        .map(|&i| {
            columns
                .iter()
                .map(|&j| word_similarity(query, i, listed[j]))
                .collect()
        })
        .collect();
    let gain: Vec<Vec<u32>> = rows
        .iter()
        .zip(&alike)
        .map(|(&i, row)| {
            // Against what a bad pair costs, so that a lighter word goes to its equal before a heavier one to its like.
            let weigh = |(&j, s): (&usize, &Similarity)| {
                pair_weight(q[i], listed[j], *s) * s.bp.saturating_sub(PAIR_BP)
            };
            columns.iter().zip(row).map(weigh).collect()
        })
        .collect();
    for (row, column) in best_pairs(&gain).into_iter().enumerate() {
        let Some(column) = column else { continue };
        let (i, j) = (rows[row], columns[column]);
        (q_free[i], l_free[j]) = (false, false);
        let single = |start| Span { start, count: 1 };
        spans.push((single(i), single(j), alike[row][column]));
    }
}

/// Word similarity in context: a misspelt title may be told from the listed one, but a title in
/// the query is never somebody's listed name.
fn word_similarity(query: &Reading, i: usize, listed: &NameWord) -> Similarity {
    let found = similar(query, i, &listed.word);
    let (minor, listed_minor) = (query.words[i].role.is_minor(), listed.role.is_minor());
    let number = token::is_number(&listed.word.text) && found.kind == FeatureKind::Edit;
    let named_by_number = query.words[i].role != Role::Number || listed.role != Role::Number;
    if (number && named_by_number)
        || (minor && !listed_minor && found.kind != FeatureKind::Exact)
        || (listed_minor && !minor && found.bp < MINOR_BP)
    {
        return Similarity {
            bp: 0,
            kind: FeatureKind::Unmatched,
        };
    }
    found
}

/// Similarity of the query's word with a listed one, given the rest of the query.
pub(super) fn similar(query: &Reading, i: usize, listed: &Word) -> Similarity {
    let word = &query.words[i].word;
    let found = token::similarity(word, listed);
    if found.bp > 0 {
        return found;
    }
    if query.vowelless && word.skeleton.len() > 1 && word.skeleton == listed.skeleton {
        return Similarity {
            bp: 8_500,
            kind: FeatureKind::Skeleton,
        };
    }
    if is_cut_off(query, i, listed) {
        return Similarity {
            bp: 8_500,
            kind: FeatureKind::Truncated,
        };
    }
    found
}

/// Whether the query's last word may be the beginning of the listed word, cut by a field width.
fn is_cut_off(query: &Reading, i: usize, listed: &Word) -> bool {
    let word = &query.words[i].word;
    query.chars >= TRUNCATED_CHARS_MIN
        && i + 1 == query.words.len()
        && query.words[..i].iter().any(|w| w.role == Role::Content)
        && word.len() >= 2
        && listed.len() > word.len()
        && listed.text.starts_with(&word.text)
}

fn pair_weight(a: &NameWord, b: &NameWord, s: Similarity) -> u32 {
    match s.kind {
        FeatureKind::Initial => a.weight.min(b.weight),
        // A misspelt title is still no evidence.
        _ if a.role.is_minor() != b.role.is_minor() => a.weight.min(b.weight),
        // What the list says, so that a misspelt word weighs no more than the right one.
        _ => b.weight,
    }
}

fn score(
    q: &[&NameWord],
    listed: &[&NameWord],
    q_free: &[bool],
    l_free: &[bool],
    spans: &[(Span, Span, Similarity)],
) -> BasisPoints {
    // Initials, numbers, particles and titles prove nothing without a name beside them.
    let names = |(qs, _, s): &(Span, Span, Similarity)| {
        s.kind != FeatureKind::Initial
            && q[qs.start..qs.start + qs.count]
                .iter()
                .any(|w| w.role.is_searched())
    };
    if !spans.iter().any(names) {
        return 0;
    }
    let (mut gained, mut paired, mut identifying) = (0_u64, 0_u64, 0_u64);
    for (qs, ls, similarity) in spans {
        let weight = span_weight(q, *qs, listed, *ls, *similarity);
        gained += u64::from(weight) * u64::from(similarity.bp);
        paired += u64::from(weight);
        let identifies = |w: &&NameWord| matches!(w.role, Role::Content | Role::Patronymic);
        if similarity.kind != FeatureKind::Initial {
            let words = |all: &[&NameWord], s: &Span| {
                all[s.start..s.start + s.count]
                    .iter()
                    .filter(|w| identifies(w))
                    .count()
            };
            if words(q, qs).min(words(listed, ls)) > 0 {
                identifying += u64::from(weight);
            }
        }
    }
    let left = |words: &[&NameWord], free: &[bool]| -> u64 {
        words
            .iter()
            .zip(free)
            .filter(|(_, free)| **free)
            .map(|(w, _)| u64::from(w.weight))
            .sum()
    };
    // A listed initial says nothing about the rest of the word.
    let unsaid: u64 = spans
        .iter()
        .filter(|(_, ls, s)| s.kind == FeatureKind::Initial && listed[ls.start].word.is_initial())
        .map(|(qs, ls, _)| u64::from(q[qs.start].weight.saturating_sub(listed[ls.start].weight)))
        .sum();
    let mut left = penalty(left(q, q_free) + unsaid, left(listed, l_free), identifying);
    if is_short_form(q, listed, q_free, spans) {
        left = left.min(short_form_penalty(paired));
    }
    u32::try_from(share(gained, paired, left)).expect("a mean of basis points")
}

/// What was gained of the weight of the pairs and of what is left over, the latter in hundredths.
pub(super) fn share(gained: u64, paired: u64, left: u64) -> u64 {
    (gained * 100).checked_div(paired * 100 + left).unwrap_or(0)
}

/// What the words left over on the two sides cost, in hundredths of a unit of weight.
pub(super) fn penalty(q_left: u64, l_left: u64, identifying: u64) -> u64 {
    let (both, alone) = (q_left.min(l_left), q_left.abs_diff(l_left));
    both * CONFLICT_PERCENT + alone * omission_percent(identifying)
}

/// The most that may be lacking from a short form of the listed name, in hundredths: said without fault it scores 86 %.
pub(super) fn short_form_penalty(paired: u64) -> u64 {
    paired * 15
}

/// Whether the query is the listed name with some of its words left out: it says a given name and a surname of it, and
/// nothing else.
fn is_short_form(
    q: &[&NameWord],
    listed: &[&NameWord],
    q_free: &[bool],
    spans: &[(Span, Span, Similarity)],
) -> bool {
    let says_nothing_else = q
        .iter()
        .zip(q_free)
        .all(|(word, free)| !free || word.role.is_minor());
    let says = |part: Part| {
        spans
            .iter()
            .filter(|(_, _, s)| s.kind != FeatureKind::Initial)
            .flat_map(|(_, ls, _)| &listed[ls.start..ls.start + ls.count])
            .any(|word| word.part == part && word.role != Role::Particle)
    };
    says_nothing_else && says(Part::Surname) && says(Part::Given)
}

fn span_weight(
    q: &[&NameWord],
    qs: Span,
    listed: &[&NameWord],
    ls: Span,
    similarity: Similarity,
) -> u32 {
    if qs.count == 1 && ls.count == 1 {
        return pair_weight(q[qs.start], listed[ls.start], similarity);
    }
    let sum = |words: &[&NameWord], s: Span| -> u32 {
        words[s.start..s.start + s.count]
            .iter()
            .map(|w| w.weight)
            .sum()
    };
    sum(q, qs).min(sum(listed, ls))
}

impl Pairing {
    /// Spells out what the score consists of.
    pub(super) fn explain(&self, query: &Reading, listed: &[&NameWord]) -> Comparison {
        let q = refs(&query.words);
        let text = |words: &[&NameWord], s: Span| {
            let words = &words[s.start..s.start + s.count];
            words
                .iter()
                .map(|w| w.word.text.as_str())
                .collect::<Vec<_>>()
                .join(" ")
        };
        let mut features: Vec<Feature> = self
            .spans
            .iter()
            .map(|(qs, ls, s)| Feature {
                kind: s.kind,
                query: text(&q, *qs),
                listed: text(listed, *ls),
                similarity_bp: s.bp,
                weight: span_weight(&q, *qs, listed, *ls, *s),
            })
            .collect();
        let alone = |covered: &dyn Fn(usize) -> bool, words: &[&NameWord]| -> Vec<(String, u32)> {
            (0..words.len())
                .filter(|&i| !covered(i))
                .map(|i| (words[i].word.text.clone(), words[i].weight))
                .collect()
        };
        let within = |s: &Span, i: usize| (s.start..s.start + s.count).contains(&i);
        let unmatched = |query: String, listed: String, weight| Feature {
            kind: FeatureKind::Unmatched,
            query,
            listed,
            similarity_bp: 0,
            weight,
        };
        for (word, weight) in alone(&|i| self.spans.iter().any(|(s, _, _)| within(s, i)), &q) {
            features.push(unmatched(word, String::new(), weight));
        }
        for (word, weight) in alone(&|i| self.spans.iter().any(|(_, s, _)| within(s, i)), listed) {
            features.push(unmatched(String::new(), word, weight));
        }
        Comparison {
            score_bp: self.score_bp,
            features,
        }
    }
}
