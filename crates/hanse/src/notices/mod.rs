//! `/v1/notices`: what the zone announces to everybody. Anyone may read, and take a bundle that proves it offline.

pub mod can;
mod routes;
mod tool;
pub mod wire;

use ids::aggregate::Aggregate as _;
use journal::{
    Append, Declared, Event, ProjectionError, Records, StreamName, WriterDecision, WriterRefusal,
};
use mez::notice::{Notice, NoticeEvent};
use serde::{Deserialize, Serialize};

use crate::institution::Institution;
use platform::projection::{find, payload, put, rule};

/// Public notices.
pub const INSTITUTION: Institution = Institution {
    name: "notices",
    projections: &[("notice.", project)],
    rules: &[(NUMBER_RULE, number)],
    routes: routes::routes,
    tool: Some(tool::TOOL),
    ..Institution::NONE
};

/// The record of a notice.
const NOTICE: &str = "notice";
/// The record of how many notices a year has.
const YEAR: &str = "notice_year";
const NUMBER_RULE: &str = "notices.number";

/// How many notices were published in a year.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Year {
    notices: u64,
}

fn stream(id: &str) -> StreamName {
    let name = format!("mez/notice/{id}");
    name.parse().expect("a UUID is a segment of a name")
}

fn project(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let happened: NoticeEvent = payload(event)?;
    let id = event.stream.as_str().rsplit('/').next().unwrap_or_default();
    let before: Option<Notice> = find(event, records, NOTICE, id)?;
    let after = Notice::apply(before, &happened)
        .map_err(|_| rule(event, "the event does not fit the state of the notice"))?;
    if let NoticeEvent::Published(published) = &happened {
        let year = published.year.to_string();
        let Year { notices } = find(event, records, YEAR, &year)?.unwrap_or_default();
        if published.number != notices + 1 {
            return Err(rule(event, "notices are numbered without gaps"));
        }
        put(
            event,
            records,
            YEAR,
            &year,
            [],
            &Year {
                notices: published.number,
            },
        )?;
    }
    let in_force = after.withdrawn.is_none().to_string();
    put(event, records, NOTICE, id, [("in_force", in_force)], &after)
}

/// Numbers a notice when its turn comes, so that many can be published at once and none has to try again.
fn number(
    decision: &WriterDecision,
    records: &dyn Declared,
    prepared: &mut [Append],
) -> Result<(), WriterRefusal> {
    let malformed = |what| move |_| WriterRefusal::Malformed { what };
    let year = String::from_utf8_lossy(&decision.parameters);
    let Year { notices } = match records.get(YEAR, &year)? {
        None => Year::default(),
        Some(record) => {
            serde_json::from_slice(&record.body).map_err(malformed("the year's record"))?
        }
    };
    for event in prepared.iter_mut().flat_map(|append| &mut append.events) {
        let happened =
            serde_json::from_slice(&event.payload).map_err(malformed("the prepared event"))?;
        if let NoticeEvent::Published(mut published) = happened {
            published.number = notices + 1;
            event.payload = evidence::canonical::to_vec_of(&NoticeEvent::Published(published))
                .map_err(|_| WriterRefusal::Malformed {
                    what: "the numbered event",
                })?;
        }
    }
    Ok(())
}
