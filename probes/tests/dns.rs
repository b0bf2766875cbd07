//! Real DNS queries in networks of ours, to dnsmasq and to servers that misbehave, as the kernel side sees them.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "tests; the shared module serves several of them"
)]

mod live;

use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use correlator::{Body, DnsAnswer, Fact, Outcome, Transport};
use live::cgroup::{Cgroup, rises};
use live::dns::{Dnsmasq, Server, in_network, query, reply};
use live::{load, own_memory_cgroup};
use probes::dns::{ANSWER, PROBE, QUERY};
use probes::{Loaded, Sighting};

const A: u16 = 1;
const TXT: u16 = 16;
/// Why a test with `dig` is skipped.
const NO_DIG: &str = "dig is not installed";

/// A socket of ours and a server of ours that answers as `answer` says, and the probe.
struct Scene {
    loaded: Loaded,
    /// Drained, but not asked for yet.
    unseen: Vec<Sighting>,
    socket: UdpSocket,
    at: SocketAddr,
    _server: Server,
}

/// Each test has an address of its own, as the probe sees those that run at the same time too.
fn scene(
    test: &str,
    address: &str,
    answer: impl Fn(&[u8]) -> Vec<(Duration, Vec<u8>)> + Send + 'static,
) -> Option<Scene> {
    scene_with(test, address, answer, |_| ())
}

/// As [`scene`], after `prepare`.
fn scene_with(
    test: &str,
    address: &str,
    answer: impl Fn(&[u8]) -> Vec<(Duration, Vec<u8>)> + Send + 'static,
    prepare: impl Fn(&mut probes::Kernel),
) -> Option<Scene> {
    let at = SocketAddr::new(address.parse().unwrap(), 53);
    Some(Scene {
        loaded: live::load_with(test, &PROBE, prepare)?,
        unseen: Vec::new(),
        socket: UdpSocket::bind((if at.is_ipv4() { "0.0.0.0" } else { "::" }, 0)).unwrap(),
        at,
        _server: Server::start(at, answer),
    })
}

fn at_once(rcode: u8) -> impl Fn(&[u8]) -> Vec<(Duration, Vec<u8>)> + Send + 'static {
    move |query| vec![(Duration::ZERO, reply(query, rcode))]
}

impl Scene {
    fn ask(&self, id: u16, name: &str) {
        self.socket.send_to(&query(id, name, A), self.at).unwrap();
    }

    fn receive(&self) {
        self.socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        self.socket.recv_from(&mut [0; 4096]).unwrap();
    }

    fn is_ours(&self, sighting: &Sighting) -> bool {
        sighting.task.pid == std::process::id() && server_of(sighting) == Some(self.at)
    }

