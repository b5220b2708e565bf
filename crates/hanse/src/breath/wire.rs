//! What the API of breath sessions says and hears. The core does not know of it.

use api::problem::Code;
use ids::PrincipalId;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use zenb::protocol::{GuidancePace, Kind, Pace, Protocol, ProtocolError};
use zenb::screen::{Answer, Answers, Question};

use super::ids::BreathPerson;
use super::record::{SessionClock, SessionRecord, SessionStatus};
use platform::declined::Declined;

/// Most inputs in one request or message: three minutes of packets and ticks; with their decisions they fit one transaction.
pub const INPUTS_MAX: usize = 400;
/// Most intervals in one packet: the payload of a Bluetooth notification has room for fewer.
pub const PACKET_BEATS_MAX: usize = 32;

/// What happens in a session. Every pace is checked against the limits; a hold cannot be said.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ProtocolBody {
    /// One pace throughout.
    Paced {
        /// Thousandths of a breath a minute, 4000 to 12000.
        #[serde(default = "six")]
        #[schema(minimum = 4000, maximum = 12000, default = 6000)]
        milli_breaths: u32,
        /// The inhale's share of the breath in thousandths.
        #[serde(default = "two_fifths")]
        #[schema(minimum = 333, maximum = 500, default = 400)]
        inhale_permille: u16,
        /// How long, at most.
        #[serde(default = "usual_minutes")]
        #[schema(minimum = 2, maximum = 30, default = 15)]
        minutes: u8,
    },
    /// From a start towards a target, as slowly as the person follows.
    Adaptive {
        /// Where it begins, thousandths of a breath a minute, 4500 to 7000.
        #[serde(default = "six_and_a_half")]
        #[schema(minimum = 4500, maximum = 7000, default = 6500)]
        start_milli_breaths: u32,
        /// Where it leads, thousandths of a breath a minute, 4500 to 7000.
        #[serde(default = "five_and_a_half")]
        #[schema(minimum = 4500, maximum = 7000, default = 5500)]
        target_milli_breaths: u32,
        /// The inhale's share of the breath in thousandths.
        #[serde(default = "two_fifths")]
        #[schema(minimum = 333, maximum = 500, default = 400)]
        inhale_permille: u16,
        /// How long, at most.
        #[serde(default = "usual_minutes")]
        #[schema(minimum = 2, maximum = 30, default = 15)]
        minutes: u8,
    },
    /// Five rates, two minutes each, in random order.
    AssessStepped {},
    /// 78 breaths from 6.75 to 4.25 a minute (Fisher & Lehrer 2021).
    AssessSliding {},
}

fn six() -> u32 {
    Pace::SIX.milli_breaths()
}

fn six_and_a_half() -> u32 {
    6_500
}

fn five_and_a_half() -> u32 {
    5_500
}

fn two_fifths() -> u16 {
    Pace::SIX.inhale_permille()
}

fn usual_minutes() -> u8 {
    zenb::protocol::SESSION_MINUTES_DEFAULT
}

impl TryFrom<&ProtocolBody> for Protocol {
    type Error = ProtocolError;

    fn try_from(body: &ProtocolBody) -> Result<Self, ProtocolError> {
        match *body {
            ProtocolBody::Paced {
                milli_breaths,
                inhale_permille,
                minutes,
            } => {
                let pace = Pace::new(milli_breaths, inhale_permille)?;
                Self::new(Kind::Paced { pace }, minutes)
            }
            ProtocolBody::Adaptive {
                start_milli_breaths,
                target_milli_breaths,
                inhale_permille,
                minutes,
            } => {
                let start = GuidancePace::new(start_milli_breaths, inhale_permille)?;
                let target = GuidancePace::new(target_milli_breaths, inhale_permille)?;
                Self::new(Kind::Adaptive { start, target }, minutes)
            }
            ProtocolBody::AssessStepped {} => Self::new(Kind::AssessStepped, usual_minutes()),
            ProtocolBody::AssessSliding {} => Self::new(Kind::AssessSliding, usual_minutes()),
        }
    }
}

impl From<Protocol> for ProtocolBody {
    fn from(protocol: Protocol) -> Self {
        let minutes = protocol.minutes();
        match protocol.kind() {
            Kind::Paced { pace } => Self::Paced {
                milli_breaths: pace.milli_breaths(),
                inhale_permille: pace.inhale_permille(),
                minutes,
            },
            Kind::Adaptive { start, target } => Self::Adaptive {
                start_milli_breaths: start.pace().milli_breaths(),
                target_milli_breaths: target.pace().milli_breaths(),
                inhale_permille: start.pace().inhale_permille(),
                minutes,
            },
            Kind::AssessStepped => Self::AssessStepped {},
            Kind::AssessSliding => Self::AssessSliding {},
        }
    }
}

