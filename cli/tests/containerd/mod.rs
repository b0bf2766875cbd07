//! A private containerd: its own folders and socket, an image made by hand, containers below kubepods-style cgroups.
//! Everything it made is gone when it is dropped.

pub(crate) mod image;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Longest a call of `ctr` may take, seconds.
const CALL: &str = "20";
const CGROUPS: &str = "/sys/fs/cgroup";

/// How a runtime lays out a container's cgroup.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Layout {
    /// `kubepods/burstable/pod<uid>/<id>`.
    Cgroupfs,
    /// `kubepods.slice/.../cri-containerd-<id>.scope`.
    Systemd,
    /// `<slice>:cri-containerd:<id>`, taken for a name by a runtime without systemd.
    Colon,
}

/// The daemon and what was started with it.
pub(crate) struct Containerd {
    daemon: Child,
    ids: Vec<String>,
    /// Name of the cgroup that all of it is in.
    base: String,
    folder: tempfile::TempDir,
}

/// Random bytes in hexadecimal.
fn random_hex(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    fs::File::open("/dev/urandom").unwrap().read_exact(&mut random).unwrap();
    random
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// A pod uid that no other run has.
pub(crate) fn new_uid() -> String {
    let hex = random_hex(16);
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// Why there can be no containerd here, if there cannot.
pub(crate) fn missing() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("needs root: it runs containers and loads BPF programs".to_owned());
    }
    let tools = ["containerd", "ctr", "runc", "tar", "sha256sum", "timeout"];
    let lacks = |tool: &&&str| Command::new(tool).arg("--version").output().is_err();
    if let Some(tool) = tools.iter().find(lacks) {
        return Some(format!("needs {tool}: install containerd, runc and busybox-static"));
    }
    busybox()
        .is_none()
        .then(|| "needs a static busybox: install busybox-static".to_owned())
}

/// A busybox that needs no libraries.
fn busybox() -> Option<PathBuf> {
    let path = ["/usr/bin/busybox", "/bin/busybox"]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.exists())?;
    let bytes = fs::read(&path).ok()?;
    let needs_loader = bytes
        .windows(14)
        .any(|window| window == b"/ld-linux-x86-" || window == b"/ld-linux-aarc");
    (!needs_loader).then_some(path)
}

