use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use evidence::canonical;
use evidence::canonical::CanonicalError;
use evidence::canonical::DEPTH_MAX;
use evidence::canonical::INTEGER_MAX;
use evidence::digest::Digest;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;

fn testdata(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "testdata/jcs", name]
        .iter()
        .collect()
}

/// Reads by both ways, which must agree, and gives the canonical bytes.
fn canonicalize(text: &[u8]) -> Result<Vec<u8>, CanonicalError> {
    let rewritten = canonical::canonicalize(text);
    let rebuilt = canonical::parse(text).and_then(|value| canonical::to_vec(&value));
    match (&rewritten, &rebuilt) {
        (Ok(rewritten), Ok(rebuilt)) => assert_eq!(rewritten, rebuilt),
        (Err(_), Err(_)) => {}
        _ => panic!(
            "{:?}: {rewritten:?} but {rebuilt:?}",
            String::from_utf8_lossy(text)
        ),
    }
    rewritten
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let bytes = canonicalize(text.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
}

#[track_caller]
fn check_refused(text: impl AsRef<[u8]>, expected: CanonicalError) {
    let text = text.as_ref();
    assert_eq!(canonical::parse(text), Err(expected.clone()));
    assert_eq!(canonical::canonicalize(text), Err(expected));
}

#[test]
fn rfc_8785_vectors_come_out_byte_for_byte() {
    let mut count = 0;
    for entry in fs::read_dir(testdata("input")).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let output = fs::read(testdata(&format!("output/{stem}.json"))).unwrap();
        let hex = fs::read_to_string(testdata(&format!("outhex/{stem}.txt"))).unwrap();
        let hex: Vec<u8> = hex
            .split_whitespace()
            .map(|pair| u8::from_str_radix(pair, 16).unwrap())
            .collect();
        let bytes = canonicalize(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(bytes, output, "{stem}");
        assert_eq!(bytes, hex, "{stem}");
        count += 1;
    }
    assert_eq!(count, 6);
}

/// The deterministic sequence of doubles that the published files of ES6 numbers are made from.
struct Es6Numbers {
    fixed: std::vec::IntoIter<u64>,
    block: [u8; 32],
    used: usize,
}

impl Es6Numbers {
    fn new() -> Self {
        let published = fs::read_to_string(testdata("es6-first-10k.txt")).unwrap();
        // 168 chosen values, then 2,000 in a row; from there on the values are hashed.
        let fixed = published.lines().take(FIXED);
        let fixed = fixed.map(|line| u64::from_str_radix(line.split(',').next().unwrap(), 16));
        let fixed: Vec<u64> = fixed.map(Result::unwrap).collect();
        Self {
            fixed: fixed.into_iter(),
            block: [0; 32],
            used: 32,
        }
    }
}

impl Iterator for Es6Numbers {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        if let Some(bits) = self.fixed.next() {
            return Some(bits);
        }
        loop {
            if self.used == self.block.len() {
                self.block = *Digest::raw(&self.block).as_bytes();
                self.used = 0;
            }
            let bytes = &self.block[self.used..self.used + 8];
            self.used += 8;
            let value = f64::from_le_bytes(bytes.try_into().unwrap());
            if value != 0.0 && value.is_finite() {
                return Some(value.to_bits());
            }
        }
    }
}

#[test]
fn the_first_million_es6_numbers_hash_as_published() {
    let mut text = String::with_capacity(41_000_000);
    for (index, bits) in Es6Numbers::new().take(1_000_000).enumerate() {
        let number = canonical::double_text(f64::from_bits(bits)).unwrap();
        writeln!(text, "{bits:x},{number}").unwrap();
        let published = match index + 1 {
            1_000 => "be18b62b6f69cdab33a7e0dae0d9cfa869fda80ddc712221570f9f40a5878687",
            10_000 => "b9f7a8e75ef22a835685a52ccba7f7d6bdc99e34b010992cbc5864cd12be6892",
            100_000 => "22776e6d4b49fa294a0d0f349268e5c28808fe7e0cb2bcbe28f63894e494d4c7",
            1_000_000 => "49415fee2c56c77864931bd3624faad425c3c577d6d74e89a83bc725506dad16",
            _ => continue,
        };
        assert_eq!(
            Digest::raw(text.as_bytes()).to_hex(),
            published,
            "first {}",
            index + 1
        );
    }
}

