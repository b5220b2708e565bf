//! A part of a listed name, and a slip in it: the right words never score below wrong ones.

use sanctions::{PartyKind, REVIEW_BP, Subject, compare_names};

use super::{OFAC, policy, writings};

fn score(query: &str, listed: &str) -> u32 {
    compare_names(query, listed, PartyKind::Person).score_bp
}

/// `First Surname` of people whom the list knows by more.
fn short_forms() -> impl Iterator<Item = (String, String)> {
    let people = OFAC
        .list()
        .entries()
        .iter()
        .filter(|entry| entry.kind == PartyKind::Person);
    let names = people.map(|entry| entry.names[0].text.clone());
    names.step_by(5).filter_map(|listed| {
        let ways = writings::of_person(&listed);
        let short = ways.into_iter().find(|(way, _)| *way == "First Surname")?;
        Some((listed, short.1))
    })
}

#[test]
fn whoever_is_called_by_one_given_name_and_the_surname_alerts() {
    for name in ["Ali Khamenei", "Joseph Made"] {
        let hits = OFAC.search(
            &Subject::named(name, PartyKind::Person),
            &policy(&["ofac-sdn"]),
        );
        assert!(
            hits.first().is_some_and(|hit| hit.score_bp >= REVIEW_BP),
            "{name}"
        );
    }
}

#[test]
fn a_slip_never_scores_above_the_right_word() {
    let mut seen = 0;
    for (listed, right) in short_forms() {
        let letters: Vec<char> = right.chars().collect();
        // A doubled letter, and not in a particle, which with it may be another word of the name.
        let in_word = |at: usize| at > 1 && letters[at - 2..=at].iter().all(|c| c.is_alphabetic());
        for at in (1..letters.len()).filter(|at| in_word(*at)) {
            let mut slip = letters.clone();
            slip.insert(at, letters[at]);
            let slip: String = slip.into_iter().collect();
            let (right_bp, slip_bp) = (score(&right, &listed), score(&slip, &listed));
            assert!(
                slip_bp <= right_bp,
                "{slip} {slip_bp} > {right} {right_bp} of {listed}"
            );
            seen += 1;
        }
    }
    assert!(seen > 5_000, "{seen}");
}

#[test]
fn a_further_word_of_the_listed_name_never_lowers_the_score() {
    let mut seen = 0;
    for (listed, short) in short_forms() {
        let Some((surname, given)) = listed.split_once(", ") else {
            continue;
        };
        let said: Vec<&str> = short.split_whitespace().collect();
        for word in given
            .split_whitespace()
            .chain(surname.split_whitespace())
            .filter(|word| !said.iter().any(|it| word.contains(it)) && !is_minor(word))
        {
            let longer = format!("{short} {word}");
            let (more, less) = (score(&longer, &listed), score(&short, &listed));
            assert!(
                more >= less,
                "{longer} {more} below {short} {less} of {listed}"
            );
            seen += 1;
        }
    }
    assert!(seen > 500, "{seen}");
}

#[test]
fn arabic_compounds_are_one_name_however_they_are_glued() {
    for (one, other) in [
        ("Abdullah Hassan", "Abd Allah Hassan"),
        ("Abdullah Hassan", "'Abd-Allah HASSAN"),
        ("Nuruddin Hassan", "HASSAN, Nur al-Din"),
        ("Noureddine Hassan", "HASSAN, Nur Al Din"),
        ("Salah ad-Din Hassan", "Salahuddin Hassan"),
        ("Nasr Allah, Hassan", "Hassan Nasrallah"),
        ("Abdurrahman Khalid", "Abd al-Rahman Khaled"),
        ("Abdirahman Khalid", "Abd al-Rahman Khaled"),
        ("Ahmad Ash-Shami", "AL-SHAMI, Ahmad"),
        ("عبدالرحمن خالد", "Abd al-Rahman Khalid"),
        ("عبد الرحمن خالد", "Abdulrahman Khalid"),
        ("نور الدين حسن", "Nuruddin Hassan"),
        ("عَبْدُ اللهِ حَسَن", "Abdullah Hassan"),
    ] {
        let (there, back) = (score(one, other), score(other, one));
        assert!(
            there >= REVIEW_BP && back >= REVIEW_BP,
            "{one} | {other}: {there}, {back}"
        );
    }
}

#[test]
fn listed_people_are_found_in_arabic_and_hebrew_letters() {
    for (original, listed) in [
        ("أسامة بن لادن", "BIN LADIN, Usama"),
        ("أيمن الظواهري", "AL-ZAWAHIRI, Ayman"),
        ("بشار الأسد", "AL-ASSAD, Bashar"),
        ("حسن نصر الله", "NASRALLAH, Hassan"),
        ("علي خامنئي", "KHAMENEI, Ali Husseini"),
        ("أبو بكر البغدادي", "AL-BAGHDADI, Abu Bakr"),
        ("قاسم سليماني", "SOLEIMANI, Qasem"),
        ("عمر", "OMAR"),
        ("علی", "ALI"),
        ("محسن رضائی", "REZAI, Mohsen"),
        ("إسحاق", "ISHAQ"),
        ("משה כהן", "COHEN, Moshe"),
    ] {
        let found = compare_names(original, listed, PartyKind::Person);
        assert!(found.score_bp >= REVIEW_BP, "{original} {listed} {found:?}");
    }
    for (original, other) in [("عمر", "AMIN"), ("حسن", "HASHIM"), ("بشار", "SHABIR")] {
        assert!(score(original, other) < REVIEW_BP, "{original} {other}");
    }
}

/// A title, an article or `Abd` behind the name is not the listed order.
fn is_minor(word: &str) -> bool {
    let word = word.to_lowercase();
    ["abd", "sayyid", "seyye", "hajj", "sheikh", "mullah"]
        .iter()
        .any(|minor| word.len() < 3 || word.contains(minor))
}

/// The work for two words is bounded by the product of their lengths, whatever the letters may stand for.
#[test]
fn letters_that_may_be_silent_are_neither_endless_work_nor_a_match() {
    for letter in ["ه", "ع", "ء", "ة", "ي", "و", "ا", "ה", "א", "ע"] {
        let hostile = letter.repeat(300);
        for listed in ["HAHIHUHAYA", "YAYAUYAI", "HUA", "ALI"] {
            assert!(score(&hostile, listed) < REVIEW_BP, "{letter} {listed}");
        }
        let hits = OFAC.search(
            &Subject::named(hostile, PartyKind::Unknown),
            &policy(&["ofac-sdn"]),
        );
        assert_eq!(hits, Vec::new(), "{letter}");
    }
}
