//! Real loopback connects, seen by the kernel side.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "tests; the shared module serves several of them"
)]

mod live;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;

use correlator::{Body, Outcome, Peer};
use live::{cgroup_id, find, load, own_memory_cgroup};
use probes::{Loaded, Sighting};

/// Every probe sees every connect: tests that fill a ring come one after the other.
static FLOODS: Mutex<()> = Mutex::new(());

fn is_to(sighting: &Sighting, to: SocketAddr) -> bool {
    let wanted = Peer {
        address: to.ip(),
        port: to.port(),
    };
    matches!(&sighting.body, Body::Span { peer: Some(peer), .. } if *peer == wanted)
}

fn assert_ours(sighting: &Sighting) {
    assert_eq!(sighting.task.pid, std::process::id());
    let comm = std::fs::read_to_string("/proc/self/comm").unwrap();
    assert_eq!(&*sighting.task.comm, comm.trim_end());
    let memory = own_memory_cgroup();
    if memory.starts_with("/sys/fs/cgroup/memory") {
        assert_eq!(sighting.task.memory, cgroup_id(&memory));
    }
    assert_ne!(sighting.task.unified, 0);
}

fn sees_ok_and_refused(test: &str, address: IpAddr) {
    let Some(mut loaded) = load(test, &probes::tcp_connect::PROBE) else {
        return;
    };
    let Ok(listener) = TcpListener::bind((address, 0)) else {
        return live::skip(test, "this address family is off");
    };
    let to = listener.local_addr().unwrap();
    TcpStream::connect(to).unwrap();
    let good = find(&mut loaded, |sighting| is_to(sighting, to));
    drop(listener);
    TcpStream::connect(to).unwrap_err();
    let bad = find(&mut loaded, |sighting| is_to(sighting, to));

    for (sighting, wanted) in [(good, Outcome::Ok), (bad, Outcome::Refused)] {
        let Body::Span { took, outcome, .. } = sighting.body else {
            panic!("no span")
        };
        assert_eq!(outcome, wanted);
        assert!(took.as_nanos() > 0 && took.as_secs() < 1, "{took:?}");
        assert_ours(&sighting);
    }
}

#[test]
fn a_connect_over_ipv4_is_seen_ok_and_refused_with_its_owner() {
    sees_ok_and_refused("ipv4 connect", Ipv4Addr::LOCALHOST.into());
}

#[test]
fn a_connect_over_ipv6_is_seen_ok_and_refused_with_its_owner() {
    sees_ok_and_refused("ipv6 connect", Ipv6Addr::LOCALHOST.into());
}

#[test]
fn a_connect_of_an_ipv6_socket_to_a_mapped_address_is_seen_as_ipv4() {
    let Some(mut loaded) = load("mapped connect", &probes::tcp_connect::PROBE) else {
        return;
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let to = listener.local_addr().unwrap();
    let mapped = SocketAddr::from((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), to.port()));
    TcpStream::connect(mapped).unwrap();
    assert_ours(&find(&mut loaded, |sighting| is_to(sighting, to)));
}

#[test]
fn fault_7_what_a_full_ring_loses_is_counted_and_the_next_record_is_seen() {
    const SENT: u64 = 1000;
    let _alone = FLOODS.lock();
    let small = |kernel: &mut probes::Kernel| kernel.set_ring_len(64 << 10);
    let Some(mut loaded) = live::load_with("full ring", &probes::tcp_connect::PROBE, small) else {
        return;
    };
    let to = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap();
    for _ in 0..SENT {
        TcpStream::connect(to).unwrap_err();
    }
    let mut taken = 0;
    loaded.drain(usize::MAX, |_| taken += 1);
    let losses = loaded.take_losses();
    let lost = losses
        .iter()
        .find(|(reason, _)| reason == "ring full")
        .map_or(0, |(_, count)| *count);
    // Other programs connect too, so this may see more than was sent here.
    assert!(
        lost > 0 && taken > 0 && taken + lost >= SENT,
        "{taken} taken, {losses:?}"
    );
    assert!(loaded.take_losses().is_empty());

    TcpStream::connect(to).unwrap_err();
    find(&mut loaded, |sighting| is_to(sighting, to));
}

/// What came out of a ring that was not read while connects were made.
#[derive(Debug, Default)]
struct Flood {
    ok: u64,
    refused: u64,
    thinned: u64,
    lost: u64,
}

/// 600 good connects, which fill the ring to 80 %, then 20 refused ones.
fn flood(loaded: &mut Loaded, listener: &TcpListener, dead: SocketAddr) -> Flood {
    let good = listener.local_addr().unwrap();
    loaded.drain(usize::MAX, |_| ());
    loaded.take_losses();
    for _ in 0..600 {
        TcpStream::connect(good).unwrap();
        listener.accept().unwrap();
    }
    for _ in 0..20 {
        TcpStream::connect(dead).unwrap_err();
    }
    let mut flood = Flood::default();
    loaded.drain(usize::MAX, |sighting| {
        flood.ok += u64::from(is_to(&sighting, good));
        flood.refused += u64::from(is_to(&sighting, dead));
    });
    for (reason, count) in loaded.take_losses() {
        if reason.starts_with("good connect left out") {
            flood.thinned += count;
        } else {
            flood.lost += count;
        }
    }
    flood
}

#[test]
fn fault_7_good_connects_are_thinned_in_a_nearly_full_ring_and_failed_ones_are_not() {
    let _alone = FLOODS.lock();
    let small = |kernel: &mut probes::Kernel| kernel.set_ring_len(64 << 10);
    let Some(mut loaded) = live::load_with("thinned ring", &probes::tcp_connect::PROBE, small) else {
        return;
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let dead = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap();
    // Connects that other programs fail to make meanwhile can fill the ring for good; then it is done again.
    let mut floods = (0..10).map(|_| flood(&mut loaded, &listener, dead));
    let flood = floods.find(|flood| flood.lost == 0).unwrap();
    assert_eq!(flood.refused, 20, "{flood:?}");
    assert!(flood.thinned > 0 && flood.ok > 0, "{flood:?}");
    // Other programs connect too, so this may count more than were made here.
    assert!(flood.ok <= 600 && flood.ok + flood.thinned >= 600, "{flood:?}");
}
