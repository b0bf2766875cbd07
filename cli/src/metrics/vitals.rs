//! What only a live run has to tell of itself: its sniffers, its pid map and its own process.

use std::sync::Arc;
use std::time::Duration;

use correlator::{BreakerState, Timestamp};
use nix::unistd::{SysconfVar, sysconf};
use pidmap::PidMap;
use sniffers::Health;

use super::Reloads;
use crate::metrics::standing::Standing;

/// Where it is told.
#[derive(Debug, Clone)]
pub(crate) struct Vitals {
    pub(crate) health: Health,
    pub(crate) pods: Arc<PidMap>,
    pub(crate) started: Timestamp,
    pub(crate) sinks: Vec<Arc<Standing>>,
    pub(crate) reloads: Arc<Reloads>,
}

/// What this process has used.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Process {
    pub(super) cpu: Duration,
    pub(super) resident: u64,
}

/// Reads `/proc/self/stat` (`proc_pid_stat(5)`).
pub(super) fn process() -> Option<Process> {
    parse(
        &std::fs::read_to_string("/proc/self/stat").ok()?,
        conf(SysconfVar::CLK_TCK)?,
        conf(SysconfVar::PAGE_SIZE)?,
    )
}

fn conf(variable: SysconfVar) -> Option<u64> {
    sysconf(variable)
        .ok()
        .flatten()
        .and_then(|value| u64::try_from(value).ok())
}

fn parse(stat: &str, ticks: u64, page: u64) -> Option<Process> {
    // The name of the program, in parentheses, may hold anything.
    let fields: Vec<&str> = stat.get(stat.rfind(')')? + 2..)?.split(' ').collect();
    let number = |field: usize| fields.get(field - 3).and_then(|text| text.parse::<u64>().ok());
    let used = number(14)?.saturating_add(number(15)?);
    Some(Process {
        cpu: Duration::from_millis(used.saturating_mul(1000) / ticks.max(1)),
        resident: number(24)?.saturating_mul(page),
    })
}

/// The number that stands for the state of a breaker.
pub(super) fn number(breaker: BreakerState) -> f64 {
    match breaker {
        BreakerState::Closed => 0.0,
        BreakerState::HalfOpen => 1.0,
        BreakerState::Open(_) => 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_even_with_a_name_that_is_made_to_mislead() {
        let stat =
            "7 (a) R 1 (x) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 3 0 1234 99 2048 18446744073709551615 1";
        let expected = Process {
            cpu: Duration::from_secs(3),
            resident: 2048 * 4096,
        };
        assert_eq!(parse(stat, 100, 4096), Some(expected));
        assert_eq!(parse("7 (a", 100, 4096), None);
    }

    #[test]
    fn this_process_has_used_memory() {
        assert!(process().unwrap().resident > 1 << 20);
    }
}
