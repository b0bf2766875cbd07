//! The built binary beside a scripted cluster, and what happens to the pods there.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Lines, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use correlator::Timestamp;
use fixtures::apiserver::ApiServer;
use fixtures::kube::{ContainerObject, PodObject};
use serde_json::Value;
use sniffers::clock;

/// How long anything may take before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// `tapio sniff --k8s-only -o json`, watching.
pub(crate) struct Tapio {
    child: Child,
    insights: Receiver<Value>,
    notices: Receiver<String>,
    said: Vec<Value>,
}

impl Tapio {
    /// Starts a command that ends with these arguments.
    pub(crate) fn start(mut command: Command) -> Self {
        command
            .env_remove("KUBECONFIG")
            .env_remove("NODE_NAME")
            .env("HOME", "/nonexistent")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let parse = |line: String| serde_json::from_str(&line).unwrap();
        let insights = lines(child.stdout.take().unwrap(), parse);
        let notices = lines(child.stderr.take().unwrap(), |line| {
            eprintln!("tapio: {line}");
            line
        });
        Self {
            child,
            insights,
            notices,
            said: Vec::new(),
        }
    }

    /// Starts it with a kubeconfig.
    pub(crate) fn with_kubeconfig(kubeconfig: &Path, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tapio"));
        command
            .args(["sniff", "--k8s-only", "-o", "json", "--kubeconfig"])
            .arg(kubeconfig)
            .args(more);
        Self::start(command)
    }

    /// Waits for a line on stderr.
    pub(crate) fn notice(&self, part: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.notices.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("{part:?} was never said"));
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Waits for an insight about a pod to open.
    pub(crate) fn opens(&mut self, id: &str, pod: &str) {
        let until = Instant::now() + PATIENCE;
        let is_it = |said: &Value| is_opened(said) && said["id"] == id && said["subject"]["pod"] == pod;
        while !self.said.iter().any(is_it) {
            let left = until.saturating_duration_since(Instant::now());
            let said = self.insights.recv_timeout(left);
            self.said
                .push(said.unwrap_or_else(|_| panic!("{id} of {pod} was never said")));
        }
    }

    /// Ends it as Ctrl-C does; gives back how often each insight about a pod opened, by id and pod, and the summary.
    pub(crate) fn stop(mut self) -> (BTreeMap<(String, String), usize>, Value) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        assert!(self.child.wait().unwrap().success());
        self.said.extend(self.insights.iter());
        let summary = self.said.pop().unwrap();
        let mut opened = BTreeMap::new();
        for said in self
            .said
            .iter()
            .filter(|said| is_opened(said) && said["subject"]["pod"].is_string())
        {
            let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            *opened
                .entry((word(&said["id"]), word(&said["subject"]["pod"])))
                .or_default() += 1;
        }
        (opened, summary["summary"]["stats"].clone())
    }
}

impl Drop for Tapio {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_opened(said: &Value) -> bool {
    said["status"] == "opened"
}

fn lines<T: Send + 'static>(from: impl Read + Send + 'static, read: fn(String) -> T) -> Receiver<T> {
    let (send, receiver) = channel();
    let lines: Lines<_> = BufReader::new(from).lines();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if send.send(read(line)).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Waits until something holds.
pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "it never came to this: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// RFC 3339 to the second, as the API server writes times.
pub(crate) fn time(at: Timestamp) -> String {
    format!("{}Z", &at.to_string()[..19])
}

/// So many seconds ago, as the API server writes times.
pub(crate) fn ago(seconds: u64) -> String {
    time(clock::now().minus(Duration::from_secs(seconds)))
}

/// A pod of one container, `app`, that runs since an hour.
pub(crate) fn healthy(name: &str) -> PodObject {
    let pod = PodObject::new("shop", name).node("node-a");
    let pod = pod.container(ContainerObject::new("app").limit("memory", "64Mi"));
    pod.running("app", &container_id(name, 0), &ago(3_600))
}

/// Ends the container of a pod and starts it again, as a kubelet tells it.
pub(crate) fn restart(api: &ApiServer, mut pod: PodObject, run: u32, code: i32, reason: &str) -> PodObject {
    let name = pod.json_mut()["metadata"]["name"].as_str().unwrap().to_owned();
    let pod = pod.terminated("app", code, reason, [&ago(2), &ago(0)]);
    api.apply(pod.clone());
    let pod = pod.running("app", &container_id(&name, run), &ago(0));
    api.apply(pod.clone());
    pod
}

/// Sixty-four hexadecimal digits.
fn container_id(pod: &str, run: u32) -> String {
    let number = pod
        .bytes()
        .fold(7_u64, |number, byte| number.wrapping_mul(31).wrapping_add(byte.into()));
    format!("{number:056x}{run:08x}")
}