#[test]
fn every_es6_number_is_either_its_own_canonical_text_or_an_integer_out_of_range() {
    let lines = fs::read_to_string(testdata("es6-first-10k.txt")).unwrap();
    let mut refused = 0;
    for line in lines.lines() {
        let (bits, text) = line.split_once(',').unwrap();
        let value = f64::from_bits(u64::from_str_radix(bits, 16).unwrap());
        match canonicalize(text.as_bytes()) {
            Ok(bytes) => {
                assert_eq!(bytes, text.as_bytes());
                assert_eq!(canonical::to_vec(&json!(value)).unwrap(), text.as_bytes());
            }
            Err(error) => {
                assert_eq!(error, CanonicalError::IntegerOutOfRange { at: 0 }, "{text}");
                assert!(
                    text.bytes()
                        .all(|byte| byte.is_ascii_digit() || byte == b'-')
                );
                assert!(value.abs() > INTEGER_MAX as f64);
                refused += 1;
            }
        }
    }
    assert!(refused > 0);
}

#[test]
fn integers_are_exact_up_to_two_to_the_53_minus_1() {
    check("9007199254740991", "9007199254740991");
    check("-9007199254740991", "-9007199254740991");
    check("9007199254740991.0", "9007199254740991");
    check("1e21", "1e+21");
    for text in [
        "9007199254740992",
        "-9007199254740992",
        "9007199254740992.0",
        "9.007199254740992e15",
        "1e20",
        "18446744073709551616",
        "1000000000000000000000000",
    ] {
        check_refused(text, CanonicalError::IntegerOutOfRange { at: 0 });
    }
    for value in [
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1e20),
        json!(1_u64 << 53),
    ] {
        let refused = canonical::to_vec(&value);
        assert_eq!(
            refused,
            Err(CanonicalError::IntegerOutOfRange { at: 0 }),
            "{value}"
        );
    }
}

