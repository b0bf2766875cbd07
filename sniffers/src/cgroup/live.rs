//! The sniffer on this machine's own cgroups: a real process under a real limit. Needs root and a v1 memory controller
//! or a writable v2 tree.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use correlator::{Body, Event, Subject, signals};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pidmap::{Layout, PidMap, Roots};
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::CgroupSniffer;
use super::meter::CPU_PRESSURE_SOME;
use crate::sniffer::{Context, EventSender, SniffError, Sniffer};
use fixtures::skipped;

const ROOT: &str = "/sys/fs/cgroup";
const LIMIT: u64 = 64 << 20;
const UID: &str = "5eed0000-8a77-4a3b-9c55-1f2e3d4c5b6a";

/// Cgroups of one container, in every tree there is; removed with the process in them.
struct Container {
    id: String,
    /// Directories of the container, one a tree.
    directories: Vec<PathBuf>,
    /// Every directory that was made, parents first.
    made: Vec<PathBuf>,
    child: Option<Child>,
}

impl Container {
    fn make(layout: &Layout, test: &str) -> std::io::Result<Self> {
        let id = format!("{:032x}{:032x}", std::process::id(), test.len());
        let mut container = Self {
            id: id.clone(),
            directories: Vec::new(),
            made: Vec::new(),
            child: None,
        };
        let unique = format!("tapio-sniffer-{}-{}", test.len(), std::process::id());
        let pod = format!("pod{UID}");
        for tree in [&layout.unified, &layout.memory].into_iter().flatten() {
            let mut directory = tree.clone();
            for part in [&unique, "kubepods", "burstable", &pod, &id] {
                directory.push(part);
                fs::create_dir(&directory)?;
                container.made.push(directory.clone());
            }
            container.directories.push(directory);
        }
        Ok(container)
    }

