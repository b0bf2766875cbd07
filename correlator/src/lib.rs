//! The ground floor: the vocabulary of tapio and the engine that turns events into insights.
//!
//! Everything here is pure. Time comes in as an argument, nothing reads a file, a clock, the network or randomness, and
//! no result depends on hash order, so that a recording replayed anywhere gives the same insights byte for byte.

pub mod event;
pub mod fact;
pub mod identity;
pub mod time;

pub use event::{Body, Event, Histogram, Outcome, Peer, Signal, signals};
pub use fact::{
    Condition, ContainerRole, ContainerState, ContainerStatus, Exec, Exit, Fact, Gap, KubeEvent, NodeState, OomKill,
    PodState, Termination,
};
pub use identity::{HostProcess, Owner, PodIdentity, Scope, Subject};
pub use time::Timestamp;
