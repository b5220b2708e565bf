//! A session in a terminal of 80 columns and 24 lines: the breath as a disc, the heart as a curve, what is measured.

use std::collections::VecDeque;

use serde_json::{Value, json};
use zenb::engine::SessionView;
use zenb::event::Decision;
use zenb::pacer::PacerView;
use zenb::scale::OtherUnit;
use zenb::timeline::LeftOut;

/// Columns that are drawn on.
const WIDTH: usize = 76;
/// Lines of the disc.
const DISC_LINES: usize = 11;
/// Lines of the heart's curve.
const CURVE_LINES: usize = 4;
/// How much of the heart is shown, in milliseconds.
const CURVE_MS: u64 = 120_000;
const BAR_WIDTH: usize = 30;

/// Colours of a terminal with 256 of them, or none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    /// Whether there is any colour.
    pub(super) is_coloured: bool,
}

impl Paint {
    const BREATH: [u8; 4] = [23, 30, 37, 80];
    const HEART: u8 = 209;
    const SOFT: u8 = 245;

    fn on(self, colour: u8, text: &str) -> String {
        if self.is_coloured {
            format!("\x1b[38;5;{colour}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn soft(self, text: &str) -> String {
        self.on(Self::SOFT, text)
    }
}

/// The beats that are shown.
#[derive(Debug, Default)]
pub(super) struct Heart {
    /// When each beat was, and its rate in beats a minute.
    beats: VecDeque<(u64, f64)>,
}

impl Heart {
    /// Adds beats that arrived until `at_ms`.
    pub(super) fn add(&mut self, at_ms: u64, rr: &[u16]) {
        let spans = rr.iter().map(|raw| u64::from(*raw) * 1000 / 1024);
        let mut ends = at_ms.saturating_sub(spans.clone().skip(1).sum());
        for (span, raw) in spans.zip(rr) {
            self.beats
                .push_back((ends, 61_440.0 / f64::from((*raw).max(1))));
            ends += span;
        }
        while self
            .beats
            .front()
            .is_some_and(|(at, _)| at + CURVE_MS < at_ms)
        {
            self.beats.pop_front();
        }
    }
}

/// Everything that one picture shows.
#[derive(Debug)]
pub(super) struct Picture<'a> {
    /// The session.
    pub(super) view: &'a SessionView,
    /// The pacer.
    pub(super) pacer: &'a PacerView,
    /// The heart.
    pub(super) heart: &'a Heart,
    /// What was decided last, in words.
    pub(super) last: &'a str,
    /// The moment, in milliseconds of the session.
    pub(super) at_ms: u64,
}

/// The lines of one picture.
pub(super) fn lines(picture: &Picture<'_>, paint: Paint) -> Vec<String> {
    let Picture {
        view, pacer, at_ms, ..
    } = picture;
    let breath = breath(pacer, *at_ms);
    let mut lines = vec![title(picture, paint), String::new()];
    lines.extend(disc(&breath, paint));
    lines.push(String::new());
    lines.push(pace_and_heart(view, pacer));
    lines.push(following(view, paint));
    lines.push(resonance(view, paint));
    lines.push(String::new());
    lines.extend(curve(picture.heart, *at_ms, paint));
    let last = remark(view).unwrap_or(picture.last);
    let last: String = last.chars().take(WIDTH).collect();
    lines.push(paint.soft(&last));
    lines.iter().map(|line| format!("  {line}")).collect()
}

fn title(picture: &Picture<'_>, paint: Paint) -> String {
    let time = format!(
        "{} of {}",
        clock(picture.at_ms),
        clock(picture.view.planned_ms)
    );
    let hint = "Ctrl-C stops";
    let gap = WIDTH - "Breathe".len() - time.len() - hint.len();
    let (left, right) = (gap / 2, gap - gap / 2);
    format!(
        "Breathe{:left$}{}{:right$}{}",
        "",
        time,
        "",
        paint.soft(hint)
    )
}

fn clock(at_ms: u64) -> String {
    format!("{}:{:02}", at_ms / 60_000, at_ms / 1000 % 60)
}

/// Where in the breath a moment is; for drawing only.
struct Breath {
    /// How full the lungs are, 0 to 1.
    full: f64,
    word: &'static str,
}

fn breath(pacer: &PacerView, at_ms: u64) -> Breath {
    let since = at_ms.saturating_sub(pacer.anchor_ms) as f64;
    let done = f64::from(pacer.anchor_phase_q32) / 4_294_967_296.0
        + since * f64::from(pacer.milli_breaths) / 60_000_000.0;
    let (phase, inhale) = (done.fract(), f64::from(pacer.inhale_permille) / 1000.0);
    let (part, word) = if phase < inhale {
        (phase / inhale, "in")
    } else {
        (1.0 - (phase - inhale) / (1.0 - inhale), "out")
    };
    Breath {
        full: (1.0 - (std::f64::consts::PI * part).cos()) / 2.0,
        word: if pacer.running { word } else { "rest" },
    }
}

/// A disc whose size is the breath. Characters are twice as high as they are wide.
fn disc(breath: &Breath, paint: Paint) -> Vec<String> {
    let middle = (DISC_LINES as f64 - 1.0) / 2.0;
    let radius = (middle + 0.5) * (0.3 + 0.7 * breath.full);
    let row = |line: usize| {
        let shade = |column: usize| {
            let across = (column as f64 - (WIDTH as f64 - 1.0) / 2.0) / 2.0;
            let away = across.hypot(line as f64 - middle) / radius;
            [(0.45, 3), (0.7, 2), (0.88, 1), (1.0, 0)]
                .into_iter()
                .find(|(edge, _)| away <= *edge)
                .map(|(_, shade)| shade)
        };
        let shades: Vec<Option<usize>> = (0..WIDTH).map(shade).collect();
        let text = if line == DISC_LINES / 2 {
            breath.word
        } else {
            ""
        };
        painted(&shades, text, paint)
    };
    (0..DISC_LINES).map(row).collect()
}

/// A line of shades with a word in its middle. Runs of one shade share their colour, so that a picture stays small.
fn painted(shades: &[Option<usize>], word: &str, paint: Paint) -> String {
    let room = if word.is_empty() { 0 } else { word.len() + 2 };
    let begins = (shades.len() - room) / 2;
    let cells: Vec<(Option<usize>, char)> = (0..)
        .zip(shades)
        .map(|(column, shade)| {
            let inside = (begins..begins + room).contains(&column);
            let letter = if inside {
                let place = (column - begins).checked_sub(1);
                place
                    .and_then(|place| word.chars().nth(place))
                    .or(Some(' '))
            } else {
                None
            };
            match letter {
                Some(letter) => (None, letter),
                None => (
                    *shade,
                    shade.map_or(' ', |shade| ['░', '▒', '▓', '█'][shade]),
                ),
            }
        })
        .collect();
    let runs = cells.chunk_by(|(one, _), (other, _)| one == other);
    let text: String = runs
        .map(|run| {
            let text: String = run.iter().map(|(_, letter)| letter).collect();
            match run[0].0 {
                Some(shade) => paint.on(Paint::BREATH[shade], &text),
                None => text,
            }
        })
        .collect();
    text.trim_end().to_owned()
}

/// What is measured, in one line of plain output.
pub(super) fn numbers(view: &SessionView, pacer: &PacerView) -> String {
    let follow = view.features.following.value();
    let follow = known(follow, |follow| format!("{} %", follow.share_permille / 10));
    format!("{} · following {follow}", pace_and_heart(view, pacer))
}

fn pace_and_heart(view: &SessionView, pacer: &PacerView) -> String {
    let heart = view.features.heart_rate_milli_bpm.value();
    let heart = known(heart, |rate| {
        format!("{:.0} /min", f64::from(rate) / 1000.0)
    });
    let pace = f64::from(pacer.milli_breaths) / 1000.0;
    let (mode, level) = (word(&json!(view.mode)), word(&json!(view.level)));
    format!("pace {pace:.1} /min · heart {heart} · {mode}, {level}")
}

fn known<T>(value: Option<T>, show: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "not measured".to_owned(), show)
}