    /// Starts a shell in the container that holds 8 MB, and waits until it does; it runs `then` when told to go on.
    fn start(&mut self, then: &str) -> std::io::Result<()> {
        let script =
            format!("read go; x=$(head -c 8000000 /dev/zero | tr '\\0' a); echo ready; read go; {then}; read end");
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let pid = child.id().to_string();
        let moved = self
            .directories
            .iter()
            .try_for_each(|directory| fs::write(directory.join("cgroup.procs"), &pid));
        child.stdin.as_mut().unwrap().write_all(b"go\n")?;
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line)?;
        self.child = Some(child);
        assert_eq!(line, "ready\n");
        moved
    }

    fn go_on(&mut self) {
        let stdin = self.child.as_mut().unwrap().stdin.as_mut().unwrap();
        stdin.write_all(b"go\n").unwrap();
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
        // What the shell started goes on without it, and keeps the cgroup.
        for directory in &self.directories {
            let left = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
            for pid in left.lines().filter_map(|line| line.parse().ok()) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        for directory in self.made.iter().rev() {
            // The kernel lets go of a killed process's cgroup a moment after it was waited for.
            for _ in 0..100 {
                if fs::remove_dir(directory).is_ok() || !directory.exists() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

/// A container with a limit and a shell in it, or `None` where this machine cannot have one.
fn start(test: &str, then: &str) -> Option<Container> {
    match prepare(test) {
        Ok(mut container) => {
            container.start(then).unwrap();
            Some(container)
        }
        Err(reason) => {
            skipped(test, &reason);
            None
        }
    }
}

fn prepare(test: &str) -> Result<Container, String> {
    if !nix::unistd::geteuid().is_root() {
        return Err("needs root".to_owned());
    }
    let layout = Layout::of(Path::new(ROOT));
    let container = Container::make(&layout, test).map_err(|error| format!("cannot make cgroups: {error}"))?;
    let limited = container.directories.iter().filter(|own| set_limit(own, LIMIT)).count();
    if limited > 0 {
        Ok(container)
    } else {
        Err("no memory controller for child cgroups".to_owned())
    }
}

/// Limits the memory of a cgroup, where its tree has the memory controller.
fn set_limit(directory: &Path, bytes: u64) -> bool {
    let mut files = ["memory.max", "memory.limit_in_bytes"].iter();
    files.any(|file| fs::write(directory.join(file), bytes.to_string()).is_ok())
}

/// The sniffer, running ten times a second until `stop` is cancelled.
struct Running {
    events: Receiver<Event>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), SniffError>>,
}

impl Running {
    fn start() -> Self {
        let (sender, events) = EventSender::bounded(10_000);
        let roots = Roots {
            proc: "/proc".into(),
            cgroup: ROOT.into(),
        };
        let stop = CancellationToken::new();
        let cx = Context {
            events: sender,
            pods: Arc::new(PidMap::new(roots, 1 << 20)),
            stop: stop.clone(),
        };
        let mut sniffer = CgroupSniffer::new(ROOT.into(), Duration::from_millis(100));
        let task = tokio::spawn(async move { sniffer.run(&cx).await });
        Self { events, stop, task }
    }

    /// Waits for an event of this container and signal.
    async fn next(&mut self, container: &Container, signal: correlator::Signal) -> Event {
        let is_its = |event: &Event| event.subject.container_id().is_some_and(|id| **id == *container.id);
        let found = async {
            while let Some(event) = self.events.recv().await {
                if event.signal == signal && is_its(&event) {
                    return event;
                }
            }
            panic!("the sniffer stopped");
        };
        tokio::time::timeout(Duration::from_secs(20), found)
            .await
            .unwrap_or_else(|_| panic!("no {signal}"))
    }

    async fn gauge(&mut self, container: &Container, signal: correlator::Signal) -> f64 {
        let event = self.next(container, signal).await;
        let Body::Gauge(value) = event.body else {
            panic!("{event:?}")
        };
        value
    }

    async fn count(&mut self, container: &Container, signal: correlator::Signal) -> u64 {
        let event = self.next(container, signal).await;
        let Body::Count(value) = event.body else {
            panic!("{event:?}")
        };
        value
    }

    async fn stop(self) {
        self.stop.cancel();
        assert!(self.task.await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn a_real_process_under_a_real_limit_is_reported_as_its_container() {
    let test = "a_real_process_under_a_real_limit_is_reported_as_its_container";
    let burn = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
    let Some(mut container) = start(test, burn) else { return };
    let mut running = Running::start();
    let usage = running.next(&container, signals::MEMORY_USAGE).await;
    let Subject::Container(identity) = usage.subject else {
        panic!("{usage:?}")
    };
    assert_eq!(&*identity.uid, UID);
    let bytes = running.gauge(&container, signals::MEMORY_USAGE).await;
    assert!((8e6..LIMIT as f64).contains(&bytes), "{bytes}");
    assert!(running.gauge(&container, signals::MEMORY_UNRECLAIMABLE).await >= 8e6);
    let limit = running.gauge(&container, signals::MEMORY_LIMIT).await;
    assert!((limit - LIMIT as f64).abs() < 1.0, "{limit}");
    container.go_on();
    let nanoseconds = running.count(&container, signals::CPU_USAGE).await;
    assert!((1..60_000_000_000).contains(&nanoseconds), "{nanoseconds}");
    running.stop().await;
}

#[tokio::test]
async fn a_real_kill_at_the_limit_is_counted_once() {
    let test = "a_real_kill_at_the_limit_is_counted_once";
    let Some(mut container) = start(test, "x=$(head -c 200000000 /dev/zero | tr '\\0' b)") else {
        return;
    };
    let mut running = Running::start();
    // The first reading is the mark, so the kill must come after it.
    running.next(&container, signals::MEMORY_USAGE).await;
    container.go_on();
    assert_eq!(running.count(&container, signals::MEMORY_OOM_KILLS).await, 1);
    let status = container.child.as_mut().unwrap().wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
    running.stop().await;
}

#[tokio::test]
async fn what_is_left_is_bounded_by_what_the_rest_of_the_pod_uses() {
    let test = "what_is_left_is_bounded_by_what_the_rest_of_the_pod_uses";
    let Some(mut container) = start(test, "true") else {
        return;
    };
    let pod_limit = 40 << 20;
    let pods: Vec<PathBuf> = container
        .directories
        .iter()
        .map(|own| own.parent().unwrap().to_owned())
        .collect();
    for pod in &pods {
        set_limit(pod, pod_limit);
    }
    let mut running = Running::start();
    let before = running.gauge(&container, signals::MEMORY_HEADROOM).await;
    assert!(before < (pod_limit - 8_000_000) as f64, "{before} left beside 8 MB");
    // A second container of the pod, with 12 MB more.
    let mut neighbour = Command::new("sh")
        .args([
            "-c",
            "read go; x=$(head -c 12000000 /dev/zero | tr '\\0' a); echo ready; read end",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let places: Vec<PathBuf> = pods.iter().map(|pod| pod.join("neighbour")).collect();
    for place in &places {
        fs::create_dir(place).unwrap();
        container.made.push(place.clone());
        fs::write(place.join("cgroup.procs"), neighbour.id().to_string()).unwrap();
    }
    neighbour.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    BufReader::new(neighbour.stdout.as_mut().unwrap())
        .read_line(&mut String::new())
        .unwrap();
    let mut after = before;
    // Readings from before may be waiting.
    for _ in 0..100 {
        after = running.gauge(&container, signals::MEMORY_HEADROOM).await;
        if before - after >= 10e6 {
            break;
        }
    }
    neighbour.kill().unwrap();
    neighbour.wait().unwrap();
    assert!(before - after >= 10e6, "{before} left, then {after}");
    let own = running.gauge(&container, signals::MEMORY_UNRECLAIMABLE).await;
    assert!(own < 20e6, "the neighbour's memory is not the container's: {own}");
    container.go_on();
    running.stop().await;
}

#[tokio::test]
async fn pages_of_a_file_that_meet_the_limit_are_hits_and_take_nothing_of_what_is_left() {
    let test = "pages_of_a_file_that_meet_the_limit_are_hits_and_take_nothing_of_what_is_left";
    let file = tempfile::NamedTempFile::new_in("/var/tmp").unwrap();
    let place = file.path().display();
    let write = format!("head -c 150000000 /dev/zero > {place}; cat {place} > /dev/null");
    let Some(mut container) = start(test, &write) else {
        return;
    };
    let mut running = Running::start();
    running.next(&container, signals::MEMORY_USAGE).await;
    container.go_on();
    assert!(running.count(&container, signals::MEMORY_LIMIT_HITS).await > 0);
    let (mut left, mut cache, mut own) = (0.0, 0.0, 0.0);
    // While pages are being written they are on no list, so for moments they count as not reclaimable.
    for _ in 0..100 {
        left = running.gauge(&container, signals::MEMORY_HEADROOM).await;
        cache = running.gauge(&container, signals::MEMORY_CACHE).await;
        own = running.gauge(&container, signals::MEMORY_UNRECLAIMABLE).await;
        if cache > 20e6 && left > 30e6 {
            break;
        }
    }
    assert!(cache > 20e6, "{cache} of cache");
    assert!(left > 30e6 && own < 30e6, "{left} left, {own} unreclaimable");
    running.stop().await;
}

#[tokio::test]
async fn two_processes_on_one_processor_wait_for_each_other_and_it_is_counted() {
    let test = "two_processes_on_one_processor_wait_for_each_other_and_it_is_counted";
    // Both on processor 0 for a second; the shell in between is the third process.
    let burn = "for n in 1 2; do timeout 1 taskset -c 0 sh -c 'while :; do :; done' & done; wait";
    let Some(mut container) = start(test, burn) else { return };
    let is_told = |directory: &PathBuf| directory.join("cpu.pressure").exists();
    if !container.directories.iter().any(is_told) {
        return skipped(test, "the kernel tells no pressure of cgroups (PSI)");
    }
    let mut running = Running::start();
    running.next(&container, signals::MEMORY_USAGE).await;
    container.go_on();
    let mut waited = 0;
    while waited < 200_000_000 {
        waited += running.count(&container, CPU_PRESSURE_SOME).await;
    }
    running.stop().await;
}
