//! Network namespaces of ours, gone when dropped, and lines between them.

use std::fs::{self, File};
use std::process::Command;

use nix::sched::{CloneFlags, setns};

use super::skip;

/// A network namespace, loopback up.
pub(crate) struct Network(String);

impl Network {
    /// `None`, said aloud, where that is not allowed.
    pub(crate) fn new(test: &str) -> Option<Self> {
        let name = format!("tapio-{test}-{}", std::process::id());
        if let Err(error) = ip(&format!("netns add {name}")) {
            skip(test, &format!("cannot make a network namespace: {error}"));
            return None;
        }
        let network = Self(name);
        network.ip("link set dev lo up");
        Some(network)
    }

    /// Runs `ip` in the namespace.
    pub(crate) fn ip(&self, arguments: &str) {
        ip(&format!("-n {} {arguments}", self.0)).unwrap();
    }

    /// Runs `tc` in the namespace.
    pub(crate) fn tc(&self, arguments: &str) {
        run("tc", &format!("-n {} {arguments}", self.0)).unwrap();
    }

    /// Writes a setting below `/proc/sys/net`.
    pub(crate) fn set(&self, setting: &str, value: &str) {
        self.within(|| fs::write(format!("/proc/sys/net/{setting}"), value).unwrap());
    }

    /// Does it on a thread that is in the namespace.
    pub(crate) fn within<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let file = File::open(format!("/run/netns/{}", self.0)).unwrap();
        std::thread::scope(|scope| {
            let inside = scope.spawn(move || {
                setns(file, CloneFlags::CLONE_NEWNET).unwrap();
                act()
            });
            inside.join().unwrap()
        })
    }

    /// A script as one that runs in the namespace.
    pub(crate) fn script(&self, program: &str) -> String {
        format!("exec ip netns exec {} {program}", self.0)
    }

    /// A counter of the kernel, such as `Tcp` `RetransSegs`: the numbers that `nstat` shows.
    pub(crate) fn counter(&self, group: &str, name: &str) -> u64 {
        let text = self.within(|| {
            let read = |file| fs::read_to_string(format!("/proc/thread-self/net/{file}")).unwrap();
            read("snmp") + &read("netstat")
        });
        let group = format!("{group}: ");
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(&group));
        let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
        let column = names.split(' ').position(|column| column == name).unwrap();
        values.split(' ').nth(column).unwrap().parse().unwrap()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = ip(&format!("netns del {}", self.0));
    }
}

/// Joins two namespaces by a pair of interfaces, each with an address such as `10.0.0.1/24`.
pub(crate) fn join(one: (&Network, &str, &str), other: (&Network, &str, &str)) {
    let ((one, one_name, one_address), (other, other_name, other_address)) = (one, other);
    let (near, far) = (&one.0, &other.0);
    let pair = format!("link add name {one_name} netns {near} type veth peer name {other_name} netns {far}");
    ip(&pair).unwrap();
    for (network, name, address) in [(one, one_name, one_address), (other, other_name, other_address)] {
        network.ip(&format!("addr add {address} dev {name} nodad"));
        network.ip(&format!("link set dev {name} up"));
    }
}

fn ip(arguments: &str) -> Result<(), String> {
    run("ip", arguments)
}

fn run(program: &str, arguments: &str) -> Result<(), String> {
    let output = Command::new(program).args(arguments.split(' ')).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    let told = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    output
        .status
        .success()
        .then_some(())
        .ok_or(format!("{program} {arguments}: {told}"))
}

/// Gives `near` the addresses `10.78.0.1` and `fd78::1` on a line on which nobody answers for `10.78.0.9` and `fd78::9`.
pub(crate) fn black_hole(near: &Network, far: &Network) {
    join((near, "tapio0", "10.78.0.1/24"), (far, "tapio0", "10.78.0.2/24"));
    near.ip("addr add fd78::1/64 dev tapio0 nodad");
    for address in ["10.78.0.9", "fd78::9"] {
        near.ip(&format!("neigh add {address} lladdr 02:00:00:00:00:09 dev tapio0"));
    }
}
