//! A loop of one call, and another that fails: both are counted exactly.

use correlator::{Body, Signal};

use crate::watch::Watch;

const CALLS: u64 = 500;

pub(crate) fn exercise(watch: &mut Watch) -> Result<(), String> {
    for _ in 0..CALLS {
        std::hint::black_box(nix::unistd::getppid());
    }
    for _ in 0..CALLS {
        let _ = nix::unistd::chdir("/nowhere");
    }
    watch.expect_sum_of_ours("syscall.calls:getppid", CALLS)?;
    watch.expect_sum_of_ours("syscall.errors:chdir:ENOENT", CALLS)
}

impl Watch {
    /// The counts of this signal in this program's own cgroup add up to `wanted`.
    fn expect_sum_of_ours(&mut self, signal: &str, wanted: u64) -> Result<(), String> {
        let is_it = |of: &Signal| of.name() == signal;
        self.expect_ours(signal, |sighting| is_it(&sighting.signal))?;
        let counts = self
            .seen()
            .iter()
            .filter(|sighting| is_it(&sighting.signal))
            .map(|sighting| &sighting.body);
        let sum: u64 = counts
            .map(|body| if let Body::Count(count) = body { *count } else { 0 })
            .sum();
        if sum == wanted {
            Ok(())
        } else {
            Err(format!("{signal}: {sum}, not {wanted}"))
        }
    }
}
