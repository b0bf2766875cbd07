//! A node in miniature: container cgroups with kubepods-style names, and processes in pid and network namespaces of their
//! own, started and reaped as a container runtime would.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use correlator::Timestamp;
use sniffers::clock;

/// Names the workload that this test binary shall be, when it is run as a container.
pub(crate) const WORKLOAD: &str = "TAPIO_TEST_WORKLOAD";

const PROGRAM: &str = "cart-service";

/// Why containers cannot be made here, if they cannot.
pub(crate) fn missing() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("needs root: it makes cgroups and loads BPF programs".to_owned());
    }
    let found = |tool: &str| {
        Command::new(tool)
            .arg("--version")
            .output()
            .is_ok_and(|out| out.status.success())
    };
    if !found("unshare") || Command::new("ip").arg("-V").output().is_err() {
        return Some("needs unshare (util-linux) and ip (iproute2)".to_owned());
    }
    (hierarchies().is_empty()).then(|| "no cgroup hierarchy with a memory controller is mounted".to_owned())
}

/// The mounted hierarchies a container gets a directory in: memory v1 and the v2 tree, or v2 alone.
fn hierarchies() -> Vec<PathBuf> {
    let mounted = |path: &str, file: &str| Path::new(path).join(file).exists().then(|| PathBuf::from(path));
    let v1 = mounted("/sys/fs/cgroup/memory", "memory.usage_in_bytes");
    let v2 = mounted("/sys/fs/cgroup/unified", "cgroup.procs");
    match v1 {
        Some(v1) => [Some(v1), v2].into_iter().flatten().collect(),
        None => mounted("/sys/fs/cgroup", "cgroup.controllers").into_iter().collect(),
    }
}

/// The node: a folder of its own in every hierarchy, removed with all that is in it.
pub(crate) struct Node {
    bases: Vec<PathBuf>,
    made: Vec<PathBuf>,
    containers: Vec<Child>,
    /// Holds this test binary under the name of the application that it plays.
    image: tempfile::TempDir,
}

/// A container that was started.
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) started: Timestamp,
    index: usize,
}