/// A protocol outside the limits is a refusal by rule, not by shape.
pub fn refused_protocol(error: &ProtocolError) -> Declined {
    let rule = match error {
        ProtocolError::RateOutOfRange { .. } => "rate_out_of_range",
        ProtocolError::InhaleShareOutOfRange { .. } => "inhale_share_out_of_range",
        ProtocolError::PhaseOutOfRange { .. } => "phase_out_of_range",
        ProtocolError::InhaleShareDiffers { .. } => "inhale_share_differs",
        ProtocolError::DoseOutOfRange { .. } => "dose_out_of_range",
    };
    Declined::new(Code::RuleViolated, "the practice is outside its limits").with_error(
        "/protocol",
        rule,
        error.to_string(),
    )
}

/// The answers to the questions that come before a session, each given once.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScreenBody {
    /// One for each question, in any order.
    #[schema(max_items = 64)]
    pub answers: Vec<AnswerBody>,
    /// Whether the person confirms that a clinician agreed, where a caution asks for it.
    pub clinician_agreed: bool,
}

/// One answer.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerBody {
    /// The question; `/breathe/screen.json` has the words.
    #[schema(value_type = QuestionText)]
    pub question: Question,
    /// Whether the person said yes.
    pub yes: bool,
}

impl From<ScreenBody> for Answers {
    fn from(body: ScreenBody) -> Self {
        let answer = |answer: AnswerBody| Answer {
            question: answer.question,
            yes: answer.yes,
        };
        Self {
            answers: body.answers.into_iter().map(answer).collect(),
            clinician_agreed: body.clinician_agreed,
        }
    }
}

/// `zenb::screen::Question` in the document about the API.
#[derive(Debug)]
pub enum QuestionText {}

impl utoipa::PartialSchema for QuestionText {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        let texts = Question::ALL.map(|it| serde_json::to_value(it).unwrap_or(Value::Null));
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(texts))
            .into()
    }
}

impl ToSchema for QuestionText {}

/// A session to open.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenBody {
    /// For whom. Their consent must be recorded.
    pub person: BreathPerson,
    /// Whose time the inputs carry.
    pub clock: SessionClock,
    /// What happens.
    pub protocol: ProtocolBody,
    /// The answers to the questions that come before a session.
    pub screen: ScreenBody,
}

/// How a person feels with the pacer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FeelingBody {
    /// Good.
    Pleasant,
    /// Neither.
    Neutral,
    /// Not good: the pace falls back, and the practice is inhibited for a while.
    Unpleasant,
}

/// Who asks to stop, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopBody {
    /// The person.
    #[default]
    Person,
    /// The person, who feels unwell.
    Unwell,
    /// Who watches over the session.
    Supervisor,
    /// The program around the session.
    Host,
}

/// An interval between two beats, in 1/1024 s.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[schema(maximum = 65535)]
pub struct RrTicks(pub u16);

/// One input. `at_ms` is milliseconds since the session opened: given by the sender where the session's clock is the
/// sender's, and absent where it is the node's. One before the session's last moment, or later than a day, is refused and
/// changes nothing, unless it stops.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum InputBody {
    /// The pacer starts.
    Start {
        /// When.
        #[schema(maximum = 9007199254740991u64)]
        at_ms: Option<u64>,
    },
    /// Heart beats.
    Packet {
        /// When it arrived.
        #[schema(maximum = 9007199254740991u64)]
        at_ms: Option<u64>,
        /// Intervals between beats in 1/1024 s, oldest first; none when no beat was complete.
        #[schema(max_items = 32)]
        rr: Vec<RrTicks>,
        /// The heart rate that the strap itself computed, beats a minute.
        #[schema(maximum = 65535)]
        hr: Option<u16>,
        /// Whether the strap touches the skin, if it can tell.
        contact: Option<bool>,
    },
    /// Heart beats as a strap sent them: the value of the Bluetooth characteristic 0x2A37.
    Measurement {
        /// When it arrived.
        #[schema(maximum = 9007199254740991u64)]
        at_ms: Option<u64>,
        /// The bytes as hexadecimal digits.
        #[schema(max_length = 1024, pattern = "^([0-9a-f]{2})*$")]
        bytes: String,
    },
    /// Time passes.
    Tick {
        /// Until when.
        #[schema(maximum = 9007199254740991u64)]
        at_ms: Option<u64>,
    },
    /// The person wants to breathe faster.
    Faster {
        /// When.
        #[schema(maximum = 9007199254740991u64)]
        at_ms: Option<u64>,
    },
    /// The person wants to breathe slower.
    Slower {
        /// When.
        #[schema(maximum = 9007199254740991u64)]
        at_ms: Option<u64>,
    },
    /// The person says how it feels.
    Feeling {
        /// When.
        #[schema(maximum = 9007199254740991u64)]
        at_ms: Option<u64>,
        /// How.
        feeling: FeelingBody,
    },
    /// The session stops, at once, whatever time this states.
    Stop {
        /// When. A time that no other input may have counts as the session's last moment.
        #[serde(default, deserialize_with = "any_time")]
        #[schema(value_type = Option<Value>)]
        at_ms: Option<u64>,
        /// Who asks.
        #[serde(default)]
        by: StopBody,
    },
}

