//! `tapio agent` as a process, and requests to it as bytes on a socket.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long anything may take before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The agent, on a port of its own.
pub(crate) struct Agent {
    child: Child,
    log: Receiver<String>,
    /// `127.0.0.1:41234`
    pub(crate) address: String,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Agent {
    /// Starts `tapio agent` with these arguments and waits until it listens.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tapio"))
            .args(["agent", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .env_remove("KUBECONFIG")
            .env_remove("NODE_NAME")
            .env("HOME", "/nonexistent")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (said, log) = channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                eprintln!("tapio: {line}");
                if said.send(line).is_err() {
                    return;
                }
            }
        });
        let mut agent = Self {
            child,
            log,
            address: String::new(),
        };
        let line = agent.notice("metrics on http://");
        let url = line.rsplit("http://").next().unwrap();
        url.trim_end_matches("/metrics").clone_into(&mut agent.address);
        agent
    }

    /// Waits for a line on stderr.
    pub(crate) fn notice(&self, part: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.log.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("{part:?} was never said"));
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Asks for a path.
    pub(crate) fn get(&self, path: &str) -> Reply {
        get(&self.address, path)
    }

    /// Sends these bytes and reads until the connection is closed.
    pub(crate) fn ask(&self, bytes: &str) -> Reply {
        ask(&self.address, bytes)
    }

    /// Waits until a path is answered as wished.
    pub(crate) fn until(&self, path: &str, is_it: impl Fn(&Reply) -> bool) -> Reply {
        let began = Instant::now();
        loop {
            let reply = self.get(path);
            if is_it(&reply) {
                return reply;
            }
            assert!(began.elapsed() < PATIENCE, "{path} is still: {reply:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Has it read its configuration again.
    pub(crate) fn hang_up(&self) {
        self.signal(nix::sys::signal::Signal::SIGHUP);
    }

    fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// Ends it as the kubelet does; gives back its exit code, what it wrote to stdout and its last line on stderr.
    pub(crate) fn stop(mut self) -> (Option<i32>, String, String) {
        self.signal(nix::sys::signal::Signal::SIGTERM);
        let code = self.child.wait().unwrap().code();
        let mut stdout = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        (code, stdout, self.log.iter().last().unwrap_or_default())
    }
}

/// Asks whoever listens there for a path.
pub(crate) fn get(address: &str, path: &str) -> Reply {
    ask(
        address,
        &format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"),
    )
}

fn ask(address: &str, bytes: &str) -> Reply {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Reply {
        status: head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0),
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Reply {
    /// Whether the body is as long as the head says.
    pub(crate) fn is_whole(&self) -> bool {
        let length = self.head.lines().find_map(|line| line.strip_prefix("content-length: "));
        length.and_then(|length| length.parse().ok()) == Some(self.body.len())
    }
}