impl Node {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("tapio-test-{name}-{}", std::process::id());
        let bases = hierarchies().into_iter().map(|root| root.join(&name)).collect();
        let image = tempfile::tempdir().unwrap();
        fs::copy(std::env::current_exe().unwrap(), image.path().join(PROGRAM)).unwrap();
        Self {
            bases,
            made: Vec::new(),
            containers: Vec::new(),
            image,
        }
    }

    /// Starts a container of a burstable pod: `limit` bytes of memory, one address on its loopback device, one workload.
    pub(crate) fn start(&mut self, pod_uid: &str, limit: u64, address: &str, workload: &str) -> Container {
        let id = format!(
            "{:016x}{:016x}{:032x}",
            std::process::id(),
            self.containers.len(),
            clock::now().as_nanos()
        );
        let slice = format!("kubepods-burstable-pod{}.slice", pod_uid.replace('-', "_"));
        let path = format!("kubepods.slice/kubepods-burstable.slice/{slice}/cri-containerd-{id}.scope");
        let folders: Vec<PathBuf> = self
            .bases
            .clone()
            .iter()
            .map(|base| self.make(base, &path, limit))
            .collect();
        let join: Vec<String> = folders
            .iter()
            .map(|f| format!("echo $$ > {}/cgroup.procs;", f.display()))
            .collect();
        let join = join.join(" ");
        let inside = format!("ip link set lo up; ip address add {address}/32 dev lo; exec \"$0\" \"$@\"");
        let script = format!("{join} exec unshare --pid --net --fork --kill-child sh -c '{inside}' \"$0\" \"$@\"");
        let child = Command::new("sh")
            .args(["-c", &script])
            .arg(self.image.path().join(PROGRAM))
            .args(["--exact", "workload", "--ignored", "--nocapture"])
            .env(WORKLOAD, workload)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.containers.push(child);
        Container {
            id,
            started: clock::now(),
            index: self.containers.len() - 1,
        }
    }

    /// Waits for the end of a container and gives back when it came.
    pub(crate) fn wait(&mut self, container: &Container) -> (ExitStatus, Timestamp) {
        let status = self.containers[container.index].wait().unwrap();
        (status, clock::now())
    }

    /// Whether the kernel OOM-killed something in a container, by the word of its cgroup.
    pub(crate) fn was_oom_killed(&self, container: &Container) -> bool {
        let counted = |text: String| {
            text.lines()
                .any(|line| line.starts_with("oom_kill ") && line != "oom_kill 0")
        };
        let folders = self
            .made
            .iter()
            .filter(|folder| folder.to_string_lossy().contains(&container.id));
        let files = folders.flat_map(|folder| ["memory.oom_control", "memory.events"].map(|file| folder.join(file)));
        files.filter_map(|file| fs::read_to_string(file).ok()).any(counted)
    }

    fn make(&mut self, base: &Path, path: &str, limit: u64) -> PathBuf {
        let mut folder = base.to_owned();
        for part in std::iter::once("").chain(path.split('/')) {
            folder = if part.is_empty() { folder } else { folder.join(part) };
            if !folder.exists() {
                fs::create_dir(&folder).unwrap();
                fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
                self.made.push(folder.clone());
            }
            let controllers = folder.join("cgroup.subtree_control");
            if controllers.exists() && !folder.ends_with(path) {
                let _ = fs::write(&controllers, "+memory");
            }
        }
        for file in ["memory.limit_in_bytes", "memory.max"] {
            if folder.join(file).exists() {
                fs::write(folder.join(file), limit.to_string()).unwrap();
            }
        }
        folder
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        for child in &mut self.containers {
            let _ = child.kill();
            let _ = child.wait();
        }
        for folder in self.made.iter().rev() {
            for _ in 0..100 {
                if fs::remove_dir(folder).is_ok() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// What a container does: `leak MIB MILLIS` (so much each time, touched), `saw MIB MILLIS` (the same up to 45 MiB, then from nothing again), `read MIB` (a file of this size again and again), `serve PORT` (answers itself for ever), `call
/// ADDRESS` (connects once, waits a moment, gives up with exit code 1).
pub(crate) fn be_workload() {
    let Ok(workload) = std::env::var(WORKLOAD) else { return };
    let words: Vec<&str> = workload.split(' ').collect();
    match words[..] {
        ["leak", mib, millis] => grow(mib, millis, usize::MAX),
        ["saw", mib, millis] => grow(mib, millis, 45),
        ["read", mib] => read(mib.parse().unwrap()),
        ["serve", port] => serve(port.parse().unwrap()),
        ["call", address] => {
            let refused = std::net::TcpStream::connect(address).is_err();
            std::thread::sleep(Duration::from_millis(150));
            std::process::exit(i32::from(refused));
        }
        _ => panic!("no such workload: {workload}"),
    }
}

/// Takes and touches `mib` MiB each `millis` milliseconds, and lets go of all of it beyond `most` MiB.
fn grow(mib: &str, millis: &str, most: usize) {
    let (mib, pause): (usize, _) = (mib.parse().unwrap(), Duration::from_millis(millis.parse().unwrap()));
    let mut held = Vec::new();
    loop {
        held.push(vec![1u8; mib << 20]);
        if held.len() * mib > most {
            held.clear();
        }
        std::thread::sleep(pause);
    }
}

/// Writes a file of `mib` MiB and reads it for ever, 8 MiB a second.
fn read(mib: usize) {
    use std::io::{Read as _, Seek as _, Write as _};
    let mut file = tempfile::tempfile().unwrap();
    let mut block = vec![7_u8; 1 << 20];
    loop {
        for _ in 0..mib {
            let is_filled = file.read(&mut block).unwrap() > 0;
            if !is_filled {
                file.write_all(&block).unwrap();
                file.sync_data().unwrap();
            }
            std::thread::sleep(Duration::from_millis(125));
        }
        file.rewind().unwrap();
    }
}

fn serve(port: u16) {
    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    loop {
        let client = std::net::TcpStream::connect(("127.0.0.1", port));
        let accepted = listener.accept();
        drop((client, accepted));
        std::thread::sleep(Duration::from_millis(50));
    }
}
