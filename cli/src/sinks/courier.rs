//! Carries what waits to a sink: one request at a time, again after growing pauses, with a breaker; and repeats what must be
//! repeated. Its clock is tokio's, so that tests can let an hour pass.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use correlator::{Breaker, BreakerConfig, BreakerState, Timestamp};
use hyper::header::{HeaderName, HeaderValue};
use tokio::time::{Instant, sleep, sleep_until};

use super::queue::Queue;
use crate::metrics::standing::{Reason, Standing};

/// The pause after the first failure; it doubles with each up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A `Retry-After` that asks for more is not believed.
const LONGEST_ASKED: Duration = Duration::from_secs(600);
const BREAKER: BreakerConfig = BreakerConfig {
    threshold: 5,
    pause: Duration::from_secs(30),
    longest_pause: Duration::from_secs(120),
};

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    /// Below the sink's address.
    pub(super) path: &'static str,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
    /// How many of the queue's items are in it; zero for what is only repeated.
    pub(super) items: u64,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The sink took it, and said this.
    Taken(Bytes),
    /// Sending it again would not help.
    Refused(String),
    /// The sink failed over it: it may be broken, or what was sent.
    Broken(String),
    /// It may work later; not before so long, if the sink says so.
    Later(String, Option<Duration>),
}

/// The way to a sink.
pub(super) trait Post {
    async fn post(&self, parcel: &Parcel) -> Answer;
}

/// What one kind of sink makes of items.
pub(super) trait Courier {
    type Item;
    /// Most items in one request.
    const MOST: usize;
    /// How often a request is sent that the sink fails over, before it is given up as refused: it must not hold up the
    /// others for ever. With the pauses between, 12 take a quarter of an hour.
    const TRIES: u32 = 12;

    /// The request for these; fails as long as what it needs, such as a secret, cannot be read.
    fn parcel(&mut self, items: &[Self::Item]) -> Result<Parcel, String>;

    /// How often [`Self::again`] is sent.
    fn repeat(&self) -> Option<Duration> {
        None
    }

    /// What is sent again.
    fn again(&mut self) -> Vec<Parcel> {
        Vec::new()
    }

    /// How many items of a request that was taken were refused all the same, and why.
    fn refused(&self, _answer: &[u8]) -> (u64, String) {
        (0, String::new())
    }
}

/// Sends what comes into the queue until it is closed and empty.
pub(super) async fn carry<C: Courier>(mut courier: C, queue: Arc<Queue<C::Item>>, post: impl Post, jitter: u64) {
    let mut way = Way {
        post,
        standing: Arc::clone(queue.standing()),
        breaker: Breaker::new(BREAKER),
        began: Instant::now(),
        jitter,
        failures: 0,
    };
    let repeats = courier.repeat();
    let mut next = Instant::now() + repeats.unwrap_or_default();
    loop {
        tokio::select! {
            biased;
            items = queue.take(C::MOST) => match items {
                Some(items) => way.deliver(&mut courier, &items).await,
                None => return,
            },
            () = sleep_until(next), if repeats.is_some() => {
                next = Instant::now() + repeats.unwrap_or_default();
                for parcel in courier.again() {
                    if !way.try_once(&courier, &parcel).await {
                        break;
                    }
                }
            }
        }
    }
}

struct Way<P> {
    post: P,
    standing: Arc<Standing>,
    breaker: Breaker,
    began: Instant,
    /// Tells instances apart, so that they do not all come back at once; zero for none.
    jitter: u64,
    failures: u32,
}

impl<P: Post> Way<P> {
    /// Sends it until it is taken or refused.
    async fn deliver<C: Courier>(&mut self, courier: &mut C, items: &[C::Item]) {
        self.standing.carries(items.len() as u64);
        let parcel = loop {
            match courier.parcel(items) {
                Ok(parcel) => break parcel,
                Err(why) => self.failed(&why, None).await,
            }
        };
        let mut tries = 0;
        loop {
            while !self.breaker.allows(self.now()) {
                self.wait_for_breaker().await;
            }
            self.standing.breaker(self.breaker.state());
            match self.post.post(&parcel).await {
                Answer::Later(why, after) => self.failed(&why, after).await,
                Answer::Broken(why) if tries + 1 < C::TRIES => {
                    tries += 1;
                    self.failed(&why, None).await;
                }
                answer => break self.done(courier, &parcel, answer),
            }
        }
        self.standing.carries(0);
    }

    /// Sends it once, if the breaker lets it. Whether the sink is there.
    async fn try_once<C: Courier>(&mut self, courier: &C, parcel: &Parcel) -> bool {
        if !self.breaker.allows(self.now()) {
            return false;
        }
        match self.post.post(parcel).await {
            Answer::Later(why, _) | Answer::Broken(why) => {
                self.count_failure(&why);
                false
            }
            answer => {
                self.done(courier, parcel, answer);
                true
            }
        }
    }

    fn done<C: Courier>(&mut self, courier: &C, parcel: &Parcel, answer: Answer) {
        if self.failures > 0 {
            tracing::warn!("{} answers again.", self.standing.name());
        }
        self.failures = 0;
        self.breaker.succeeded();
        self.standing.breaker(self.breaker.state());
        let (refused, why) = match answer {
            Answer::Taken(body) => courier.refused(&body),
            Answer::Refused(why) | Answer::Broken(why) | Answer::Later(why, _) => (parcel.items, why),
        };
        let refused = refused.min(parcel.items);
        if refused > 0 || !why.is_empty() {
            let why = insights::escape(&why, 500);
            tracing::warn!(refused, "{} refused something: {why}", self.standing.name());
        }
        self.standing.dropped(Reason::Refused, refused);
        self.standing.sent(parcel.items - refused);
    }

    /// Counts a failure and waits as long as it takes before the next try.
    async fn failed(&mut self, why: &str, after: Option<Duration>) {
        self.count_failure(why);
        let asked = after.unwrap_or_default().min(LONGEST_ASKED);
        sleep(pause(self.failures, self.jitter).max(asked)).await;
    }

    fn count_failure(&mut self, why: &str) {
        if self.failures == 0 {
            let why = insights::escape(why, 500);
            tracing::warn!(
                "{} does not take what is sent, which waits now: {why}",
                self.standing.name()
            );
        }
        self.failures = self.failures.saturating_add(1);
        self.breaker.failed(self.now());
        self.standing.breaker(self.breaker.state());
    }

    async fn wait_for_breaker(&self) {
        let wait = match self.breaker.state() {
            BreakerState::Open(until) => until.since(self.now()),
            BreakerState::Closed | BreakerState::HalfOpen => Duration::ZERO,
        };
        sleep(wait.max(Duration::from_millis(1))).await;
    }

    fn now(&self) -> Timestamp {
        Timestamp::default().plus(self.began.elapsed())
    }
}

/// The pause after so many failures in a row, up to a quarter shorter by the jitter.
fn pause(failures: u32, jitter: u64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
    if jitter == 0 {
        return pause;
    }
    // SplitMix64's last step: every bit of the seed moves every bit of the result.
    let mut mixed = jitter.wrapping_add(u64::from(failures).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let part = u32::try_from((mixed ^ (mixed >> 31)) % 256).unwrap_or(0);
    pause * (1_024 - part) / 1_024
}

#[cfg(test)]
mod tests;