/// A time, or nothing where something else stands: a stop is not refused for it.
fn any_time<'de, D: Deserializer<'de>>(value: D) -> Result<Option<u64>, D::Error> {
    Value::deserialize(value).map(|value| value.as_u64())
}

/// Inputs in the order they happened.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InputsBody {
    /// The inputs, at most 400.
    #[schema(min_items = 1, max_items = 400)]
    pub inputs: Vec<InputBody>,
}

/// An input that was not taken; the session is as it was before it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct InputRefused {
    /// Its place in the request, from 0.
    pub index: u64,
    /// Why, in a stable form.
    pub code: String,
    /// The same for people.
    pub detail: String,
}

/// What followed from inputs.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Stepped {
    /// The session.
    pub id: SessionIdText,
    /// How many inputs were taken.
    pub accepted: u64,
    /// Those that were not.
    pub refused: Vec<InputRefused>,
    /// What was decided, in order: class, kind, code and the numbers it rests on.
    #[schema(value_type = Vec<Object>)]
    pub decisions: Value,
    /// The state after it.
    #[serde(flatten)]
    pub state: State,
}

/// The text of a session id.
pub type SessionIdText = super::ids::SessionId;

/// A session at one moment: what people and pacers need.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct State {
    /// The moment, in milliseconds since the session opened.
    pub at_ms: u64,
    /// Where it stands.
    pub status: SessionStatus,
    /// From which a client draws the pacer without asking again.
    #[schema(value_type = Object)]
    pub pacer: Value,
    /// What is measured and believed, each with its quality or the reason why not.
    #[schema(value_type = Object)]
    pub view: Value,
    /// SHA-256 of the whole state of the engine.
    pub digest: String,
    /// How many events the session has in the journal.
    pub events: u64,
    /// What it came to, once it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub summary: Option<Value>,
}

/// A session.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BreathSession {
    /// Id.
    pub id: SessionIdText,
    /// For whom.
    pub person: BreathPerson,
    /// Who opened it.
    pub by: PrincipalId,
    /// Whose time its inputs carry.
    pub clock: SessionClock,
    /// What happens in it.
    pub protocol: ProtocolBody,
    /// Where it stands.
    pub status: SessionStatus,
    /// When it was opened.
    #[schema(value_type = String, format = DateTime)]
    pub opened_at: jiff::Timestamp,
    /// When the pacer started.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<jiff::Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<jiff::Timestamp>,
    /// What it came to: minutes, outcome, and the assessment with each criterion and its contrast.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub summary: Option<Value>,
    /// How many inputs were taken, once it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inputs_count: Option<u64>,
    /// SHA-256 of the whole state of the engine at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl From<SessionRecord> for BreathSession {
    fn from(record: SessionRecord) -> Self {
        Self {
            id: record.id,
            person: record.person,
            by: record.by,
            clock: record.clock,
            protocol: record.protocol.into(),
            status: record.status,
            opened_at: record.opened_at,
            started_at: record.started_at,
            ended_at: record.ended_at,
            summary: record.summary.as_ref().map(plain),
            inputs_count: record.inputs_count,
            digest: record.digest.map(String::from),
        }
    }
}

/// A value of the core as JSON.
pub fn plain(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("values of the core have string keys and no floats")
}
