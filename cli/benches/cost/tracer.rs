//! The tracers: nobody, tapio with the one probe that matters, and packaged peers that watch the same.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// The packaged tools look for tracefs, which is not mounted everywhere; they get a mount namespace of their own for it.
const WITH_TRACEFS: [&str; 5] = [
    "unshare",
    "--mount",
    "sh",
    "-c",
    "mount -t tracefs tracefs /sys/kernel/tracing; mount -t debugfs debugfs /sys/kernel/debug; exec \"$0\" \"$@\"",
];

/// Time a tracer gets to attach.
const WARM_UP: Duration = Duration::from_millis(1_500);

/// A tracer and how it is started; without words it is nobody.
pub(crate) struct Tracer {
    pub(crate) name: &'static str,
    command: Vec<&'static str>,
}

/// A tracer at work.
pub(crate) struct Running(Option<Child>);

/// The tracers for a load, nobody and tapio first, and the peers that are not installed.
pub(crate) fn of(load: &str) -> (Vec<Tracer>, Vec<&'static str>) {
    let tapio = |probe| {
        let mut command = vec![
            env!("CARGO_BIN_EXE_tapio"),
            "sniff",
            "--ebpf-only",
            "-o",
            "json",
            "--profile",
            "custom",
        ];
        command.extend(["--probe", probe]);
        Tracer { name: "tapio", command }
    };
    let peer = |name, command: &[&'static str]| Tracer {
        name,
        command: [&WITH_TRACEFS, command].concat(),
    };
    let (ours, peers) = match load {
        "connect" => (
            tapio("tcp_connect"),
            vec![peer("tcplife", &["tcplife"]), peer("tcpstates", &["tcpstates"])],
        ),
        "switch" => (tapio("cpu_sched"), vec![peer("runqlat", &["runqlat"])]),
        "syscall" => (
            tapio("syscall"),
            vec![
                peer("syscount", &["syscount"]),
                peer("syscount -L", &["syscount", "-L"]),
            ],
        ),
        _ => (
            tapio("dns"),
            vec![peer("tcpdump", &["tcpdump", "-i", "lo", "-n", "port", "53"])],
        ),
    };
    let (present, absent): (Vec<Tracer>, Vec<Tracer>) = peers
        .into_iter()
        .partition(|peer| is_installed(peer.command[WITH_TRACEFS.len()]));
    let nobody = Tracer {
        name: "nobody",
        command: Vec::new(),
    };
    let tracers = [nobody, ours].into_iter().chain(present).collect();
    (tracers, absent.iter().map(|peer| peer.name).collect())
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':')
        .any(|folder| fs::exists(format!("{folder}/{program}")).unwrap_or(false))
}

impl Tracer {
    /// Starts it and gives it time to attach.
    pub(crate) fn start(&self) -> Running {
        let Some((program, arguments)) = self.command.split_first() else {
            return Running(None);
        };
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the tracer starts");
        sleep(WARM_UP);
        Running(Some(child))
    }
}

impl Running {
    /// User and system time used so far (proc(5), fields 14 and 15 of stat, in ticks of 10 ms).
    pub(crate) fn cpu_time(&self) -> Duration {
        let Some(child) = &self.0 else { return Duration::ZERO };
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: u64 = fields
            .get(11..13)
            .unwrap_or_default()
            .iter()
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        Duration::from_millis(ticks * 10)
    }

    /// Ends it. `false` when it had ended by itself, and so measured nothing.
    pub(crate) fn stop(self) -> bool {
        let Some(mut child) = self.0 else { return true };
        let worked = child.try_wait().expect("a child").is_none();
        child.kill().expect("a child");
        child.wait().expect("a child");
        worked
    }
}
