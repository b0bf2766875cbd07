//! Connects that go wrong on the way, in network namespaces, seen by the kernel side.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "tests; the shared module serves several of them"
)]

mod live;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use correlator::{Body, Outcome, Peer};
use live::cgroup::Cgroup;
use live::load;
use live::network::{Network, black_hole, join};
use probes::tcp_connect::PROBE;
use probes::{Loaded, Sighting};

/// A connect that takes three seconds is waited for longer than others.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the connect ended that the cgroup made to there. Keeps what it sees, for the next question.
fn find_connect(
    loaded: &mut Loaded,
    seen: &mut Vec<Sighting>,
    cgroup: &Cgroup,
    to: &str,
) -> (Duration, Outcome, Sighting) {
    let to: SocketAddr = to.parse().unwrap();
    let wanted = Peer {
        address: to.ip(),
        port: to.port(),
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(
            Instant::now() < deadline,
            "not seen among {seen:#?}, lost {:?}",
            loaded.take_losses()
        );
        loaded.drain(1024, |sighting| seen.push(sighting));
        let ours = |sighting: &&Sighting| sighting.task.unified == cgroup.id();
        for sighting in seen.iter().filter(ours) {
            if let Body::Span { took, outcome, peer } = &sighting.body
                && *peer == Some(wanted.clone())
            {
                return (*took, *outcome, sighting.clone());
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Connects, and dies of it.
fn caller(network: &Network, host: &str) -> String {
    network.script(&format!(
        "perl -MIO::Socket::IP -e 'IO::Socket::IP->new(PeerHost => \"{host}\", PeerPort => 7001) and die'"
    ))
}

#[test]
fn a_connect_that_nobody_answers_times_out_and_keeps_its_owner() {
    let test = "connect-late";
    let Some(mut loaded) = load(test, &PROBE) else { return };
    let (Some(near), Some(far), Some(cgroup)) = (
        Network::new("connect-late-n"),
        Network::new("connect-late-f"),
        Cgroup::new(test),
    ) else {
        return;
    };
    black_hole(&near, &far);
    // Governs IPv6 too: the SYN is sent at 0 s and 1 s, and given up at 3 s.
    near.set("ipv4/tcp_syn_retries", "1");
    let callers = ["10.78.0.9", "fd78::9"].map(|host| cgroup.spawn(&caller(&near, host)));
    let mut seen = Vec::new();
    for (to, caller) in ["10.78.0.9:7001", "[fd78::9]:7001"].iter().zip(&callers) {
        let (took, outcome, sighting) = find_connect(&mut loaded, &mut seen, &cgroup, to);
        assert_eq!(outcome, Outcome::TimedOut, "{to}");
        assert!((1_500..8_000).contains(&took.as_millis()), "{took:?}");
        // The timer ran in anybody's context.
        assert_eq!((sighting.task.pid, &*sighting.task.comm), (caller.0.id(), "perl"));
    }
}

#[test]
fn a_connect_that_a_router_has_no_way_for_is_unreachable() {
    let test = "connect-nowhere";
    let Some(mut loaded) = load(test, &PROBE) else { return };
    let (Some(near), Some(router), Some(cgroup)) = (
        Network::new("connect-nowhere-n"),
        Network::new("connect-nowhere-r"),
        Cgroup::new(test),
    ) else {
        return;
    };
    join((&near, "tapio0", "10.78.0.1/24"), (&router, "tapio0", "10.78.0.2/24"));
    router.set("ipv4/ip_forward", "1");
    router.set("ipv6/conf/all/forwarding", "1");
    near.ip("addr add fd78::1/64 dev tapio0 nodad");
    router.ip("addr add fd78::2/64 dev tapio0 nodad");
    near.ip("route add default via 10.78.0.2");
    near.ip("-6 route add default via fd78::2");
    router.ip("route add unreachable 10.79.0.0/24");
    router.ip("-6 route add unreachable fd79::/64");
    let mut seen = Vec::new();
    for (host, to) in [("10.79.0.1", "10.79.0.1:7001"), ("fd79::1", "[fd79::1]:7001")] {
        cgroup.run(&caller(&near, host));
        let (took, outcome, _) = find_connect(&mut loaded, &mut seen, &cgroup, to);
        assert_eq!(outcome, Outcome::Unreachable, "{to}");
        // The first answer comes while connect() still holds the socket and is not heeded; the SYN is sent again after 1 s.
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}

#[test]
fn a_connect_that_the_caller_gives_up_is_aborted() {
    let test = "connect-aborted";
    let Some(mut loaded) = load(test, &PROBE) else { return };
    let (Some(near), Some(far), Some(cgroup)) = (
        Network::new("connect-aborted-n"),
        Network::new("connect-aborted-f"),
        Cgroup::new(test),
    ) else {
        return;
    };
    black_hole(&near, &far);
    cgroup.run(&near.script(
        "perl -MIO::Socket::IP -e '$s = IO::Socket::IP->new(PeerHost => \"10.78.0.9\", PeerPort => 7001,
         Blocking => 0) or die; select(undef, undef, undef, 0.05); close $s'",
    ));
    let (took, outcome, _) = find_connect(&mut loaded, &mut Vec::new(), &cgroup, "10.78.0.9:7001");
    assert_eq!(outcome, Outcome::Aborted);
    assert!((50..1_000).contains(&took.as_millis()), "{took:?}");
}

#[test]
fn a_process_that_is_gone_at_once_is_seen_by_its_cgroup() {
    let test = "connect-gone";
    let (Some(mut loaded), Some(cgroup)) = (load(test, &PROBE), Cgroup::new(test)) else {
        return;
    };
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    // A shell forks for the redirection alone: the process does nothing else.
    cgroup.run(&format!("exec bash -c '(: < /dev/tcp/127.0.0.1/{port}) 2> /dev/null'"));
    let (_, outcome, sighting) = find_connect(&mut loaded, &mut Vec::new(), &cgroup, &format!("127.0.0.1:{port}"));
    assert_eq!((outcome, &*sighting.task.comm), (Outcome::Refused, "bash"));
    assert!(!std::path::Path::new(&format!("/proc/{}", sighting.task.pid)).exists());
}