impl Containerd {
    /// Starts it with the image; an error says why it does not run here.
    pub(crate) fn start() -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("tapio-ctrd-").tempdir().unwrap();
        let at = folder.path();
        fs::write(at.join("config.toml"), config(at)).unwrap();
        let log = fs::File::create(at.join("log")).unwrap();
        let daemon = Command::new("containerd")
            .arg("--config")
            .arg(at.join("config.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("containerd does not start: {error}"))?;
        let this = Self {
            daemon,
            ids: Vec::new(),
            base: format!("tapio-test-containers-{}", random_hex(4)),
            folder,
        };
        this.wait_until_it_answers()?;
        let archive = image::make(&this.folder.path().join("image"), &busybox().unwrap());
        let imported = this.ctr(&["image", "import", "--snapshotter", "native", archive.to_str().unwrap()]);
        if imported.status.success() {
            Ok(this)
        } else {
            Err(format!("containerd takes no image here: {}", told(&imported)))
        }
    }

    fn wait_until_it_answers(&self) -> Result<(), String> {
        for _ in 0..100 {
            if self.ctr(&["version"]).status.success() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(3).collect();
        Err(format!("containerd does not answer: {}", last.join("; ")))
    }

    /// Starts a container that goes on by itself; gives its id.
    pub(crate) fn start_container(&mut self, layout: Layout, pod: &str, command: &[&str]) -> String {
        let (id, out) = self.run(layout, pod, &["--detach"], command);
        assert!(out.status.success(), "{}", told(&out));
        id
    }

    /// Runs a container to its end; gives its id. `limit` is of memory, in bytes.
    pub(crate) fn run_container(&mut self, layout: Layout, pod: &str, limit: Option<u64>, command: &[&str]) -> String {
        let limit = limit.map(|bytes| bytes.to_string());
        let limit: Vec<&str> = limit
            .iter()
            .flat_map(|bytes| ["--memory-limit", bytes.as_str()])
            .collect();
        let (id, _) = self.run(layout, pod, &[&["--rm"], &limit[..]].concat(), command);
        id
    }

    /// Runs containers of one pod to their ends, all at once; gives their ids.
    pub(crate) fn run_at_once(&mut self, count: usize, layout: Layout, pod: &str, command: &[&str]) -> Vec<String> {
        let run = |_| {
            let (id, mut ctr) = self.prepare(layout, pod, &["--rm"], command);
            (id, ctr.spawn().unwrap())
        };
        let running: Vec<(String, Child)> = (0..count).map(run).collect();
        let ended = running.into_iter().map(|(id, mut ctr)| {
            ctr.wait().unwrap();
            id
        });
        ended.collect()
    }

    fn run(&mut self, layout: Layout, pod: &str, flags: &[&str], command: &[&str]) -> (String, Output) {
        let (id, mut ctr) = self.prepare(layout, pod, flags, command);
        (id, ctr.output().unwrap())
    }

    /// A container with a new id, and the call that runs it.
    fn prepare(&mut self, layout: Layout, pod: &str, flags: &[&str], command: &[&str]) -> (String, Command) {
        let id = random_hex(32);
        self.ids.push(id.clone());
        let cgroup = self.cgroup(layout, pod, &id);
        let fixed = ["run", "--snapshotter", "native", "--null-io", "--cgroup", &cgroup];
        let mut ctr = self.command();
        ctr.args(fixed).args(flags).args([image::NAME, &id]).args(command);
        (id, ctr)
    }

    fn cgroup(&self, layout: Layout, pod: &str, id: &str) -> String {
        let (base, slice) = (&self.base, pod.replace('-', "_"));
        match layout {
            Layout::Cgroupfs => format!("/{base}/kubepods/burstable/pod{pod}/{id}"),
            Layout::Systemd => format!(
                "/{base}/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{slice}.slice/cri-containerd-{id}.scope"
            ),
            Layout::Colon => format!("/{base}/kubepods-besteffort-pod{slice}.slice:cri-containerd:{id}"),
        }
    }

    /// Runs a program in a container until it ends.
    pub(crate) fn exec(&self, id: &str, command: &[&str]) {
        let out = self.ctr(&[&["task", "exec", "--exec-id", &random_hex(8), id], command].concat());
        assert!(out.status.success(), "{}", told(&out));
    }

    /// Starts a program in a container and leaves it running.
    pub(crate) fn exec_detached(&self, id: &str, command: &[&str]) {
        let out = self.ctr(&[&["task", "exec", "--detach", "--exec-id", &random_hex(8), id], command].concat());
        assert!(out.status.success(), "{}", told(&out));
    }

    /// Host pids of a container's processes, the first started first.
    pub(crate) fn pids(&self, id: &str) -> Vec<u32> {
        let out = String::from_utf8(self.ctr(&["task", "ps", id]).stdout).unwrap();
        let mut pids: Vec<u32> = out
            .lines()
            .skip(1)
            .filter_map(|line| line.split_whitespace().next()?.parse().ok())
            .collect();
        pids.sort_unstable();
        pids
    }

    /// Ends a container and everything of it.
    pub(crate) fn remove(&self, id: &str) {
        self.ctr(&["task", "rm", "--force", id]);
        self.ctr(&["container", "rm", id]);
    }

    fn ctr(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    fn command(&self) -> Command {
        let mut command = Command::new("timeout");
        command.args([CALL, "ctr", "--namespace", "k8s.io", "--address"]);
        command.arg(self.folder.path().join("socket")).stdin(Stdio::null());
        command
    }

    /// The supervisor of each container, which outlives the daemon.
    fn supervisors(&self) -> Vec<Pid> {
        let tasks = self.folder.path().join("state/io.containerd.runtime.v2.task/k8s.io");
        let files = tasks.read_dir().into_iter().flatten().flatten();
        let pid = |folder: fs::DirEntry| {
            fs::read_to_string(folder.path().join("shim.pid"))
                .ok()?
                .trim()
                .parse()
                .ok()
        };
        files.filter_map(pid).map(Pid::from_raw).collect()
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        for id in &self.ids {
            if self
                .folder
                .path()
                .join("state/io.containerd.runtime.v2.task/k8s.io")
                .join(id)
                .exists()
            {
                self.remove(id);
            }
        }
        let supervisors = self.supervisors();
        end(&mut self.daemon);
        for supervisor in supervisors {
            let _ = kill(supervisor, Signal::SIGKILL);
        }
        for place in mounts_below(self.folder.path()) {
            let _ = Command::new("umount").arg("--lazy").arg(place).status();
        }
        for tree in trees() {
            remove_cgroup(&tree.join(&self.base));
        }
    }
}

fn config(at: &Path) -> String {
    let at = at.display();
    let unused = [
        "grpc.v1.cri",
        "internal.v1.opt",
        "snapshotter.v1.btrfs",
        "snapshotter.v1.devmapper",
    ];
    let unused = unused.map(|plugin| format!("\"io.containerd.{plugin}\"")).join(", ");
    format!(
        "version = 2\nroot = \"{at}/root\"\nstate = \"{at}/state\"\ndisabled_plugins = [{unused}]\n\
         [grpc]\naddress = \"{at}/socket\"\n[ttrpc]\naddress = \"{at}/socket.ttrpc\"\n"
    )
}

fn told(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).trim().to_owned()
}

/// Asks a process to end, and makes it after five seconds.
fn end(child: &mut Child) {
    let _ = kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGTERM);
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
}

fn mounts_below(folder: &Path) -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let places = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .map(PathBuf::from);
    let mut below: Vec<PathBuf> = places.filter(|place| place.starts_with(folder)).collect();
    below.reverse();
    below
}

/// The root of every mounted hierarchy, of v1 controllers too.
fn trees() -> BTreeSet<PathBuf> {
    let inside = Path::new(CGROUPS)
        .read_dir()
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let roots = inside.filter(|path| path.join("cgroup.procs").exists() && !path.join("cgroup.type").exists());
    roots.chain([PathBuf::from(CGROUPS)]).collect()
}

/// Ends what is left in a cgroup of ours and removes it with all below.
fn remove_cgroup(folder: &Path) {
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_cgroup(&entry.path());
        }
    }
    for _ in 0..100 {
        if !folder.exists() || fs::remove_dir(folder).is_ok() {
            return;
        }
        let left = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
        for pid in left.lines().filter_map(|line| line.parse().ok()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
