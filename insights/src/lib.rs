//! The problems tapio recognises: one file each under `detectors/`, and what they share.
//!
//! Like the engine they run in, detectors are pure functions of what was seen.

mod advice;
mod baseline;
mod capacity;
mod changes;
mod consumers;
mod danger;
mod destination;
mod disruption;
mod dns;
mod ends;
mod eviction;
mod exit_status;
pub mod forecast;
mod growth;
pub mod kubectl;
mod latency;
mod leak;
mod limits;
mod lookups;
mod memory_kills;
mod memory_limit;
mod messages;
mod names;
mod nodes;
mod not_yet;
mod obstacles;
mod partly;
mod peers;
mod phrase;
mod policy;
mod probes;
mod rates;
mod rejected;
mod remedies;
mod risen;
mod standing;
mod suspects;
mod trend;
mod waits_for;
mod workloads;

pub use forecast::{closed_form, forecaster};
pub use kubectl::{Kubectl, quote};
pub use not_yet::NOT_YET;
pub use phrase::escape;

include!(concat!(env!("OUT_DIR"), "/detectors.rs"));
