//! What watches: eBPF, cgroup files, the Kubernetes API, recordings. Each sniffer sends events that are already tied to
//! their pod; a broken one stops nothing else.

pub mod clock;
pub mod sniffer;

pub use sniffer::{Context, EventSender, SniffError, Sniffer};
