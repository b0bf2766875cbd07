//! Overflows of listen queues that the table holds, compared with the kernel's own counter in a network namespace.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "tests; the shared module serves several of them"
)]

mod live;

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use correlator::Body;
use live::cgroup::{Cgroup, Running, rises, within};
use live::load;
use live::network::Network;
use probes::listen_queue::{OVERFLOWS, PROBE};
use probes::{Loaded, Sighting};

fn total(rises: &[Sighting]) -> u64 {
    let of_signal = rises.iter().filter(|rise| rise.signal == OVERFLOWS);
    of_signal
        .map(|rise| match rise.body {
            Body::Count(count) => count,
            ref other => panic!("{other:?}"),
        })
        .sum()
}

fn read_until(loaded: &mut Loaded, cgroup: &Cgroup, wanted: u64) -> u64 {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut sum = 0;
    while sum < wanted {
        assert!(Instant::now() < deadline, "{sum} of {wanted}");
        std::thread::sleep(Duration::from_millis(20));
        sum += total(&within(&rises(loaded), cgroup.id()));
    }
    sum
}

/// A process in the cgroup that listens with a queue of one and never accepts.
fn deaf(cgroup: &Cgroup, network: &Network, address: &str) -> Running {
    let mut server = cgroup.spawn_piped(&network.script(&format!(
        "perl -MIO::Socket::IP -e '$| = 1; $l = IO::Socket::IP->new(Listen => 1, LocalHost => \"{address}\",
         LocalPort => 7001) or die; print \"ready\\n\"; <STDIN>; sleep 60'"
    )));
    assert_eq!(server.line(), "ready");
    server
}

/// Knocks that many times, and gives up on each after a while.
fn knock(network: &Network, address: SocketAddr, times: usize) -> Vec<TcpStream> {
    network.within(|| {
        let mut held = Vec::new();
        for _ in 0..times {
            match TcpStream::connect_timeout(&address, Duration::from_millis(50)) {
                Ok(stream) => held.push(stream),
                Err(error) => assert_eq!(error.kind(), ErrorKind::TimedOut),
            }
        }
        held
    })
}

fn matches_the_kernel(test: &str, address: &str) {
    let Some(mut loaded) = load(test, &PROBE) else { return };
    let (Some(network), Some(cgroup)) = (Network::new(test), Cgroup::new(test)) else {
        return;
    };
    let server = deaf(&cgroup, &network, address);
    let to = SocketAddr::new(address.parse().unwrap(), 7001);
    let held = knock(&network, to, 12);
    assert_eq!(held.len(), 2, "a queue of one holds two");
    let counted = network.counter("TcpExt", "ListenOverflows");
    assert_eq!(counted, 10);
    assert_eq!(read_until(&mut loaded, &cgroup, counted), counted);

    // What comes between the last walk and the end is read when the listener closes.
    let more = knock(&network, to, 3);
    assert!(more.is_empty());
    drop(server);
    assert_eq!(read_until(&mut loaded, &cgroup, 3), 3);
    assert_eq!(network.counter("TcpExt", "ListenOverflows"), 13);
}

#[test]
fn overflows_of_a_queue_of_one_are_as_many_as_the_kernel_counts() {
    matches_the_kernel("listen4", "127.0.0.1");
}

#[test]
fn overflows_over_ipv6_are_as_many_as_the_kernel_counts() {
    matches_the_kernel("listen6", "::1");
}

#[test]
fn of_a_listener_older_than_the_probe_only_what_follows_is_counted() {
    let test = "listen-older";
    let (Some(network), Some(cgroup)) = (Network::new(test), Cgroup::new(test)) else {
        return;
    };
    let _server = deaf(&cgroup, &network, "127.0.0.1");
    let to = SocketAddr::from(([127, 0, 0, 1], 7001));
    let _held = knock(&network, to, 5);
    let Some(mut loaded) = load(test, &PROBE) else { return };
    let _none = knock(&network, to, 4);
    assert_eq!(read_until(&mut loaded, &cgroup, 4), 4);
    assert_eq!(network.counter("TcpExt", "ListenOverflows"), 7);
}
