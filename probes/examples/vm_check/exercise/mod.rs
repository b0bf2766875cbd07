//! What is done for each probe to see, a file a probe. A probe without one is loaded and attached only.

mod cpu_sched;
mod dns;
mod file;
mod listen_queue;
mod memory;
mod memory_sample;
mod net_flow;
mod process;
mod syscall;
mod tcp_connect;
mod tcp_retransmit;
mod tcp_traffic;

use crate::watch::Watch;

/// Does something, and says what the probe got wrong.
pub(crate) type Exercise = fn(&mut Watch) -> Result<(), String>;

/// The exercise of the probe of this name.
pub(crate) fn of(probe: &str) -> Option<Exercise> {
    let exercises: &[(&str, Exercise)] = &[
        ("cpu_sched", cpu_sched::exercise),
        ("dns", dns::exercise),
        ("file", file::exercise),
        ("listen_queue", listen_queue::exercise),
        ("memory", memory::exercise),
        ("memory_sample", memory_sample::exercise),
        ("net_flow", net_flow::exercise),
        ("process", process::exercise),
        ("syscall", syscall::exercise),
        ("tcp_connect", tcp_connect::exercise),
        ("tcp_retransmit", tcp_retransmit::exercise),
        ("tcp_traffic", tcp_traffic::exercise),
    ];
    exercises
        .iter()
        .find(|(name, _)| *name == probe)
        .map(|(_, exercise)| *exercise)
}
