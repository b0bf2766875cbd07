//! Short stories of events and what all detectors together say of them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod changes;
mod dns;
mod dns_down;
mod fault;
mod faults;
mod files;
mod fires;
mod network;
mod probes;
mod ready;
mod rejected;
mod services;
mod stage;
mod starting;
mod stays_silent;
mod tcp;
mod tuned;
mod unscheduled;
mod wanted;
