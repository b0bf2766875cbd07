//! A loop of one call, and another that fails: both are counted exactly.

use crate::watch::Watch;

const CALLS: u64 = 500;

pub(crate) fn exercise(watch: &mut Watch) -> Result<(), String> {
    for _ in 0..CALLS {
        std::hint::black_box(nix::unistd::getppid());
    }
    for _ in 0..CALLS {
        let _ = nix::unistd::chdir("/nowhere");
    }
    watch.expect_sum("syscall.calls:getppid", CALLS)?;
    watch.expect_sum("syscall.errors:chdir:ENOENT", CALLS)
}