    /// The next span of this scene.
    fn span(&mut self) -> (Sighting, Duration, Outcome) {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let next = self
                .unseen
                .iter()
                .position(|sighting| sighting.signal == QUERY && self.is_ours(sighting));
            if let Some(place) = next {
                let sighting = self.unseen.remove(place);
                let [(took, outcome)] = spans(std::slice::from_ref(&sighting))[..] else {
                    panic!("{sighting:?}")
                };
                return (sighting, took, outcome);
            }
            assert!(Instant::now() < deadline, "{:#?}", self.unseen);
            self.loaded.drain(usize::MAX, |sighting| self.unseen.push(sighting));
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn server_of(sighting: &Sighting) -> Option<SocketAddr> {
    let peer = match &sighting.body {
        Body::Span { peer, .. } => peer.as_ref()?,
        Body::Fact(Fact::Dns(answer)) => &answer.resolver,
        _ => return None,
    };
    Some(SocketAddr::new(peer.address, peer.port))
}

fn answer_of(sighting: &Sighting) -> DnsAnswer {
    match &sighting.body {
        Body::Fact(Fact::Dns(answer)) if sighting.signal == ANSWER => (**answer).clone(),
        other => panic!("{other:?}"),
    }
}

/// All that is told of a cgroup until there is a count of answers, or of timeouts, for it.
fn watch_cgroup(loaded: &mut Loaded, cgroup: u64) -> Vec<Sighting> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut seen: Vec<Sighting> = Vec::new();
    let is_end = |sighting: &Sighting| {
        let name = sighting.signal.name();
        name.starts_with("dns.responses") || name == "dns.timeouts"
    };
    while !seen.iter().any(is_end) {
        assert!(Instant::now() < deadline, "{seen:#?}");
        std::thread::sleep(Duration::from_millis(10));
        loaded.drain(usize::MAX, |sighting| seen.push(sighting));
        seen.extend(rises(loaded));
        seen.retain(|sighting| sighting.task.unified == cgroup);
    }
    seen
}

fn count(seen: &[Sighting], signal: &str) -> u64 {
    let counts = seen.iter().filter(|sighting| sighting.signal.name() == signal);
    counts
        .map(|sighting| match sighting.body {
            Body::Count(count) => count,
            _ => panic!("{sighting:?}"),
        })
        .sum()
}

fn spans(seen: &[Sighting]) -> Vec<(Duration, Outcome)> {
    let span = |sighting: &Sighting| match sighting.body {
        Body::Span { took, outcome, .. } => Some((took, outcome)),
        _ => None,
    };
    seen.iter().filter_map(span).collect()
}

/// `dig` with these arguments in a cgroup of its own, which asks dnsmasq; and what is told of it.
fn dig(test: &str, arguments: &str) -> Option<Vec<Sighting>> {
    let mut loaded = load(test, &PROBE)?;
    let dnsmasq = Dnsmasq::start(test)?;
    if Command::new("dig").arg("-v").stderr(Stdio::null()).status().is_err() {
        live::skip(test, NO_DIG);
        return None;
    }
    let cgroup = Cgroup::new(&format!("dig-{test}"))?;
    cgroup.run(&format!("exec dig +tries=1 {arguments} > /dev/null"));
    let seen = watch_cgroup(&mut loaded, cgroup.id());
    assert!(seen.iter().all(|sighting| sighting.task.pid != dnsmasq.pid()));
    Some(seen)
}

fn dig_in_network(test: &str, arguments: &str, check: impl FnOnce(Vec<Sighting>) + Send) {
    in_network(test, || {
        if let Some(seen) = dig(test, arguments) {
            check(seen);
        }
    });
}

fn assert_answered_once(seen: &[Sighting], kind: &str, code: &str) -> Duration {
    assert_eq!(count(seen, &format!("dns.queries:{kind}")), 1, "{seen:#?}");
    assert_eq!(count(seen, &format!("dns.responses:{code}")), 1, "{seen:#?}");
    let [(took, outcome)] = spans(seen)[..] else {
        panic!("{seen:#?}")
    };
    assert_eq!(outcome == Outcome::Ok, code == "NOERROR");
    assert!(took > Duration::ZERO && took < Duration::from_secs(2), "{took:?}");
    took
}

#[test]
fn an_answer_is_seen_once_by_who_asked_for_an_ipv4_address() {
    dig_in_network("a", "@127.0.0.1 present.test A", |seen| {
        assert_answered_once(&seen, "A", "NOERROR");
        assert!(seen.iter().all(|sighting| &*sighting.task.comm == "dig"));
    });
}

#[test]
fn an_answer_over_ipv6_is_seen_for_an_ipv6_address() {
    dig_in_network("aaaa", "@::1 present.test AAAA", |seen| {
        assert_answered_once(&seen, "AAAA", "NOERROR");
        let server = seen.iter().find_map(server_of).unwrap();
        assert_eq!(server.to_string(), "[::1]:53");
    });
}

#[test]
fn an_answer_over_tcp_is_seen() {
    dig_in_network("tcp", "+tcp @127.0.0.1 gone.test A", |seen| {
        assert_answered_once(&seen, "A", "NXDOMAIN");
        let fact = seen.iter().find(|sighting| sighting.signal == ANSWER).map(answer_of);
        assert_eq!(fact.unwrap().transport, Transport::Tcp);
    });
}

#[test]
fn an_answer_over_tcp_and_ipv6_is_seen() {
    dig_in_network("tcp6", "+tcp @::1 present.test AAAA", |seen| {
        assert_answered_once(&seen, "AAAA", "NOERROR");
    });
}

#[test]
fn a_name_that_does_not_exist_is_a_fact_with_its_name() {
    dig_in_network("nxdomain", "@127.0.0.1 api.gone.test A", |seen| {
        assert_answered_once(&seen, "A", "NXDOMAIN");
        let fact = seen
            .iter()
            .find(|sighting| sighting.signal == ANSWER)
            .map(answer_of)
            .unwrap();
        assert_eq!(
            (&*fact.name, &*fact.qtype, fact.rcode.as_deref()),
            ("api.gone.test", "A", Some("NXDOMAIN"))
        );
    });
}

#[test]
fn a_refusal_is_seen() {
    dig_in_network("refused", "@127.0.0.1 elsewhere.example A", |seen| {
        assert_answered_once(&seen, "A", "REFUSED");
        assert_eq!(spans(&seen)[0].1, Outcome::Denied);
    });
}

#[test]
fn a_server_that_cannot_reach_its_own_is_a_timeout_of_who_asked_even_if_that_gave_up_before() {
    dig_in_network("dead", "+time=1 @127.0.0.1 x.dead.test A", |seen| {
        let [(took, outcome)] = spans(&seen)[..] else {
            panic!("{seen:#?}")
        };
        assert_eq!(outcome, Outcome::TimedOut);
        assert!(took >= Duration::from_secs(5), "{took:?}");
        let fact = seen
            .iter()
            .find(|sighting| sighting.signal == ANSWER)
            .map(answer_of)
            .unwrap();
        assert_eq!((&*fact.name, fact.rcode), ("x.dead.test", None));
    });
}

#[path = "dns/sockets.rs"]
mod sockets;
