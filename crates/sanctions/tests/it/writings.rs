//! The usual ways to write a listed name: what a customer, a clerk or another register may make of it without any intent.

/// A way of writing, and what it makes of a name.
pub(crate) type Writing = (&'static str, String);

/// Every usual way to write a person's name that is listed as `SURNAME, Given Other` or in plain order.
pub(crate) fn of_person(listed: &str) -> Vec<Writing> {
    let mut out: Vec<Writing> = vec![
        ("as listed", listed.to_owned()),
        ("in capitals", listed.to_uppercase()),
        ("in small letters", listed.to_lowercase()),
    ];
    let plain = match listed.split_once(", ") {
        None => listed.to_owned(),
        Some((surname, given)) => {
            of_parts(surname, given, &mut out);
            format!("{given} {surname}")
        }
    };
    respelt(&plain, &mut out);
    out.retain(|(_, text)| !text.trim().is_empty());
    out
}

fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| c.is_whitespace() || c == '-')
        .filter(|word| {
            !word.contains(['.', ',']) && word.chars().filter(|c| c.is_alphabetic()).count() > 1
        })
        .collect()
}

/// Words that nobody would take for a name by themselves.
const MINOR: &[&str] = &[
    "al", "el", "ul", "ad", "as", "ar", "an", "az", "bin", "ben", "ibn", "bint", "de", "del", "la",
    "las", "los", "van", "von", "der", "da", "di", "do", "dos", "abu", "abd", "umm", "jr", "sr",
    "ii", "iii", "dr", "sheikh", "shaykh", "haji", "hajji", "mullah", "sayyid", "seyyed", "mr",
    "mrs", "san", "santa", "st", "abdul", "abdel", "general", "colonel", "gen", "col", "haj",
    "din", "allah", "ogly", "sheik", "maulana", "mawlana", "ur", "le", "du", "des", "den", "ag",
    "ait", "ould", "uld", "of", "and", "the", "y", "e",
];

fn names(text: &str) -> Vec<&str> {
    let mut out = words(text);
    // Neither is a father's name of the East Slavic kind.
    out.retain(|word| {
        !["vich", "VICH", "vna", "ovych"]
            .iter()
            .any(|ending| word.ends_with(ending))
    });
    out.retain(|word| !MINOR.contains(&word.to_lowercase().trim_matches('.').trim_matches('\'')));
    out
}

fn of_parts(surname: &str, given: &str, out: &mut Vec<Writing>) {
    out.push(("Given Other Surname", format!("{given} {surname}")));
    out.push(("SURNAME Given Other", format!("{surname} {given}")));
    let (surnames, givens) = (names(surname), names(given));
    let Some(first) = givens.first() else { return };
    out.push(("First Surname", format!("{first} {surname}")));
    out.push(("Surname First", format!("{surname} {first}")));
    if let Some(initial) = givens.get(1).and_then(|other| other.chars().next()) {
        out.push(("First O. Surname", format!("{first} {initial}. {surname}")));
    }
    for one in &surnames {
        for given in &givens {
            out.push(("one given name and one surname", format!("{given} {one}")));
        }
    }
}

fn respelt(plain: &str, out: &mut Vec<Writing>) {
    if plain.contains('-') {
        out.push(("hyphens as blanks", plain.replace('-', " ")));
        out.push(("hyphens left out", plain.replace('-', "")));
    }
    if plain.contains('\'') || plain.contains('’') || plain.contains('`') {
        out.push(("apostrophes left out", plain.replace(['\'', '’', '`'], "")));
    }
    for (name, way) in compounds() {
        if let Some(text) = way(plain) {
            out.push((name, text));
        }
    }
}

