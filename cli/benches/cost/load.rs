//! The loads: each runs for a while in this process and gives back how many operations it did in how long.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::{Pid, getppid};

/// A load.
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) run: fn(Duration) -> (u64, Duration),
}

pub(crate) fn all() -> Vec<Load> {
    vec![
        Load {
            name: "connect",
            what: "a loopback TCP connect, accept and close of both sides",
            run: connect,
        },
        Load {
            name: "switch",
            what: "a round trip of one byte between two threads on one CPU",
            run: switch,
        },
        Load {
            name: "syscall",
            what: "getppid",
            run: syscall,
        },
        Load {
            name: "dns",
            what: "a DNS query over loopback UDP and its reply",
            run: dns,
        },
        Load {
            name: "udp",
            what: "the same bytes over another UDP port",
            run: udp,
        },
    ]
}

fn until(length: Duration, mut operation: impl FnMut()) -> (u64, Duration) {
    let start = Instant::now();
    let mut operations = 0;
    while start.elapsed() < length {
        for _ in 0..64 {
            operation();
        }
        operations += 64;
    }
    (operations, start.elapsed())
}

fn connect(length: Duration) -> (u64, Duration) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    until(length, || {
        let client = TcpStream::connect(address).expect("a listener");
        let (server, _) = listener.accept().expect("a client");
        // The client closes by reset, so that no port is kept in TIME_WAIT.
        let linger = nix::libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        nix::sys::socket::setsockopt(&client, nix::sys::socket::sockopt::Linger, &linger).expect("a socket");
        drop(client);
        drop(server);
    })
}

fn switch(length: Duration) -> (u64, Duration) {
    let mut one = CpuSet::new();
    one.set(0).expect("CPU 0");
    let (mut here, mut there) = UnixStream::pair().expect("a socket pair");
    let answering = thread::spawn(move || {
        sched_setaffinity(Pid::from_raw(0), &one).expect("CPU 0 is ours");
        let mut byte = [0];
        while there.read(&mut byte).is_ok_and(|read| read == 1) && there.write_all(&byte).is_ok() {}
    });
    let asking = thread::spawn(move || {
        sched_setaffinity(Pid::from_raw(0), &one).expect("CPU 0 is ours");
        let mut byte = [0];
        until(length, || {
            here.write_all(&byte).expect("the other thread");
            here.read_exact(&mut byte).expect("the other thread");
        })
    });
    let result = asking.join().expect("no panic");
    answering.join().expect("no panic");
    result
}

fn syscall(length: Duration) -> (u64, Duration) {
    until(length, || {
        std::hint::black_box(getppid());
    })
}

fn dns(length: Duration) -> (u64, Duration) {
    ask("127.0.0.77:53", length)
}

fn udp(length: Duration) -> (u64, Duration) {
    ask("127.0.0.77:5353", length)
}

/// Asks a server that sends every question back as an answer (RFC 1035: the QR bit set).
fn ask(address: &str, length: Duration) -> (u64, Duration) {
    const QUERY: &[u8] = b"\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04cart\x04shop\x03svc\x07cluster\x05local\x00\x00\x01\x00\x01";
    let server = UdpSocket::bind(address).expect("the port is free");
    server
        .set_read_timeout(Some(Duration::from_millis(100)))
        .expect("a timeout");
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let serving = thread::spawn(move || {
        let mut buffer = [0; 512];
        while !stopped.load(Ordering::Relaxed) {
            if let Ok((len, from)) = server.recv_from(&mut buffer) {
                buffer[2] |= 0x80;
                server.send_to(&buffer[..len], from).expect("the client");
            }
        }
    });
    let client = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    client.connect(address).expect("a server");
    let (mut id, mut query, mut answer) = (0u16, QUERY.to_vec(), [0; 512]);
    let result = until(length, || {
        id = id.wrapping_add(1);
        query[..2].copy_from_slice(&id.to_be_bytes());
        client.send(&query).expect("the server");
        client.recv(&mut answer).expect("an answer");
    });
    stop.store(true, Ordering::Relaxed);
    serving.join().expect("no panic");
    result
}
