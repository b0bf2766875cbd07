//! DNS servers in networks of ours, and queries made by hand.

use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::network::Network;
use super::skip;

/// Runs `act` on a thread with a network of its own that has nothing but loopback. Sockets that it makes and processes
/// that it starts are in there.
pub(crate) fn in_network(test: &str, act: impl FnOnce() + Send) {
    if !nix::unistd::Uid::effective().is_root() {
        return skip(test, "not root");
    }
    if let Some(network) = Network::new(&test.replace(' ', "-")) {
        network.within(act);
    }
}

/// A query for `kind` of `name`, in the bytes of the wire.
pub(crate) fn query(id: u16, name: &str, kind: u16) -> Vec<u8> {
    let words = [id, 0x0100, 1, 0, 0, 0];
    let mut bytes: Vec<u8> = words.into_iter().flat_map(u16::to_be_bytes).collect();
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes.extend([kind, 1].into_iter().flat_map(u16::to_be_bytes));
    bytes
}

/// The reply to a query, with this code and no answers.
pub(crate) fn reply(query: &[u8], rcode: u8) -> Vec<u8> {
    let mut reply = query.to_vec();
    reply[2] |= 0x80;
    reply[3] = 0x80 | rcode;
    reply
}

/// A server that answers each query with what `answer` gives for it: each message after its delay.
pub(crate) struct Server {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(at: SocketAddr, answer: impl Fn(&[u8]) -> Vec<(Duration, Vec<u8>)> + Send + 'static) -> Self {
        let socket = UdpSocket::bind(at).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let serve = move || {
            let mut buffer = [0; 2048];
            while !stopped.load(Ordering::Relaxed) {
                let Ok((len, from)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                for (delay, message) in answer(&buffer[..len]) {
                    std::thread::sleep(delay);
                    socket.send_to(&message, from).unwrap();
                }
            }
        };
        let thread = Some(std::thread::spawn(serve));
        Self { stop, thread }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// The packaged dnsmasq, on port 53 of loopback.
pub(crate) struct Dnsmasq(Child);

impl Dnsmasq {
    /// `None`, said aloud, where it is not installed. `present.test` has both addresses, `gone.test` does not exist, the
    /// server for `dead.test` is down, and all else is refused.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let mut command = Command::new("dnsmasq");
        command.args([
            "--no-daemon",
            "--conf-file=/dev/null",
            "--no-resolv",
            "--no-hosts",
            "--user=root",
            "--pid-file=",
        ]);
        command.args([
            "--listen-address=127.0.0.1",
            "--listen-address=::1",
            "--bind-interfaces",
        ]);
        command.args(["--address=/present.test/10.1.2.3", "--address=/present.test/fd00::1"]);
        command.args(["--address=/gone.test/", "--server=/dead.test/127.0.0.9#5999"]);
        let started = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let started = started.map_err(|error| skip(test, &format!("cannot start dnsmasq: {error}")));
        let dnsmasq = Self(started.ok()?);
        wait_until_bound();
        Some(dnsmasq)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

/// Knocks over TCP, which is no DNS query.
fn wait_until_bound() {
    let deadline = Instant::now() + Duration::from_secs(5);
    while std::net::TcpStream::connect("[::1]:53").is_err() {
        assert!(Instant::now() < deadline, "dnsmasq does not listen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
