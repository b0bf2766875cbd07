//! How long a server that is too busy wants to be left alone, as told by `Retry-After`.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{Response, StatusCode};
use tokio::time::Instant;

/// The longest pause that is kept to; a server that says more is asked again after this.
const LONGEST: Duration = Duration::from_secs(120);

/// Closed while nothing shall be asked.
#[derive(Debug, Default)]
pub(super) struct Gate {
    until: Option<(Instant, StatusCode)>,
}

impl Gate {
    /// Closes it; a pause that ends later holds on.
    pub(super) fn close(&mut self, until: Instant, status: StatusCode) {
        if self.until.is_none_or(|(before, _)| before < until) {
            self.until = Some((until, status));
        }
    }

    /// How long it stays closed, and the status with which the server asked for it; `None` when it is open.
    pub(super) fn closed(&self, now: Instant) -> Option<(Duration, StatusCode)> {
        let (until, status) = self.until?;
        let wait = until.saturating_duration_since(now);
        (!wait.is_zero()).then_some((wait, status))
    }
}

/// The pause that an answer asks for, at most [`LONGEST`]. Kubernetes sends seconds; the form with a date is not read,
/// and what has no header is left to the back-off of each watch.
pub(super) fn retry_after<B>(response: &Response<B>) -> Option<Duration> {
    let busy = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    if !busy.contains(&response.status()) {
        return None;
    }
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let seconds: u64 = text.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST))
}

/// A pause made longer by up to its half, and at least up to a second: the agents of all nodes are told the same, and
/// shall not come back together.
pub(super) fn spread(pause: Duration, random: u64) -> Duration {
    let widest = (pause / 2).max(Duration::from_secs(1));
    let share = random as f64 / u64::MAX as f64;
    pause + widest.mul_f64(share)
}

/// Another number in every process and every call.
pub(in crate::k8s) fn random() -> u64 {
    RandomState::new().hash_one(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: u16, after: &str) -> Option<Duration> {
        let answer = Response::builder().status(code).header(RETRY_AFTER, after);
        retry_after(&answer.body(()).unwrap())
    }

    #[test]
    fn a_pause_is_read_from_the_answers_of_a_busy_server_and_bounded() {
        for code in [429, 503, 504] {
            assert_eq!(answer(code, "7"), Some(Duration::from_secs(7)), "{code}");
        }
        assert_eq!(answer(429, "18446744073709551615"), Some(LONGEST));
        for (code, after) in [
            (500, "7"),
            (200, "7"),
            (429, "soon"),
            (429, "-1"),
            (429, "Sat, 21 Nov 2026 15:10:00 GMT"),
        ] {
            assert_eq!(answer(code, after), None, "{code} {after}");
        }
        assert_eq!(retry_after(&Response::builder().status(429).body(()).unwrap()), None);
    }

    #[test]
    fn a_thousand_agents_that_are_told_the_same_come_back_spread_out() {
        let pause = Duration::from_secs(10);
        let mut tenths = [0; 50];
        for _ in 0..1_000 {
            let wait = spread(pause, random());
            assert!((pause..=pause + pause / 2).contains(&wait), "{wait:?}");
            tenths[usize::try_from(wait.saturating_sub(pause).as_millis() / 100)
                .unwrap()
                .min(49)] += 1;
        }
        // Twenty in each on average.
        assert!(tenths.iter().all(|agents| *agents < 80), "{tenths:?}");
    }

    #[test]
    fn even_no_pause_at_all_is_spread_over_a_second() {
        assert_eq!(spread(Duration::ZERO, 0), Duration::ZERO);
        assert_eq!(spread(Duration::ZERO, u64::MAX), Duration::from_secs(1));
    }

    #[test]
    fn the_longest_pause_holds_and_then_the_gate_is_open() {
        let now = Instant::now();
        let mut gate = Gate::default();
        assert_eq!(gate.closed(now), None);
        gate.close(now + LONGEST, StatusCode::TOO_MANY_REQUESTS);
        gate.close(now + Duration::from_secs(1), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(gate.closed(now), Some((LONGEST, StatusCode::TOO_MANY_REQUESTS)));
        assert_eq!(gate.closed(now + LONGEST), None);
    }
}
