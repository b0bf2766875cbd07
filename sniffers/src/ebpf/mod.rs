//! Watches the kernel: loads the probes, reads what they send and ties it to its pod.

mod attribute;
mod resident;
mod watch;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use correlator::Gap;
use probes::{Kernel, LoadError, Loaded, Probe};

use crate::clock;
use crate::sniffer::{Context, SniffError, Sniffer};

/// How often the memory of processes is sampled unless said otherwise: as often as the cgroup files are read. Forecasts go by those,
/// and samples at 19 Hz (53 ms) took more of an idle agent than all its other readings.
pub const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// The sniffer of the kernel. A probe that does not load is reported as a gap and the others go on.
pub struct EbpfSniffer {
    sample_every: Duration,
    probes: Vec<&'static Probe>,
    ring_len: Option<u32>,
    /// What [`EbpfSniffer::load_now`] loaded.
    loading: Option<Result<Loading, SniffError>>,
    /// Probes that the last run could not load.
    blind: BTreeSet<&'static str>,
}

impl EbpfSniffer {
    /// A sniffer that samples the memory of processes so often; less than 10 ms is taken as 10 ms.
    #[must_use]
    pub fn new(sample_every: Duration) -> Self {
        Self {
            sample_every,
            probes: probes::all().to_vec(),
            ring_len: None,
            loading: None,
            blind: BTreeSet::new(),
        }
    }

    /// Loads these probes only.
    #[must_use]
    pub fn with_probes(self, probes: Vec<&'static Probe>) -> Self {
        Self { probes, ..self }
    }

    /// Gives every probe that sends records a ring of this many bytes: a power of two, at least a page.
    #[must_use]
    pub fn with_ring_len(self, bytes: u32) -> Self {
        let ring_len = Some(bytes);
        Self { ring_len, ..self }
    }

    /// Loads and attaches the probes on this thread instead of in `run`, which then only reads them.
    pub fn load_now(&mut self) {
        self.loading = Some(load(&self.probes, self.ring_len));
    }

    /// Whether what was loaded by [`EbpfSniffer::load_now`] can be read by this thread as it is now.
    pub fn can_read(&mut self) -> bool {
        match &mut self.loading {
            Some(Ok(loading)) => loading.loaded.iter_mut().all(Loaded::can_read),
            _ => true,
        }
    }

    /// Says what is not watched, and what is again.
    fn tell(&mut self, cx: &Context, loading: &Loading) {
        for (probe, error) in &loading.failed {
            self.blind.insert(probe.name);
            tell_health(cx, probe, false);
            cx.events.blind(clock::now(), gap(probe, error));
        }
        for loaded in &loading.loaded {
            let probe = loaded.probe();
            tell_health(cx, probe, true);
            if self.blind.remove(probe.name) {
                cx.events.sighted(clock::now(), &source(probe));
            }
        }
    }
}

#[async_trait]
impl Sniffer for EbpfSniffer {
    fn name(&self) -> &'static str {
        "ebpf"
    }

    fn watches(&self) -> Cow<'static, str> {
        let watched: Vec<&str> = self.probes.iter().map(|probe| probe.watches).collect();
        watched.join(", ").into()
    }

    /// Loading and reading block for milliseconds at a time, so both have a thread of their own.
    async fn run(&mut self, cx: &Context) -> Result<(), SniffError> {
        let (probes, ring_len) = (self.probes.clone(), self.ring_len);
        let loading = match self.loading.take() {
            Some(loading) => loading?,
            None => tokio::task::spawn_blocking(move || load(&probes, ring_len))
                .await
                .map_err(|error| broken(&error))??,
        };
        cx.events.sighted(clock::now(), self.name());
        self.tell(cx, &loading);
        tracing::info!(
            probes = loading.loaded.len(),
            failed = loading.failed.len(),
            "The kernel is watched."
        );

        // The thread stops when told to, and also when this future is dropped.
        let stop = cx.stop.child_token();
        let _stop_when_dropped = stop.clone().drop_guard();
        let cx = Context { stop, ..cx.clone() };
        let sample_every = self.sample_every;
        let watching = tokio::task::spawn_blocking(move || watch::watch(&cx, loading.loaded, sample_every));
        watching.await.map_err(|error| broken(&error))
    }
}

/// How the probes fared.
struct Loading {
    loaded: Vec<Loaded>,
    failed: Vec<(&'static Probe, LoadError)>,
}

/// Loads what can be loaded; an error when that is nothing.
fn load(probes: &[&'static Probe], ring_len: Option<u32>) -> Result<Loading, SniffError> {
    let mut kernel = Kernel::open().map_err(|error| unavailable(&error))?;
    if let Some(bytes) = ring_len {
        kernel.set_ring_len(bytes);
    }
    let (mut loaded, mut failed) = (Vec::new(), Vec::new());
    for probe in probes.iter().copied() {
        match kernel.load(probe) {
            Ok(probe) => loaded.push(probe),
            Err(error) => failed.push((probe, error)),
        }
    }
    match failed.first() {
        Some((_, error)) if loaded.is_empty() => Err(unavailable(error)),
        _ => Ok(Loading { loaded, failed }),
    }
}

fn unavailable(error: &LoadError) -> SniffError {
    SniffError::Unavailable {
        why: error.why(),
        fix: error.fix().to_owned(),
    }
}

fn broken(error: &tokio::task::JoinError) -> SniffError {
    SniffError::Failed {
        why: format!("the thread that reads the probes: {error}"),
        fix: "report this with the log".to_owned(),
    }
}

fn tell_health(cx: &Context, probe: &Probe, attached: bool) {
    let kind = |hook: String| hook.split('/').next().unwrap_or_default().to_owned();
    cx.events.health().probe(probe.name, |state| {
        state.kinds = probe
            .programs
            .iter()
            .map(|program| kind(program.hook.to_string()))
            .collect();
        state.attached = attached;
    });
}

/// The name of a probe in gaps and losses.
fn source(probe: &Probe) -> String {
    format!("ebpf/{}", probe.name)
}

fn gap(probe: &Probe, error: &LoadError) -> Gap {
    Gap {
        source: source(probe).into(),
        what: probe.watches.into(),
        why: error.why().into(),
        fix: error.fix().into(),
    }
}

#[cfg(test)]
mod tests;
