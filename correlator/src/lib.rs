//! The ground floor: the vocabulary of tapio and the engine that turns events into insights.
//!
//! Everything here is pure. Time comes in as an argument, nothing reads a file, a clock, the network or randomness, and
//! no result depends on hash order, so that a recording replayed anywhere gives the same insights byte for byte.

mod batch;
pub mod breaker;
pub mod detector;
mod engine;
pub mod event;
pub mod fact;
pub mod fill;
pub mod forecast;
pub mod history;
pub mod identity;
pub mod insight;
mod lifecycle;
pub mod node;
pub mod object;
pub mod pod;
pub mod rate;
pub mod selector;
pub mod series;
pub mod sketch;
pub mod time;
pub mod tunable;
pub mod wanted;
pub mod window;
pub mod world;

pub use breaker::{Breaker, BreakerConfig, BreakerState};
pub use detector::{Detector, Verdict};
pub use engine::{Engine, Stats};
pub use event::{Body, Event, Histogram, Outcome, Peer, Signal, signals};
pub use fact::{DnsAnswer, Exec, Exit, Fact, Gap, KubeEvent, OomKill, Transport};
pub use fill::{Fill, Sample};
pub use forecast::{Calibration, Forecaster, HORIZONS, Outlook, Resource};
pub use history::{Failure, History, Spans};
pub use identity::{HostProcess, Owner, PodIdentity, Scope, Subject};
pub use insight::{Consequences, Culprit, Evidence, Insight, Prediction, Remedy, Risk, Severity, Source, Status};
pub use node::{Condition, NodeState};
pub use object::{ObjectRef, ObjectState};
pub use pod::{ContainerRole, ContainerState, ContainerStatus, PodState, ProbeKind, ProbeSpec, Termination};
pub use rate::{Rate, RateKind, Rates, SlowRate};
pub use selector::LabelSelector;
pub use series::{Bucket, REACH, Series};
pub use sketch::Sketch;
pub use time::Timestamp;
pub use tunable::{Thresholds, Tunable};
pub use wanted::Wanted;
pub use window::{ContainerView, RunView, Window};
pub use world::{Loss, Node, Pod, TERMINATION_REACH, World};
