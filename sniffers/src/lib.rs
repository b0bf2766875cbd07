//! What watches: eBPF, cgroup files, the node's resources, the Kubernetes API, recordings. Each sniffer sends events that
//! are already tied to their pod; a broken one stops nothing else.

pub mod cgroup;
pub mod clock;
pub mod ebpf;
pub mod health;
pub mod k8s;
pub mod manager;
mod meminfo;
pub mod node;
pub mod recording;
pub mod replay;
pub mod sniffer;

pub use health::Health;
pub use manager::Manager;
pub use sniffer::{Context, EventSender, SniffError, Sniffer};
