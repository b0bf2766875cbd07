//! What is done for each probe to see, a file a probe. A probe without one is loaded and attached only.

mod memory;
mod memory_sample;
mod process;
mod tcp_connect;

use crate::watch::Watch;

/// Does something, and says what the probe got wrong.
pub(crate) type Exercise = fn(&mut Watch) -> Result<(), String>;

/// The exercise of the probe of this name.
pub(crate) fn of(probe: &str) -> Option<Exercise> {
    let exercises: &[(&str, Exercise)] = &[
        ("memory", memory::exercise),
        ("memory_sample", memory_sample::exercise),
        ("process", process::exercise),
        ("tcp_connect", tcp_connect::exercise),
    ];
    exercises
        .iter()
        .find(|(name, _)| *name == probe)
        .map(|(_, exercise)| *exercise)
}
