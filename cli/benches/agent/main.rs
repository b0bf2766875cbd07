//! What the agent takes on a node: `tapio agent` with its default profile, the scripted API server with the node's pods, each
//! with a cgroup and a process, and a scrape every 15 s. First 100 pods that do nothing, then 500 of which one does all that
//! the loads of the cost bench do, each half of the time.
//!
//! `cargo bench -p tapio --bench agent`, as root. `TAPIO_BENCH_MINUTES` is how long the load lasts (10); without load it is
//! a third of that, at least two minutes. Prints resident memory, CPU and the size of a scrape each minute, those of
//! prometheus-node-exporter beside it where it is installed, and at the end what was lost. `TAPIO_BINARY` names another program
//! than the one that was built.
#![expect(clippy::print_stdout, reason = "the figures are the result")]

#[path = "../measure/child.rs"]
mod child;
mod fleet;
#[path = "../cost/load.rs"]
mod load;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use child::{Resident, cpu_seconds};
use fixtures::apiserver::ApiServer;
use fleet::Fleet;

/// Each load runs for this long, then rests for as long.
const BURST: Duration = Duration::from_millis(500);
const SCRAPES_A_MINUTE: u32 = 4;
const PEER: &str = "prometheus-node-exporter";

fn main() {
    if !nix::unistd::geteuid().is_root() {
        println!("SKIPPED: needs root, to trace and to make cgroups");
        return;
    }
    let given = std::env::var("TAPIO_BENCH_MINUTES").ok();
    let minutes: u64 = given.and_then(|text| text.parse().ok()).unwrap_or(10);
    println!("## 100 pods that do nothing\n");
    phase(100, (minutes / 3).max(2), false);
    println!("\n## 500 pods, all loads in one of them\n");
    phase(500, minutes, true);
}

fn phase(pods: usize, minutes: u64, is_loaded: bool) {
    let api = ApiServer::start_tls().expect("a free port");
    let fleet = Fleet::start(&api, pods);
    let folder = tempfile::tempdir().expect("a folder");
    let kubeconfig = folder.path().join("config");
    std::fs::write(&kubeconfig, api.kubeconfig()).expect("a file");
    let tapio = Watched::start("tapio agent", |address| {
        let built = env!("CARGO_BIN_EXE_tapio").into();
        let mut command = Command::new(std::env::var_os("TAPIO_BINARY").unwrap_or(built));
        command.args(["agent", "--listen", address, "--node", "node-a", "--kubeconfig"]);
        command.arg(&kubeconfig).env_remove("KUBECONFIG");
        command
    });
    let peer = Watched::start(PEER, |address| {
        let mut command = Command::new(PEER);
        command.arg(format!("--web.listen-address={address}"));
        command
    });
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let loads: Vec<_> = load::all()
        .into_iter()
        .filter(|_| is_loaded)
        .map(|load| thread::spawn(move || keep_up(&load, end)))
        .collect();
    println!("| minute | what | resident MiB | anonymous | files and rings | mCPU | scrape KiB | scrape ms |");
    println!("|---|---|---|---|---|---|---|---|");
    let mut watched: Vec<Watched> = [tapio, peer].into_iter().flatten().collect();
    for minute in 1..=minutes {
        let began = Instant::now();
        for scrape in 1..=SCRAPES_A_MINUTE {
            thread::sleep((Duration::from_secs(15) * scrape).saturating_sub(began.elapsed()));
            for one in &mut watched {
                one.scrape();
            }
        }
        for one in &mut watched {
            one.tell(minute);
        }
    }
    for load in loads {
        println!("\n{}", load.join().expect("no panic"));
    }
    println!("\n{}", watched[0].losses());
    drop((watched, fleet));
}

fn keep_up(load: &load::Load, end: Instant) -> String {
    let mut operations = 0;
    while Instant::now() < end {
        operations += (load.run)(BURST).0;
        thread::sleep(BURST);
    }
    format!("{} ({}): {operations} operations", load.name, load.what)
}

/// A process that is scraped; killed when dropped.
struct Watched {
    name: &'static str,
    child: Child,
    address: String,
    /// Its CPU seconds when it was last told of, and when that was.
    since: (f64, Instant),
    /// The last scrape: what came, and how long it took.
    page: (String, Duration),
}

impl Watched {
    /// Starts it on a free port; `None` where it is not installed.
    fn start(name: &'static str, command: impl Fn(&str) -> Command) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let address = format!("127.0.0.1:{}", port.expect("a free port").port());
        let child = command(&address).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut started = Self {
            name,
            child: child.ok()?,
            address,
            since: (0.0, Instant::now()),
            page: (String::new(), Duration::ZERO),
        };
        while !started.scrape() {
            assert!(
                started.since.1.elapsed() < Duration::from_secs(60),
                "{name} does not answer"
            );
            thread::sleep(Duration::from_millis(100));
        }
        started.since = (cpu_seconds(started.child.id()), Instant::now());
        Some(started)
    }

    fn scrape(&mut self) -> bool {
        let began = Instant::now();
        let Ok(mut stream) = TcpStream::connect(&self.address) else {
            return false;
        };
        let mut page = String::new();
        let asked = stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n");
        let answered = asked.and_then(|()| stream.read_to_string(&mut page));
        self.page = (page, began.elapsed());
        answered.is_ok_and(|len| len > 0)
    }

    fn tell(&mut self, minute: u64) {
        let (cpu, now) = (cpu_seconds(self.child.id()), Instant::now());
        let used = (cpu - self.since.0) / (now - self.since.1).as_secs_f64() * 1000.0;
        self.since = (cpu, now);
        let Resident { all, anonymous, files } = Resident::of(self.child.id());
        println!(
            "| {minute} | {} | {all:.1} | {anonymous:.1} | {files:.1} | {used:.1} | {:.0} | {:.1} |",
            self.name,
            self.page.0.len() as f64 / 1024.0,
            self.page.1.as_secs_f64() * 1000.0
        );
    }

    /// What tapio counted of losses.
    fn losses(&self) -> String {
        let is_lost = |line: &&str| line.starts_with("tapio_events_dropped_total{") && !line.ends_with(" 0");
        let lost: Vec<&str> = self.page.0.lines().filter(is_lost).collect();
        if !lost.is_empty() {
            return lost.join("\n");
        }
        "nothing was lost".to_owned()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
