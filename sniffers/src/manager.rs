//! Starts sniffers, keeps the broken ones from hurting the others, and stops them in order.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use correlator::{Breaker, BreakerConfig, BreakerState, Gap};
use futures::FutureExt as _;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::clock;
use crate::sniffer::{Context, SniffError, Sniffer};

/// A sniffer that broke is tried again after this, then after twice as long, and so on.
const BACK_OFF: BreakerConfig = BreakerConfig {
    threshold: 1,
    pause: Duration::from_secs(1),
    longest_pause: Duration::from_secs(30),
};
/// How long the sniffers get to hand over what they still hold.
const GRACE: Duration = Duration::from_secs(2);

/// The running sniffers.
#[derive(Debug)]
pub struct Manager {
    cx: Context,
    running: JoinSet<()>,
}

impl Manager {
    /// Starts every sniffer on a task of its own.
    #[must_use]
    pub fn start(sniffers: Vec<Box<dyn Sniffer>>, cx: &Context) -> Self {
        Self::start_with(sniffers, cx, BACK_OFF)
    }

    fn start_with(sniffers: Vec<Box<dyn Sniffer>>, cx: &Context, back_off: BreakerConfig) -> Self {
        let mut running = JoinSet::new();
        for sniffer in sniffers {
            running.spawn(keep_running(sniffer, cx.clone(), back_off));
        }
        Self {
            cx: cx.clone(),
            running,
        }
    }

    /// Returns when no sniffer is left: all of them said that they cannot work here.
    pub async fn all_gone(&mut self) {
        while self.running.join_next().await.is_some() {}
    }

    /// Returns when too few sniffers are left: none, or not all of them when all are needed.
    pub async fn too_few(&mut self, all_are_needed: bool) {
        if all_are_needed {
            self.running.join_next().await;
        } else {
            self.all_gone().await;
        }
    }

    /// Tells all sniffers to stop and waits for them, two seconds at most.
    pub async fn stop(mut self) {
        self.cx.stop.cancel();
        if timeout(GRACE, self.all_gone()).await.is_err() {
            tracing::warn!(grace_seconds = GRACE.as_secs(), "A sniffer did not stop in time.");
        }
    }
}

async fn keep_running(mut sniffer: Box<dyn Sniffer>, cx: Context, back_off: BreakerConfig) {
    let mut breaker = Breaker::new(back_off);
    let name = sniffer.name();
    cx.events.health().breaker(name, breaker.state());
    loop {
        let (why, fix, final_word) = match AssertUnwindSafe(sniffer.run(&cx)).catch_unwind().await {
            Ok(Ok(())) => return,
            Ok(Err(SniffError::Unavailable { why, fix })) => (why, fix, true),
            Ok(Err(SniffError::Failed { why, fix })) => (why, fix, false),
            Err(_) => (
                "it stopped because of a defect".to_owned(),
                "please report it with the log".to_owned(),
                false,
            ),
        };
        let gap = Gap {
            source: sniffer.name().into(),
            what: sniffer.watches().into_owned().into(),
            why: why.into(),
            fix: fix.into(),
        };
        cx.events.blind(clock::now(), gap);
        if final_word {
            return;
        }
        breaker.failed(clock::now());
        cx.events.health().breaker(name, breaker.state());
        while !breaker.allows(clock::now()) {
            tokio::select! {
                () = cx.stop.cancelled() => return,
                () = tokio::time::sleep(pause(&breaker)) => {}
            }
        }
        cx.events.health().breaker(name, breaker.state());
    }
}

fn pause(breaker: &Breaker) -> Duration {
    match breaker.state() {
        BreakerState::Open(until) => until.since(clock::now()),
        BreakerState::Closed | BreakerState::HalfOpen => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use correlator::{Body, Event, Fact};
    use pidmap::{PidMap, Roots};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::sniffer::EventSender;

    /// Fails as told, then runs until it is stopped.
    struct Scripted(Vec<Result<(), SniffError>>);

    #[async_trait]
    impl Sniffer for Scripted {
        fn name(&self) -> &'static str {
            "scripted"
        }

        fn watches(&self) -> std::borrow::Cow<'static, str> {
            "nothing real".into()
        }

        async fn run(&mut self, cx: &Context) -> Result<(), SniffError> {
            match self.0.pop() {
                Some(Err(error)) => Err(error),
                Some(Ok(())) => panic!("a defect in a sniffer"),
                None => {
                    cx.events.sighted(clock::now(), self.name());
                    cx.stop.cancelled().await;
                    Ok(())
                }
            }
        }
    }

    fn context() -> (Context, tokio::sync::mpsc::Receiver<Event>) {
        let (events, receiver) = EventSender::bounded(100);
        let roots = Roots {
            proc: "/nonexistent".into(),
            cgroup: "/nonexistent".into(),
        };
        let pods = Arc::new(PidMap::new(roots, 1 << 20));
        (
            Context {
                events,
                pods,
                stop: CancellationToken::new(),
            },
            receiver,
        )
    }

    fn facts(receiver: &mut tokio::sync::mpsc::Receiver<Event>) -> Vec<String> {
        let mut facts = Vec::new();
        while let Ok(event) = receiver.try_recv() {
            facts.push(match event.body {
                Body::Fact(Fact::Blind(gap)) => format!("blind: {}", gap.why),
                Body::Fact(Fact::Sighted { source }) => format!("sighted: {source}"),
                other => format!("{other:?}"),
            });
        }
        facts
    }

    fn error(why: &str, unavailable: bool) -> SniffError {
        let (why, fix) = (why.to_owned(), String::new());
        if unavailable {
            SniffError::Unavailable { why, fix }
        } else {
            SniffError::Failed { why, fix }
        }
    }

    #[tokio::test]
    async fn a_sniffer_that_cannot_work_here_says_so_once_and_is_gone() {
        let (cx, mut receiver) = context();
        let sniffer = Scripted(vec![Err(error("no BTF", true))]);
        Manager::start(vec![Box::new(sniffer)], &cx).all_gone().await;
        assert_eq!(facts(&mut receiver), ["blind: no BTF"]);
    }

    #[tokio::test]
    async fn a_broken_one_is_tried_again_even_after_a_panic() {
        let (cx, mut receiver) = context();
        let broken = Scripted(vec![Ok(()), Err(error("reset", false))]);
        let soon = BreakerConfig {
            pause: Duration::from_millis(1),
            ..BACK_OFF
        };
        let manager = Manager::start_with(vec![Box::new(broken)], &cx, soon);
        let mut seen = Vec::new();
        while seen.len() < 3 {
            tokio::task::yield_now().await;
            seen.extend(facts(&mut receiver));
        }
        let expected = [
            "blind: reset",
            "blind: it stopped because of a defect",
            "sighted: scripted",
        ];
        assert_eq!(seen, expected);
        manager.stop().await;
    }
}
