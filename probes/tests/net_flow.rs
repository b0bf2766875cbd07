//! Bytes that are sent on purpose over loopback by a cgroup of ours, and counted there.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "tests; the shared module serves several of them"
)]

mod live;

use std::io::Write as _;
use std::net::{TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use correlator::{Body, Signal};
use live::cgroup::{Cgroup, rises, within};
use live::load;
use live::network::Network;
use probes::net_flow::{ACTIVE_FLOWS, BYTES_RECEIVED, BYTES_SENT, PACKETS_RECEIVED, PACKETS_SENT, PROBE};
use probes::{Loaded, Sighting};

fn start(test: &str) -> Option<(Loaded, Cgroup)> {
    Some((load(test, &PROBE)?, Cgroup::new(test)?))
}

fn count(rises: &[Sighting], signal: &Signal) -> u64 {
    let of_signal = rises.iter().find(|sighting| sighting.signal == *signal);
    match of_signal.map(|sighting| &sighting.body) {
        None => 0,
        Some(Body::Count(count)) => *count,
        Some(other) => panic!("{other:?}"),
    }
}

/// A thousand bytes in each of twenty datagrams.
fn send_datagrams(cgroup: &Cgroup, host: &str, port: u16) {
    let send = format!("exec 3>/dev/udp/{host}/{port}; for i in {{1..20}}; do printf %01000d 0 >&3; done");
    cgroup.run(&format!("exec bash -c '{send}'"));
}

#[test]
fn datagrams_are_counted_to_the_byte_where_they_are_sent_from() {
    let Some((mut loaded, cgroup)) = start("datagrams") else {
        return;
    };
    // 20 bytes of IPv4 or 40 of IPv6, and 8 of UDP.
    for (host, headers) in [("127.0.0.1", 28), ("::1", 48)] {
        let Ok(receiver) = UdpSocket::bind((host, 0)) else {
            eprintln!("SKIPPED datagrams to {host}: no such address here");
            continue;
        };
        send_datagrams(&cgroup, host, receiver.local_addr().unwrap().port());
        let ours = within(&rises(&mut loaded), cgroup.id());
        assert_eq!(count(&ours, &PACKETS_SENT), 20, "{host}: {ours:#?}");
        assert_eq!(count(&ours, &BYTES_SENT), 20 * (1000 + headers), "{host}");
        assert_eq!(count(&ours, &PACKETS_RECEIVED), 0, "{host}");
        let mut datagram = [0; 2000];
        assert_eq!(receiver.recv(&mut datagram).unwrap(), 1000, "{host}: packets pass");
    }
    assert!(loaded.take_losses().is_empty());
}

/// Bytes and packets that the namespace took in, by the kernel's own books. Over loopback that is what either end sent.
fn books(network: &Network) -> (u64, u64) {
    let of = |name| network.counter("IpExt", name);
    let packets = ["InNoECTPkts", "InECT1Pkts", "InECT0Pkts", "InCEPkts"].map(of);
    (of("InOctets"), packets.iter().sum())
}

/// How much comes is known only afterwards: a receiver that is slow to run is sent its last packet once more, as a tail
/// loss probe.
#[test]
fn a_stream_is_counted_with_its_headers_as_the_kernel_counts_it() {
    const LEN: usize = 1 << 20;
    let Some((mut loaded, cgroup)) = start("stream") else {
        return;
    };
    let Some(network) = Network::new("stream") else { return };
    let mut client = network.within(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let read = format!("bash -c 'exec cat < /dev/tcp/127.0.0.1/{port} > /dev/null'");
        let client = cgroup.spawn(&network.script(&read));
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&vec![1; LEN]).unwrap();
        client
    });
    client.0.wait().unwrap();

    let deadline = Instant::now() + Duration::from_secs(5);
    let mut total = [0; 4];
    loop {
        let ours = within(&rises(&mut loaded), cgroup.id());
        let signals = [BYTES_SENT, BYTES_RECEIVED, PACKETS_SENT, PACKETS_RECEIVED];
        for (place, signal) in total.iter_mut().zip(signals) {
            *place += count(&ours, &signal);
        }
        let (bytes, packets) = books(&network);
        // The last packets may still be under way when the client is gone.
        if (total[0] + total[1], total[2] + total[3]) == (bytes, packets) {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "{total:?} of {bytes} bytes, {packets} packets"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let [sent, received, _, packets] = total;
    assert!(received > LEN as u64 && packets >= 16, "at most 64 KiB each: {total:?}");
    assert!(sent < 64 << 10, "{total:?}");
}

/// The last gauge that is told within two epochs, once the flows are there.
fn gauge_of(loaded: &mut Loaded, cgroup: u64) -> Option<f64> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        for sighting in within(&rises(loaded), cgroup) {
            if let (true, Body::Gauge(flows)) = (sighting.signal == ACTIVE_FLOWS, sighting.body) {
                return Some(flows);
            }
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    None
}

#[test]
fn peers_are_counted_once_an_epoch_and_then_no_more() {
    let Some((mut loaded, cgroup)) = start("peers") else {
        return;
    };
    let receivers: Vec<_> = (0..3).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let epoch = |loaded: &mut Loaded| gauge_of(loaded, cgroup.id());
    // Within an epoch, however the test begins: 300 ms of 8.6 s are seldom cut, and then the second try is whole.
    let mut flows = None;
    for _ in 0..2 {
        for receiver in &receivers {
            send_datagrams(&cgroup, "127.0.0.1", receiver.local_addr().unwrap().port());
        }
        flows = epoch(&mut loaded);
        if flows == Some(3.0) {
            break;
        }
    }
    assert_eq!(flows, Some(3.0));
    assert_eq!(epoch(&mut loaded), Some(0.0));
}
