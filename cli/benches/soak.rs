//! Whether tapio stays the same size and loses nothing under load: ten minutes of every load of the cost bench at once, at a
//! bounded pace, under `tapio sniff --profile comprehensive`.
//!
//! `cargo bench -p tapio --bench soak [-- MINUTES]`, as root. Prints the resident memory each minute and, at the end, what
//! tapio says of received, handled and lost events.
#![expect(clippy::print_stdout, reason = "the figures are the result")]

#[path = "measure/child.rs"]
mod child;
#[path = "cost/load.rs"]
mod load;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use child::{Resident, cpu_seconds, summary};

/// Each load runs for this long, then rests for as long.
const BURST: Duration = Duration::from_millis(500);

fn main() {
    if !nix::unistd::geteuid().is_root() {
        println!("SKIPPED: needs root, to trace");
        return;
    }
    let minutes = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(10u64);
    let mut tapio = Command::new(env!("CARGO_BIN_EXE_tapio"))
        .args(["sniff", "--ebpf-only", "--profile", "comprehensive", "-o", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("tapio starts");
    let container = Container::join();
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let loads: Vec<_> = load::all()
        .into_iter()
        .map(|load| thread::spawn(move || keep_up(&load, end)))
        .collect();
    println!("| minute | resident MiB | anonymous | files and rings | CPU s |\n|---|---|---|---|---|");
    for minute in 1..=minutes {
        thread::sleep(Duration::from_secs(60));
        let Resident { all, anonymous, files } = Resident::of(tapio.id());
        println!(
            "| {minute} | {all:.1} | {anonymous:.1} | {files:.1} | {:.1} |",
            cpu_seconds(tapio.id())
        );
    }
    for load in loads {
        let (name, operations) = load.join().expect("no panic");
        println!("\n{name}: {operations} operations");
    }
    println!("\n{}", summary(&mut tapio));
    container.leave();
}

/// Cgroups with a pod's name for this process, so that everything it does is a container's.
struct Container(Vec<PathBuf>);

impl Container {
    fn join() -> Self {
        let pod = "pod5f2b1c7e-0d3a-4b8e-9c41-aa10ffee0009";
        let path = format!(
            "tapio-soak-{}/kubepods/burstable/{pod}/{}",
            std::process::id(),
            "a".repeat(64)
        );
        let roots = ["/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(PathBuf::from);
        let mounted = |root: &PathBuf| root.join("cgroup.procs").exists();
        let folders: Vec<PathBuf> = roots.into_iter().filter(mounted).map(|root| root.join(&path)).collect();
        for folder in &folders {
            fs::create_dir_all(folder).expect("root may make cgroups");
            fs::write(folder.join("cgroup.procs"), std::process::id().to_string()).expect("and join them");
        }
        Self(folders)
    }

    fn leave(&self) {
        for folder in &self.0 {
            let root = folder.ancestors().nth(5).expect("a hierarchy");
            fs::write(root.join("cgroup.procs"), std::process::id().to_string()).expect("the root takes anybody");
            for made in folder.ancestors().take(5) {
                fs::remove_dir(made).expect("an empty cgroup");
            }
        }
    }
}

fn keep_up(load: &load::Load, end: Instant) -> (String, u64) {
    let mut operations = 0;
    while Instant::now() < end {
        operations += (load.run)(BURST).0;
        thread::sleep(BURST);
    }
    (format!("{} ({})", load.name, load.what), operations)
}