fn following(view: &SessionView, paint: Paint) -> String {
    let share = view.features.following.value().map(|it| it.share_permille);
    let filled = usize::from(share.unwrap_or(0)).min(1000) * BAR_WIDTH / 1000;
    let bar = paint.on(Paint::BREATH[2], &"━".repeat(filled));
    let rest = paint.soft(&"╌".repeat(BAR_WIDTH - filled));
    let text = known(share, |share| format!("{} %", share / 10));
    format!("following  {bar}{rest}  {text}")
}

fn resonance(view: &SessionView, paint: Paint) -> String {
    let features = &view.features;
    let per_minute = |milli_hz: u32| f64::from(milli_hz) * 0.06;
    let peak = features
        .lf_peak
        .value()
        .map(|peak| per_minute(peak.milli_hz));
    let swing = features.peak_to_trough_milli_bpm.value();
    let swing = known(swing, |swing| {
        format!("{:.1} /min", f64::from(swing) / 1000.0)
    });
    let peak_text = known(peak, |peak| format!("{peak:.1} a minute"));
    // A scale from 3 to 9 breaths a minute with the heart's strongest rhythm on it.
    let mut scale = vec!["╌"; BAR_WIDTH];
    if let Some(peak) = peak.filter(|peak| (3.0..9.0).contains(peak)) {
        let place = ((peak - 3.0) / 6.0 * BAR_WIDTH as f64) as usize;
        scale[place.min(BAR_WIDTH - 1)] = "◆";
    }
    let scale = paint.soft(&scale.concat());
    format!("resonance  {scale}  {peak_text}, swing {swing}")
}

