//! When a run ends: the first Ctrl-C or SIGTERM ends it in order, the second at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::stderr;

/// Exit code after a second Ctrl-C.
const INTERRUPTED: i32 = 130;

/// The signals that ask tapio to stop, from when this is made.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// To be called within a runtime.
    pub(crate) fn catch() -> Result<Self> {
        let catch = |kind: SignalKind| signal(kind).context("handling signals");
        Ok(Self {
            interrupt: catch(SignalKind::interrupt())?,
            terminate: catch(SignalKind::terminate())?,
        })
    }

    /// Returns on the next one, or when the time is up.
    pub(crate) async fn asked(&mut self, duration: Option<Duration>) {
        let time_is_up = async {
            match duration {
                Some(duration) => tokio::time::sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            () = time_is_up => {}
        }
    }

    /// Whoever asks again wants out at once.
    pub(crate) async fn exit_when_asked_again(mut self) {
        self.asked(None).await;
        stderr::clear();
        std::process::exit(INTERRUPTED);
    }
}

/// For what runs outside a runtime: is set on the first signal; the second ends the process.
pub(crate) fn flag() -> Result<Arc<AtomicBool>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("starting the runtime")?;
    let mut signals = {
        let _within = runtime.enter();
        Signals::catch()?
    };
    let flag = Arc::new(AtomicBool::new(false));
    let is_asked = Arc::clone(&flag);
    let waiting = move || {
        runtime.block_on(async {
            signals.asked(None).await;
            is_asked.store(true, Ordering::Relaxed);
            signals.exit_when_asked_again().await;
        });
    };
    let thread = thread::Builder::new().name("signals".to_owned());
    thread.spawn(waiting).context("starting a thread")?;
    Ok(flag)
}