#[test]
fn numbers_have_one_text() {
    check("[-0,-0.0,0e7,1.0,1E2,-1e-7,0.1e1]", "[0,0,0,1,100,-1e-7,1]");
    check_refused("1e400", CanonicalError::NumberNotFinite { at: 0 });
    for text in [
        "01", "-", "-a", "1.", ".5", "1e", "1e+", "+1", "0x1", "00", "-01", "1.e1",
    ] {
        assert!(canonicalize(text.as_bytes()).is_err(), "{text}");
    }
    for text in ["NaN", "Infinity", "-Infinity"] {
        assert!(canonicalize(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn a_member_named_twice_is_refused_however_it_is_spelt() {
    check_refused(r#"{"a":1,"a":1}"#, CanonicalError::DuplicateKey { at: 7 });
    check_refused(
        r#"{"a":1,"b":2,"\u0061":3}"#,
        CanonicalError::DuplicateKey { at: 13 },
    );
    check_refused(
        r#"[{"\n":1,"\u000a":2}]"#,
        CanonicalError::DuplicateKey { at: 9 },
    );
    check_refused(r#"{"":1,"":2}"#, CanonicalError::DuplicateKey { at: 6 });
    check(
        r#"{"a":{"a":1},"b":[{"a":1},{"a":1}]}"#,
        r#"{"a":{"a":1},"b":[{"a":1},{"a":1}]}"#,
    );
}

#[test]
fn names_sort_by_utf16_units() {
    check(
        "{\"\u{ffff}\":1,\"\u{10000}\":2,\"\u{e000}\":3}",
        "{\"\u{10000}\":2,\"\u{e000}\":3,\"\u{ffff}\":1}",
    );
    check(
        r#"{"a\"":1,"a!":2,"a#":3,"a\u0001":4}"#,
        r#"{"a\u0001":4,"a!":2,"a\"":1,"a#":3}"#,
    );
    check(
        r#"{"aaaaaaaab":1,"aaaaaaaaa":2,"aaaaaaaa":3}"#,
        r#"{"aaaaaaaa":3,"aaaaaaaaa":2,"aaaaaaaab":1}"#,
    );
    check(
        r#"{"b":{"d":1,"c":2},"a":[{"f":1,"e":2}]}"#,
        r#"{"a":[{"e":2,"f":1}],"b":{"c":2,"d":1}}"#,
    );
    check(
        r#"{"abcdefgh\u002fz":1,"abcdefgh\u002fa":2}"#,
        r#"{"abcdefgh/a":2,"abcdefgh/z":1}"#,
    );
}

#[test]
fn strings_keep_their_characters_and_lose_their_needless_escapes() {
    check(
        r#""\/\u002f\u00e9\ud83d\ude00\u007f\u2028""#,
        "\"//\u{e9}\u{1f600}\u{7f}\u{2028}\"",
    );
    check(
        r#""\u0000\u001F\b\t\n\f\r\"\\""#,
        r#""\u0000\u001f\b\t\n\f\r\"\\""#,
    );
    check("\"e\u{301}\u{e9}\"", "\"e\u{301}\u{e9}\"");
    check_refused(r#"["\ud800"]"#, CanonicalError::LoneSurrogate { at: 2 });
    check_refused(r#""\ude00""#, CanonicalError::LoneSurrogate { at: 1 });
    check_refused(r#""\ud83dx""#, CanonicalError::LoneSurrogate { at: 1 });
    check_refused(r#""\ud83d\u0041""#, CanonicalError::LoneSurrogate { at: 1 });
    check_refused(r#""\x""#, CanonicalError::InvalidEscape { at: 1 });
    check_refused(r#""\u00g0""#, CanonicalError::InvalidEscape { at: 1 });
    check_refused("\"a\nb\"", CanonicalError::ControlCharacter { at: 2 });
    check_refused(b"\"\xff\"", CanonicalError::InvalidUtf8 { at: 1 });
    check_refused(b"\"\xed\xa0\x80\"", CanonicalError::InvalidUtf8 { at: 1 });
}

#[test]
fn only_one_whole_value_is_read() {
    check(
        " \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } } \n",
        r#"{"a":[1,2],"b":{}}"#,
    );
    check_refused("1 2", CanonicalError::TrailingBytes { at: 2 });
    check_refused("{}x", CanonicalError::TrailingBytes { at: 2 });
    check_refused(
        "\u{feff}{}",
        CanonicalError::UnexpectedByte { at: 0, byte: 0xef },
    );
    for text in [
        "", " ", "{", "[", "\"", "{\"a\"", "{\"a\":", "[1", "\"\\", "\"\\u00", "tru",
    ] {
        assert!(canonicalize(text.as_bytes()).is_err(), "{text}");
    }
    for text in [
        "[1,]",
        "{\"a\":1,}",
        "[,1]",
        "{1:2}",
        "['a']",
        "nul1",
        "[1 2]",
        "{\"a\" 1}",
        "//",
    ] {
        assert!(canonicalize(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn nesting_ends_at_128() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    check(&nested(DEPTH_MAX), &nested(DEPTH_MAX));
    check_refused(
        nested(DEPTH_MAX + 1),
        CanonicalError::TooDeep { at: DEPTH_MAX },
    );
    check_refused(
        "[".repeat(1_000_000),
        CanonicalError::TooDeep { at: DEPTH_MAX },
    );
    let mut value = json!(1);
    for _ in 0..DEPTH_MAX {
        value = json!([value]);
    }
    assert!(canonical::to_vec(&value).is_ok());
    let refused = canonical::to_vec(&json!([value]));
    assert_eq!(refused, Err(CanonicalError::TooDeep { at: DEPTH_MAX }));
}

#[test]
fn values_of_the_program_are_held_to_the_same_rules() {
    #[derive(serde::Serialize)]
    struct Sample {
        b: f64,
        a: &'static str,
    }
    let bytes = canonical::to_vec_of(&Sample { b: 0.5, a: "x" }).unwrap();
    assert_eq!(bytes, br#"{"a":"x","b":0.5}"#);
    for number in [f64::NAN, f64::INFINITY] {
        assert!(canonical::to_vec_of(&Sample { b: number, a: "x" }).is_err());
    }
    assert!(canonical::to_vec_of(&u64::MAX).is_err());
    let mut map = std::collections::BTreeMap::new();
    map.insert(vec![1], 1);
    assert!(matches!(
        canonical::to_vec_of(&map),
        Err(CanonicalError::Unserialisable { .. })
    ));
}

fn number() -> impl Strategy<Value = Value> {
    let integer = (-INTEGER_MAX..=INTEGER_MAX).prop_map(Value::from);
    let double = any::<f64>().prop_filter_map("has a canonical text", |value| {
        let value = Value::from(value);
        canonical::to_vec(&value).ok().map(|_| value)
    });
    prop_oneof![integer, double]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,12}",
        "[a-c]{0,3}",
        "[\\x00-\\x7f]{0,10}",
        "[\u{d7f0}-\u{ffff}\u{10000}-\u{10010}\"\\\\]{0,4}"
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number(),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Writes a value with members in random order, random white space and random escapes.
fn scramble(value: &Value, random: &mut impl FnMut(usize) -> usize, out: &mut String) {
    let blank = |random: &mut dyn FnMut(usize) -> usize| ["", "", " ", "\n\t"][random(4)];
    out.push_str(blank(random));
    match value {
        Value::String(text) => scramble_text(text, random, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                scramble(item, random, out);
            }
            out.push_str(blank(random));
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            for index in (1..members.len()).rev() {
                members.swap(index, random(index + 1));
            }
            out.push('{');
            for (index, (name, member)) in members.into_iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                out.push_str(blank(random));
                scramble_text(name, random, out);
                out.push_str(blank(random));
                out.push(':');
                scramble(member, random, out);
            }
            out.push_str(blank(random));
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
    out.push_str(blank(random));
}

fn scramble_text(text: &str, random: &mut impl FnMut(usize) -> usize, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        if char < ' ' || char == '"' || char == '\\' || random(6) == 0 {
            for unit in char.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04X}").unwrap();
            }
        } else {
            out.push(char);
        }
    }
    out.push('"');
}

proptest! {
    #[test]
    fn canonical_bytes_equal_those_of_an_independent_implementation(value in value()) {
        let ours = canonical::to_vec(&value).unwrap();
        prop_assert_eq!(String::from_utf8(ours).unwrap(), json_canon::to_string(&value).unwrap());
    }

    #[test]
    fn member_order_white_space_and_escapes_do_not_matter(value in value(), seed: u64) {
        let mut state = seed | 1;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below as u64) as usize
        };
        let mut text = String::new();
        scramble(&value, &mut random, &mut text);
        prop_assert_eq!(canonicalize(text.as_bytes()).unwrap(), canonical::to_vec(&value).unwrap());
    }

    #[test]
    fn canonicalising_twice_changes_nothing(value in value()) {
        let once = canonical::to_vec(&value).unwrap();
        prop_assert_eq!(canonicalize(&once).unwrap(), once);
    }

    #[test]
    fn both_ways_of_reading_agree_on_any_text(text in "[\\[\\]{}:,\"\\\\ua01e.\\-+ \n]{0,24}") {
        let _ = canonicalize(text.as_bytes());
    }

    #[test]
    fn both_ways_of_reading_agree_on_damaged_values(value in value(), at: prop::sample::Index, byte: u8) {
        let mut text = canonical::to_vec(&value).unwrap();
        let at = at.index(text.len());
        text[at] = byte;
        let _ = canonicalize(&text);
    }
}

/// How many lines of the published files are chosen rather than hashed.
const FIXED: usize = 2168;
