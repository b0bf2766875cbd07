//! Real containers of a real runtime: what they do is told of the right container, whatever their cgroups are called and
//! however short they live.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod containerd;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use containerd::{Containerd, Layout, new_uid};
use correlator::{Body, Event, Exit, Fact, Subject, Timestamp};
use pidmap::{PidMap, Roots, Task};
use serde_json::Value;
use sniffers::recording::{Header, Reader};
use sniffers::replay::{Sink, replay};

/// Each run sees the whole machine, so there is one at a time.
static MACHINE: Mutex<()> = Mutex::new(());
const MIB: u64 = 1 << 20;

/// A private containerd, or `None` where there can be none.
fn runtime(test: &str) -> Option<Containerd> {
    let started = match containerd::missing() {
        Some(reason) => Err(reason),
        None => Containerd::start(),
    };
    started.map_err(|reason| fixtures::skipped(test, &reason)).ok()
}

/// The cgroup ids that the kernel has for a process: v2, and v1 memory.
fn ids_of(pid: u32) -> (u64, u64) {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let id = |tree: &str, line: &str| fs::metadata(format!("{tree}{line}")).map_or(0, |found| found.ino());
    let path = |is_it: fn(&str) -> bool| {
        let line = text.lines().find(|line| is_it(line))?;
        line.splitn(3, ':').nth(2)
    };
    let unified = path(|line| line.starts_with("0::")).unwrap_or("/");
    let v2 = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        .into_iter()
        .find(|tree| Path::new(tree).join("cgroup.controllers").exists());
    let memory = path(|line| line.split(':').nth(1) == Some("memory"));
    (
        v2.map_or(0, |tree| id(tree, unified)),
        memory.map_or(0, |path| id("/sys/fs/cgroup/memory", path)),
    )
}

/// Pod uid and container id of a subject.
fn who(subject: &Subject) -> (String, String) {
    match subject {
        Subject::Container(identity) => (
            identity.uid.to_string(),
            identity.container_id.as_deref().unwrap_or_default().to_owned(),
        ),
        other => (String::new(), other.to_string()),
    }
}

fn ask(map: &PidMap, (unified, memory): (u64, u64), pid: u32) -> (String, String) {
    who(&map.subject_of(&Task {
        unified,
        memory,
        pid,
        started: 0,
        comm: "sleep",
    }))
}

#[test]
fn the_pid_map_knows_real_containers_by_their_ids_and_by_their_pids() {
    let _alone = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(mut containerd) = runtime("live_containers: pid map") else {
        return;
    };
    let roots = Roots {
        proc: "/proc".into(),
        cgroup: "/sys/fs/cgroup".into(),
    };
    let map = Arc::new(PidMap::new(roots, 64 * MIB));
    let _watching = map.watch().unwrap();
    let pods = [new_uid(), new_uid()];
    let mut expected = Vec::new();
    for (layout, pod) in [(Layout::Systemd, 0), (Layout::Cgroupfs, 0), (Layout::Colon, 1)] {
        let id = containerd.start_container(layout, &pods[pod], &["/bin/sleep", "300"]);
        let container = (pods[pod].clone(), id);
        let pid = containerd.pids(&container.1)[0];
        assert_eq!(
            ask(&map, ids_of(pid), 0),
            container,
            "{layout:?}, by the ids of its cgroups"
        );
        assert_eq!(ask(&map, (0, 0), pid), container, "{layout:?}, by its pid");
        expected.push(container);
    }
    let walks = map.stats().rescans;
    assert!(
        walks <= 2,
        "the watch saw them come, after one walk at the start and one in 30 s: {walks}"
    );
    assert_eq!(map.stats().unresolved, 0);

    let first = &expected[0];
    containerd.exec_detached(&first.1, &["/bin/sleep", "301"]);
    let processes = containerd.pids(&first.1);
    assert_eq!(processes.len(), 2, "its own and the one sent in");
    let ids = ids_of(processes[1]);
    assert_eq!(ask(&map, (0, 0), processes[1]), *first);

    containerd.remove(&first.1);
    assert!(!Path::new(&format!("/proc/{}", processes[0])).exists());
    assert_eq!(ask(&map, ids, processes[1]), *first, "by its ids after the exit");
    assert_eq!(ask(&map, (0, 0), processes[0]), *first, "by its pid after the exit");
    let left: Vec<_> = map
        .containers()
        .iter()
        .map(|at| at.identity.container_id.clone())
        .collect();
    let is_left = |id: &str| left.iter().flatten().any(|left| **left == *id);
    assert!(!is_left(&first.1) && is_left(&expected[1].1) && is_left(&expected[2].1));
}

