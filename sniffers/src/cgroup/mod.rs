//! Watches containers' cgroup files: memory, limits, OOM kills, CPU time and throttling, pressure, process counts, in
//! cgroup v1, hybrid and v2.

mod charge;
mod cpu_stat;
mod files;
mod flat_keyed;
mod memory_limit;
mod memory_stat;
mod meter;
mod oom_kills;
mod pressure;
mod reading;
mod room;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use pidmap::{Layout, PidMap};
use tokio::task::spawn_blocking;
use tokio::time::MissedTickBehavior;

use crate::sniffer::{Context, SniffError, Sniffer};
use crate::{clock, meminfo};
use files::Files;
use meter::Meter;
use reading::Reading;
use room::Above;

/// Reads the cgroup files of every container at an interval.
///
/// Gauges (memory, processes) are said at every reading, counters as how much they rose since the last; the first reading
/// of a container only sets its marks. Costs about fifteen small reads a container and interval, and two to six for each
/// cgroup above containers, of files that stay open: up to 4096 descriptors, for which the process's soft limit is raised.
#[derive(Debug)]
pub struct CgroupSniffer {
    root: PathBuf,
    proc: PathBuf,
    interval: Duration,
}

impl Default for CgroupSniffer {
    /// Reads below `/sys/fs/cgroup` once a second.
    fn default() -> Self {
        Self::new(PathBuf::from("/sys/fs/cgroup"), Duration::from_secs(1))
    }
}

impl CgroupSniffer {
    /// A sniffer that reads below `root`, the same that the pid map walks, every `interval` (at least a millisecond).
    #[must_use]
    pub fn new(root: PathBuf, interval: Duration) -> Self {
        Self {
            root,
            proc: PathBuf::from("/proc"),
            interval: interval.max(Duration::from_millis(1)),
        }
    }
}

#[async_trait]
impl Sniffer for CgroupSniffer {
    fn name(&self) -> &'static str {
        "cgroup"
    }

    fn watches(&self) -> Cow<'static, str> {
        "memory, CPU, pressure and process counts of containers in the cgroup files".into()
    }

    async fn run(&mut self, cx: &Context) -> Result<(), SniffError> {
        if Layout::of(&self.root).is_empty() {
            return Err(no_tree(&self.root));
        }
        cx.events.sighted(clock::now(), self.name());
        let (mut meter, mut files) = (Meter::default(), Files::new(files::allowance()));
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cx.stop.cancelled() => return Ok(()),
                _ = ticks.tick() => {}
            }
            let (root, proc, pods) = (self.root.clone(), self.proc.clone(), Arc::clone(&cx.pods));
            let round = spawn_blocking(move || read_all(&root, &proc, &pods, files)).await;
            let (readings, kept) = round.map_err(|error| stopped(&error))?;
            files = kept;
            for event in meter.events(clock::now(), &readings) {
                cx.events.send(event);
            }
        }
    }
}

/// Reads every container there is; one that vanished meanwhile has an empty reading and is left out.
fn read_all(root: &Path, proc: &Path, pods: &PidMap, files: Files) -> (Vec<(pidmap::ContainerCgroup, Reading)>, Files) {
    let layout = Layout::of(root);
    let mut above = Above::new(meminfo::free_swap(proc), files);
    let read = |container| {
        let reading = reading::read(root, &layout, &container, &mut above);
        (container, reading)
    };
    let readings = pods
        .containers()
        .into_iter()
        .map(read)
        .filter(|(_, reading)| *reading != Reading::default())
        .collect();
    above.files.end(Instant::now());
    (readings, above.files)
}

fn no_tree(root: &Path) -> SniffError {
    SniffError::Unavailable {
        why: format!("no cgroup tree can be read under {}", root.display()),
        fix: "run as root on the node; in a pod, mount the host's /sys/fs/cgroup read-only".to_owned(),
    }
}

fn stopped(error: &tokio::task::JoinError) -> SniffError {
    SniffError::Failed {
        why: format!("reading the cgroup files stopped: {error}"),
        fix: "report this as a bug of tapio, with the log".to_owned(),
    }
}

#[cfg(test)]
mod live;
#[cfg(test)]
mod recorded;

#[cfg(test)]
mod tests {
    use std::fs;

    use correlator::{Body, Subject, signals};
    use pidmap::Roots;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::sniffer::EventSender;

    fn context(root: &Path) -> (Context, tokio::sync::mpsc::Receiver<correlator::Event>) {
        let (events, receiver) = EventSender::bounded(1000);
        let roots = Roots {
            proc: root.join("proc"),
            cgroup: root.to_owned(),
        };
        let pods = Arc::new(PidMap::new(roots, 1 << 20));
        let stop = CancellationToken::new();
        (Context { events, pods, stop }, receiver)
    }

    #[tokio::test]
    async fn without_a_cgroup_tree_it_is_unavailable_and_says_what_to_do() {
        let root = tempfile::tempdir().unwrap();
        let (cx, _receiver) = context(root.path());
        let mut sniffer = CgroupSniffer::new(root.path().to_owned(), Duration::from_millis(5));
        let Err(SniffError::Unavailable { why, fix }) = sniffer.run(&cx).await else {
            panic!("it ran without a tree");
        };
        assert!(
            why.contains(root.path().to_str().unwrap()) && fix.contains("root"),
            "{why}: {fix}"
        );
    }

    #[tokio::test]
    async fn it_waits_for_containers_and_reports_one_that_comes() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("cgroup.controllers"), "memory\n").unwrap();
        let (cx, mut receiver) = context(root.path());
        let mut sniffer = CgroupSniffer::new(root.path().to_owned(), Duration::from_millis(5));
        let stop = cx.stop.clone();
        let running = tokio::spawn(async move { sniffer.run(&cx).await });
        let id = "ab".repeat(32);
        let container = root
            .path()
            .join("kubepods/pod0c2d5f0e-8a77-4a3b-9c55-1f2e3d4c5b6a")
            .join(&id);
        fs::create_dir_all(&container).unwrap();
        fs::write(container.join("memory.current"), "4096\n").unwrap();
        let watching = receiver.recv().await.unwrap();
        assert_eq!(watching.signal, signals::SELF_SIGHT);
        let event = receiver.recv().await.unwrap();
        assert_eq!((event.signal, event.body), (signals::MEMORY_USAGE, Body::Gauge(4096.0)));
        let Subject::Container(identity) = event.subject else {
            panic!("no container")
        };
        assert_eq!(identity.container_id.as_deref(), Some(id.as_str()));
        stop.cancel();
        assert!(running.await.unwrap().is_ok());
    }
}