/// The heart rate of the last two minutes, in dots of which a character has two by four.
fn curve(heart: &Heart, at_ms: u64, paint: Paint) -> Vec<String> {
    let rates = heart.beats.iter().map(|(_, rate)| *rate);
    let low = rates.clone().fold(f64::INFINITY, f64::min) - 1.0;
    let high = rates.fold(f64::NEG_INFINITY, f64::max) + 1.0;
    let wide = WIDTH - 5;
    let mut dots = vec![vec![0_u32; wide]; CURVE_LINES];
    if high > low {
        let place = |at: u64, rate: f64| {
            let since = at_ms.saturating_sub(at).min(CURVE_MS) as f64 / CURVE_MS as f64;
            let across = (1.0 - since) * (wide * 2 - 1) as f64;
            let down = (high - rate) / (high - low) * (CURVE_LINES * 4 - 1) as f64;
            (across as usize, down.round() as usize)
        };
        let points: Vec<_> = heart
            .beats
            .iter()
            .map(|(at, rate)| place(*at, *rate))
            .collect();
        for pair in points.windows(2) {
            for (x, y) in between(pair[0], pair[1]) {
                dots[y / 4][x / 2] |= 1 << DOTS[y % 4][x % 2];
            }
        }
    }
    let label = |line: usize| match line {
        0 if high > low => format!("{high:3.0}"),
        line if line + 1 == CURVE_LINES && high > low => format!("{low:3.0}"),
        _ => "   ".to_owned(),
    };
    let drawn = (0..).zip(&dots).map(|(line, cells)| {
        let text: String = cells
            .iter()
            .map(|bits| char::from_u32(0x2800 + bits).unwrap_or(' '))
            .collect();
        format!(
            "{}  {}",
            paint.soft(&label(line)),
            paint.on(Paint::HEART, &text)
        )
    });
    drawn.collect()
}

/// Bits of a braille character by line and column of its dots.
const DOTS: [[u32; 2]; 4] = [[0, 3], [1, 4], [2, 5], [6, 7]];

/// Every dot from one to another.
fn between(from: (usize, usize), to: (usize, usize)) -> Vec<(usize, usize)> {
    let steps = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)).max(1);
    let at = |one: usize, other: usize, step: usize| {
        let share = step as f64 / steps as f64;
        (one as f64 + (other as f64 - one as f64) * share).round() as usize
    };
    (0..=steps)
        .map(|step| (at(from.0, to.0, step), at(from.1, to.1, step)))
        .collect()
}

/// What is to be known of the beats, if there is something: in one line of a picture.
pub(super) fn remark(view: &SessionView) -> Option<&'static str> {
    let features = &view.features;
    if let Some(unit) = features.other_unit {
        return Some(in_other_unit(unit));
    }
    if features.irregular_since.is_some() {
        return Some("The beats have no order: nothing is measured but their rate.");
    }
    features.left_out.map(|why| match why {
        LeftOut::Repeated => "Beats come twice. Those that came before are left out.",
        LeftOut::Overlap => "Beats come again with the next ones, and are left out then.",
        LeftOut::Ahead => "More beats come than there is time for; some are left out.",
    })
}

