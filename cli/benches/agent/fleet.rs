//! A node's worth of pods: objects at the scripted API server, and for each a cgroup in every hierarchy with a process that
//! sleeps.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use correlator::Timestamp;
use fixtures::apiserver::ApiServer;
use fixtures::kube::{ContainerObject, NodeObject, PodObject};
use sniffers::clock;

/// Where controllers are mounted, of which each container has a folder: v1 beside v2, or v2 alone.
const TREES: [&str; 7] = ["memory", "cpu", "cpuacct", "cpu,cpuacct", "pids", "unified", "."];

/// The pods. Their cgroups and processes are gone when this is dropped.
pub(crate) struct Fleet {
    folders: Vec<PathBuf>,
    sleepers: Vec<Child>,
}

impl Fleet {
    /// Starts so many pods on `node-a`. This process joins the first of them, so that what it does is that pod's.
    pub(crate) fn start(api: &ApiServer, pods: usize) -> Self {
        let mut fleet = Self {
            folders: Vec::new(),
            sleepers: Vec::new(),
        };
        api.apply(NodeObject::new("node-a"));
        let started = clock::now();
        for number in 0..pods {
            let folders = fleet.make(number);
            let pid = if number == 0 { std::process::id() } else { fleet.sleep() };
            for folder in folders {
                fs::write(folder.join("cgroup.procs"), pid.to_string()).expect("an empty cgroup takes a process");
            }
            api.apply(pod(number, started));
        }
        fleet
    }

    fn sleep(&mut self) -> u32 {
        let sleeper = Command::new("sleep").arg("infinity").stdin(Stdio::null()).spawn();
        self.sleepers.push(sleeper.expect("sleep (coreutils)"));
        self.sleepers.last().map_or(0, Child::id)
    }

    fn make(&mut self, number: usize) -> Vec<PathBuf> {
        let slice = format!("kubepods-burstable-pod{}.slice", uid(number).replace('-', "_"));
        let path = format!(
            "tapio-agent-{}/kubepods.slice/kubepods-burstable.slice/{slice}/cri-containerd-{}.scope",
            std::process::id(),
            id(number)
        );
        let is_v2 = PathBuf::from("/sys/fs/cgroup/cgroup.controllers").exists();
        let trees = TREES.iter().filter(|tree| is_v2 == (**tree == "."));
        let roots = trees.map(|tree| PathBuf::from("/sys/fs/cgroup").join(tree));
        let own = |root: &PathBuf| root.join("cgroup.procs").exists() && !root.is_symlink();
        let mut made = Vec::new();
        for root in roots.filter(own) {
            let mut folder = root;
            for part in path.split('/') {
                folder = folder.join(part);
                if fs::create_dir(&folder).is_ok() {
                    self.folders.push(folder.clone());
                }
                if is_v2 && !folder.ends_with(&path) {
                    fs::write(folder.join("cgroup.subtree_control"), "+memory +cpu +pids").expect("controllers");
                }
            }
            for (file, limit) in [
                ("memory.limit_in_bytes", 512 << 20),
                ("memory.max", 512 << 20),
                ("pids.max", 1024),
            ] {
                if folder.join(file).exists() {
                    fs::write(folder.join(file), limit.to_string()).expect("root may set limits");
                }
            }
            made.push(folder);
        }
        made
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for sleeper in &mut self.sleepers {
            let _ = sleeper.kill();
            let _ = sleeper.wait();
        }
        for tree in TREES.map(|tree| PathBuf::from("/sys/fs/cgroup").join(tree)) {
            let is_left = self.folders.iter().any(|folder| folder.starts_with(&tree));
            if is_left {
                let _ = fs::write(tree.join("cgroup.procs"), std::process::id().to_string());
            }
        }
        for folder in self.folders.iter().rev() {
            for _ in 0..100 {
                if fs::remove_dir(folder).is_ok() {
                    break;
                }
                thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

fn uid(number: usize) -> String {
    format!("5f2b1c7e-0d3a-4b8e-9c41-{number:012x}")
}

fn id(number: usize) -> String {
    format!("{number:064x}")
}

fn pod(number: usize, started: Timestamp) -> PodObject {
    let container = ContainerObject::new("app").limit("memory", "512Mi").port(8080);
    PodObject::new("shop", &format!("web-7d9c{number:05}"))
        .uid(&uid(number))
        .node("node-a")
        .owned_by(
            "apps/v1",
            "ReplicaSet",
            "web-7d9c",
            "6b0f2f0e-8f57-4a57-8f4e-000000000001",
        )
        .container(container)
        .ips(&[&format!("10.244.{}.{}", number >> 8, number & 255)])
        .running("app", &id(number), &format!("{}Z", &started.to_string()[..19]))
}
