//! Two processes share the one processor of the machine: each waits for the other.

use correlator::{Body, Histogram};
use probes::cpu_sched::{CONTEXT_SWITCHES, RUNQUEUE_WAIT};

use crate::child;
use crate::machine::OWN_CGROUP;
use crate::watch::{Watch, cgroup_id};

pub(crate) fn exercise(watch: &mut Watch) -> Result<(), String> {
    let mut spinner = child::start(&["spin"])?;
    let (mut turns, start) = (0_u64, std::time::Instant::now());
    while start.elapsed().as_millis() < 300 {
        turns = std::hint::black_box(turns + 1);
    }
    spinner.wait().map_err(|error| error.to_string())?;
    // Kernel threads wait too, in the root.
    let own = cgroup_id(OWN_CGROUP)?;
    watch.expect("a wait for the processor", |sighting| {
        let long = |waits: &Histogram| waits.sum_ns > 1_000_000;
        let is_long = matches!(&sighting.body, Body::Histogram(waits) if long(waits));
        sighting.signal == RUNQUEUE_WAIT && sighting.task.unified == own && is_long
    })?;
    watch.expect("context switches", |sighting| {
        sighting.signal == CONTEXT_SWITCHES && sighting.task.unified == own
    })?;
    Ok(())
}