/// What intervals in another unit mean for who reads the figures.
pub(super) fn in_other_unit(unit: OtherUnit) -> &'static str {
    match unit {
        OtherUnit::Millis => "Intervals are milliseconds, not 1/1024 s: times read 2.3 % short.",
        OtherUnit::Ticks => "Intervals are 1/1024 s, not milliseconds: times read 2.4 % long.",
    }
}

/// A decision in words.
pub(super) fn sentence(decision: &Decision) -> String {
    let numbers = decision.numbers.iter().map(|number| {
        let name = json!(number.name);
        quantity(name.as_str().unwrap_or_default(), number.value)
    });
    let (kind, code) = (word(&json!(decision.kind)), word(&json!(decision.code)));
    let numbers: Vec<String> = numbers.collect();
    if numbers.is_empty() {
        return format!("{kind}: {code}");
    }
    format!("{kind}: {code} ({})", numbers.join(", "))
}

/// A number of a decision, in the unit that people use. Its name ends in the unit of the engine.
fn quantity(name: &str, value: i64) -> String {
    let value = value as f64;
    let units = [
        ("_milli_bpm", 1000.0, 0, " /min"),
        ("_permille", 10.0, 1, " %"),
        ("_milli", 1000.0, 2, ""),
        ("_ms", 1000.0, 1, " s"),
    ];
    let unit = units.iter().find(|(ending, ..)| name.ends_with(ending));
    match unit {
        Some(&(ending, by, places, unit)) => {
            let name = name.trim_end_matches(ending).replace('_', " ");
            format!("{name} {:.places$}{unit}", value / by)
        }
        None => format!("{} {value}", name.replace('_', " ")),
    }
}

/// A code of the engine as words.
pub(super) fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pacer(phase: f64) -> PacerView {
        PacerView {
            running: true,
            anchor_ms: 0,
            anchor_phase_q32: (phase * 4_294_967_296.0) as u32,
            milli_breaths: 6_000,
            inhale_permille: 400,
            measured: true,
            valid_until_ms: 15_000,
        }
    }

    fn filled(lines: &[String]) -> usize {
        let letters = lines.iter().flat_map(|line| line.chars());
        letters.filter(|letter| "░▒▓█".contains(*letter)).count()
    }

    #[test]
    fn numbers_of_decisions_are_told_in_the_units_of_people() {
        let told = [
            ("from_milli", 6_180, "from 6.18"),
            ("artefact_permille", 37, "artefact 3.7 %"),
            ("heart_rate_milli_bpm", 66_400, "heart rate 66 /min"),
            ("age_ms", 506, "age 0.5 s"),
            ("to_level", 0, "to level 0"),
        ];
        for (name, value, expected) in told {
            assert_eq!(quantity(name, value), expected);
        }
    }

    #[test]
    fn the_disc_grows_with_the_breath_and_keeps_to_its_place() {
        let plain = Paint { is_coloured: false };
        let of = |phase: f64| disc(&breath(&pacer(phase), 0), plain);
        let sizes: Vec<usize> = [0.0, 0.1, 0.2, 0.3, 0.399]
            .map(|phase| filled(&of(phase)))
            .into();
        assert!(sizes.is_sorted_by(|one, other| one < other), "{sizes:?}");
        for phase in 0..100 {
            let lines = of(f64::from(phase) / 100.0);
            assert_eq!(lines.len(), DISC_LINES);
            assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
        }
        assert!(of(0.1)[DISC_LINES / 2].contains(" in "));
        assert!(of(0.7)[DISC_LINES / 2].contains(" out "));
    }

    #[test]
    fn the_curve_keeps_to_its_place_whatever_the_heart_does() {
        let mut heart = Heart::default();
        let plain = Paint { is_coloured: false };
        for (second, rr) in (1_u64..).zip([1000_u16, 0, 65_535, 300, 1, 2000].repeat(60)) {
            heart.add(second * 1000, &[rr, rr]);
            let lines = curve(&heart, second * 1000, plain);
            assert_eq!(lines.len(), CURVE_LINES);
            assert!(heart.beats.len() <= 400);
        }
    }
}
