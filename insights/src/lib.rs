//! The problems tapio recognises: one file each under `detectors/`, and what they share.
//!
//! Like the engine they run in, detectors are pure functions of what was seen.

mod advice;
mod baseline;
mod capacity;
mod changes;
mod cusum;
mod destination;
mod dns;
mod ends;
mod exit_status;
mod forecast;
pub mod kubectl;
mod latency;
mod lookups;
mod messages;
mod names;
mod nodes;
mod obstacles;
mod peers;
mod phrase;
mod policy;
mod rates;
mod rejected;
mod remedies;
mod standing;
mod suspects;
mod trend;
mod waits_for;
mod workloads;

pub use kubectl::{Kubectl, quote};
pub use phrase::escape;

include!(concat!(env!("OUT_DIR"), "/detectors.rs"));