#[test]
fn tapio_ties_what_real_containers_do_to_them_however_short_they_live() {
    let _alone = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(mut containerd) = runtime("live_containers: tapio") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let tapio = Tapio::start(folder.path());
    let (cart, leaky) = (new_uid(), new_uid());

    let script = "/bin/true; exec /bin/sleep 300";
    let lasting = containerd.start_container(Layout::Systemd, &cart, &["/bin/sh", "-c", script]);
    let brief = containerd.run_at_once(6, Layout::Cgroupfs, &cart, &["/bin/false"]);
    containerd.exec(&lasting, &["/bin/cat", "/dev/null"]);
    let hungry = ["/bin/dd", "if=/dev/zero", "of=/dev/null", "bs=200M", "count=1"];
    let killed = containerd.run_container(Layout::Colon, &leaky, Some(32 * MIB), &hungry);
    std::thread::sleep(Duration::from_millis(1_500));
    let metrics = tapio.stop();

    let events = Collected::of(&folder.path().join("run.tapio.zst"));
    let ours = |exit: &(Exit, (String, String))| [&cart, &leaky].contains(&&exit.1.0);
    let exits: Vec<(Exit, (String, String))> = events.exits().filter(ours).collect();
    let of = |comm: &str| exits.iter().filter(|(exit, _)| *exit.comm == *comm).collect::<Vec<_>>();
    let [(short, whose)] = of("true")[..] else {
        panic!("one /bin/true: {exits:#?}")
    };
    assert_eq!(whose, &(cart.clone(), lasting.clone()));
    assert!(short.lived < Duration::from_millis(500), "{short:?}");
    let [(_, whose)] = of("cat")[..] else {
        panic!("one /bin/cat: {exits:#?}")
    };
    assert_eq!(whose, &(cart.clone(), lasting.clone()), "what was sent in by exec");
    let gone: BTreeSet<(String, String)> = of("false").into_iter().map(|(_, whose)| whose.clone()).collect();
    let expected: BTreeSet<(String, String)> = brief.iter().map(|id| (cart.clone(), id.clone())).collect();
    assert_eq!(
        (gone, of("false").len()),
        (expected, 6),
        "each of one pod's containers, all gone before they were read"
    );

    let victim = (leaky.clone(), killed.clone());
    assert_eq!(events.oom_kills(&leaky), std::slice::from_ref(&victim));
    let [(exit, whose)] = of("dd")[..] else {
        panic!("one /bin/dd: {exits:#?}")
    };
    assert_eq!((exit.signal, whose), (9, &victim));
    let said = tapio_binary()
        .args(["sniff", "-o", "json", "--replay"])
        .arg(folder.path().join("run.tapio.zst"))
        .output();
    let said = String::from_utf8(said.unwrap().stdout).unwrap();
    let insights = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_kill = |insight: &Value| insight["id"] == "oom-killed" && insight.to_string().contains(&killed);
    assert_eq!(insights.filter(of_kill).count(), 1, "{said}");

    let value = |metric: &str, pod: &str, id: &str| {
        let start = format!("{metric}{{pod=\"{pod}\",container=\"{id}\"");
        let line = metrics.lines().find(|line| line.starts_with(&start)).unwrap_or("0");
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert!((value("tapio_memory_oom_kills_total", &leaky, &killed) - 1.0).abs() < 0.1);
    // The runtime execs itself in the container before it execs what the container shall run.
    for id in &brief {
        assert!(value("tapio_process_execs_total", &cart, id) >= 1.0, "{metrics}");
    }
}

fn tapio_binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapio"));
    command.env_remove("KUBECONFIG").env_remove("NODE_NAME");
    command
}

/// The built binary, watching the kernel alone.
struct Tapio {
    child: Child,
    said: std::path::PathBuf,
}

impl Tapio {
    fn start(folder: &Path) -> Self {
        let said = folder.join("metrics");
        let mut child = tapio_binary()
            .args([
                "sniff",
                "--ebpf-only",
                "--profile",
                "minimal",
                "-o",
                "prometheus",
                "--record",
            ])
            .arg(folder.join("run.tapio.zst"))
            .stdout(File::create(&said).unwrap())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let watching = log.by_ref().filter(|line| line.contains(": watching ")).take(2).count();
        assert_eq!(watching, 2, "the kernel and the cgroup files");
        std::thread::spawn(move || log.for_each(|line| eprintln!("tapio: {line}")));
        Self { child, said }
    }

    /// Ends it as Ctrl-C does and gives back what it said.
    fn stop(mut self) -> String {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        assert!(self.child.wait().unwrap().success());
        fs::read_to_string(&self.said).unwrap()
    }
}

impl Drop for Tapio {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The events of a recording.
#[derive(Default)]
struct Collected(Vec<Event>);

impl Sink for Collected {
    fn header(&mut self, _: Header) {}
    fn event(&mut self, event: Event) {
        self.0.push(event);
    }
    fn tick(&mut self, _: Timestamp) {}
}

impl Collected {
    fn of(recording: &Path) -> Self {
        let mut collected = Self::default();
        let losses = replay(Reader::open(recording).unwrap(), &mut collected).unwrap();
        assert!(losses.is_none(), "{losses:?}");
        collected
    }

    /// Exits, with whom they are told of.
    fn exits(&self) -> impl Iterator<Item = (Exit, (String, String))> {
        self.0.iter().filter_map(|event| match &event.body {
            Body::Fact(Fact::Exit(exit)) => Some((exit.clone(), who(&event.subject))),
            _ => None,
        })
    }

    fn oom_kills(&self, pod: &str) -> Vec<(String, String)> {
        let kills = self
            .0
            .iter()
            .filter(|event| matches!(event.body, Body::Fact(Fact::OomKill(_))));
        kills
            .map(|event| who(&event.subject))
            .filter(|(uid, _)| uid == pod)
            .collect()
    }
}
