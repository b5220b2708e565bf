//! Guarded breath guidance that replays bit for bit.
//!
//! A session is fed with heart-beat packets, ticks and the person's wishes, each with the host's
//! monotonic time; it answers with decisions. Nothing here reads a clock, draws a random number,
//! allocates an unordered map or calls a platform's mathematics, so that the same inputs give the
//! same decisions, and the same digest of the whole state, on every machine.
//!
//! The measuring half turns packets into [`features::Features`]: [`sensors`] parses them,
//! [`timeline`] fences them, [`scale`] doubts their unit, [`artefact`] marks and mends beats, [`rhythm`] says whether they have an
//! order, [`window`], [`metrics`], [`spectrum`] and [`breath`] measure, and [`overall`] a whole session.
//! The deciding half turns features into guidance:
//! [`screen`], [`protocol`], [`guard`], [`belief`], [`guidance`], [`pacer`], [`assessment`] with its
//! [`criteria`] and [`inhibition`] meet in [`engine`], whose decisions [`event`], [`digest`] and
//! [`replay`] make provable. [`projection`] words them for programs that know an older vocabulary.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod artefact;
pub mod assessment;
pub mod belief;
pub mod breath;
pub mod bug;
pub mod canon;
pub mod criteria;
pub mod digest;
pub mod engine;
pub mod event;
pub mod features;
pub mod guard;
pub mod guidance;
mod heart;
pub mod inhibition;
pub mod metrics;
pub mod overall;
pub mod pacer;
pub mod projection;
pub mod protocol;
pub mod replay;
pub mod rhythm;
pub mod scale;
pub mod screen;
pub mod sensors;
pub mod spectrum;
pub mod timeline;
pub mod units;
pub mod window;