type Way = (&'static str, fn(&str) -> Option<String>);

/// The ways to glue, split, elide and assimilate the Arabic article and `Abd`.
fn compounds() -> [Way; 8] {
    [
        ("al- left out", |text| {
            changed(text, &articles(text, |_, word| word.to_owned()))
        }),
        ("al glued", |text| {
            changed(
                text,
                &articles(text, |_, word| format!("Al{}", word.to_lowercase())),
            )
        }),
        ("al- as el-", |text| {
            changed(text, &articles(text, |_, word| format!("El-{word}")))
        }),
        ("al- assimilated", |text| {
            changed(text, &articles(text, assimilated))
        }),
        ("Abd al-X as Abdulx", |text| {
            changed(
                text,
                &abd(text, |rest| format!("Abdul{}", rest.to_lowercase())),
            )
        }),
        ("Abd al-X as Abdel X", |text| {
            changed(text, &abd(text, |rest| format!("Abdel {rest}")))
        }),
        ("al-Din as Xuddin", |text| {
            changed(text, &din(text, "uddin"))
        }),
        ("al-Din as Xeddine", |text| {
            changed(text, &din(text, "eddine"))
        }),
    ]
}

fn changed(before: &str, after: &str) -> Option<String> {
    (before != after).then(|| after.to_owned())
}

/// The words of a name with each `al-X` or `Al X` rewritten.
fn articles(text: &str, write: impl Fn(&str, &str) -> String) -> String {
    let spaced = text
        .replace("AL-", "AL ")
        .replace("Al-", "Al ")
        .replace("al-", "al ");
    let mut out: Vec<String> = Vec::new();
    let mut words = spaced.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let is_article = word.eq_ignore_ascii_case("al");
        match words.peek() {
            Some(next) if is_article && next.len() > 2 => {
                out.push(write(word, next));
                words.next();
            }
            _ => out.push(word.to_owned()),
        }
    }
    out.join(" ")
}

/// Before a sun letter the article is spoken, and often written, with that letter.
fn assimilated(article: &str, word: &str) -> String {
    let low = word.to_lowercase();
    let sun = ["sh", "th", "dh", "t", "d", "r", "z", "s", "n"];
    match sun.iter().find(|letters| low.starts_with(**letters)) {
        Some(letters) => format!("A{letters}-{word}"),
        None => format!("{article}-{word}"),
    }
}

/// The words of a name with `Abd al-X`, `Abd Al X`, `'Abd X` rewritten.
fn abd(text: &str, write: impl Fn(&str) -> String) -> String {
    let spaced = text.replace('-', " ").replace('\'', "");
    let mut out: Vec<String> = Vec::new();
    let mut words = spaced.split_whitespace().peekable();
    while let Some(word) = words.next() {
        if !word.eq_ignore_ascii_case("abd") && !word.eq_ignore_ascii_case("abdul") {
            out.push(word.to_owned());
            continue;
        }
        let mut rest = words.next();
        if rest.is_some_and(|it| {
            matches!(it.to_lowercase().as_str(), "al" | "el" | "ul" | "ar" | "as")
        }) {
            rest = words.next();
        }
        match rest {
            Some(rest) => out.push(write(rest)),
            None => out.push(word.to_owned()),
        }
    }
    match out.join(" ") {
        same if same == spaced => text.to_owned(),
        other => other,
    }
}

/// The words of a name with `X al-Din`, `X Aldin`, `X ad-Din` glued as one word.
fn din(text: &str, ending: &str) -> String {
    let low = text.to_lowercase();
    for middle in [
        " al-din", " al din", " ad-din", " ad din", " el-din", " el din", " aldin", " al-deen",
        " eddine", " ud-din", " ud din",
    ] {
        let Some(at) = low.find(middle) else { continue };
        let end = at + middle.len();
        let is_word = low[end..].chars().next().is_none_or(|c| !c.is_alphabetic());
        if is_word
            && text.is_char_boundary(at)
            && text.is_char_boundary(end)
            && low.len() == text.len()
        {
            return format!("{}{ending}{}", &text[..at], &text[end..]);
        }
    }
    text.to_owned()
}
