//! Retransmissions and resets that the table holds, compared with the kernel's own counters in network namespaces.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "tests; the shared module serves several of them"
)]

mod live;

use std::io::Read;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use correlator::{Body, Signal};
use live::cgroup::{Cgroup, rises, within};
use live::load;
use live::network::{Network, join};
use probes::Sighting;
use probes::tcp_retransmit::{PROBE, RESETS_RECEIVED, RESETS_SENT, RETRANSMITS};

fn total(rises: &[Sighting], signal: &Signal) -> u64 {
    let of_signal = rises.iter().filter(|rise| rise.signal == *signal);
    of_signal
        .map(|rise| match rise.body {
            Body::Count(count) => count,
            ref other => panic!("{other:?}"),
        })
        .sum()
}

/// Waits until the counter stands still for a while, and gives it.
fn settled(read: impl Fn() -> u64) -> u64 {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut last = read();
    loop {
        std::thread::sleep(Duration::from_millis(500));
        let now = read();
        if now == last || Instant::now() > deadline {
            return now;
        }
        last = now;
    }
}

/// Connects to the address and sends that many bytes.
fn sender(network: &Network, address: &str, bytes: usize) -> String {
    network.script(&format!(
        "perl -MIO::Socket::IP -e '$s = IO::Socket::IP->new(PeerHost => \"{address}\", PeerPort => 7001) or die;
         $s->print(\"x\" x {bytes}); close $s'"
    ))
}

/// A client, a router that forwards to a server through a bucket that overflows, and the server.
struct Line {
    client: Network,
    router: Network,
    server: Network,
}

impl Line {
    fn new(test: &str) -> Option<Self> {
        let of = |part: &str| Network::new(&format!("{test}-{part}"));
        let (client, router, server) = (of("c")?, of("r")?, of("s")?);
        router.set("ipv4/ip_forward", "1");
        router.set("ipv6/conf/all/forwarding", "1");
        for (end, name, far, net) in [(&client, "tapio0", "tapio0", 1), (&server, "tapio0", "tapio1", 2)] {
            join(
                (end, name, &format!("10.77.{net}.1/24")),
                (&router, far, &format!("10.77.{net}.2/24")),
            );
            end.ip(&format!("addr add fd77:{net}::1/64 dev {name} nodad"));
            router.ip(&format!("addr add fd77:{net}::2/64 dev {far} nodad"));
            end.ip(&format!("route add default via 10.77.{net}.2"));
            end.ip(&format!("-6 route add default via fd77:{net}::2"));
        }
        // netem is rarely there; a bucket that holds four packets loses what comes in bursts.
        router.tc("qdisc add dev tapio1 root tbf rate 20mbit burst 3k limit 6k");
        Some(Self { client, router, server })
    }
}

fn matches_on_a_lossy_line(test: &str, address: &str) {
    const BYTES: usize = 2_000_000;
    let Some(mut loaded) = load(test, &PROBE) else { return };
    let (Some(line), Some(cgroup)) = (Line::new(test), Cgroup::new(test)) else {
        return;
    };
    let listener = line.server.within(|| TcpListener::bind((address, 7001)).unwrap());
    let reading = std::thread::spawn(move || {
        let mut taken = Vec::new();
        listener.accept().unwrap().0.read_to_end(&mut taken).unwrap();
        taken.len()
    });
    cgroup.run(&sender(&line.client, address, BYTES));
    assert_eq!(reading.join().unwrap(), BYTES);
    let counted = settled(|| line.client.counter("Tcp", "RetransSegs"));

    let ours = within(&rises(&mut loaded), cgroup.id());
    assert!(counted > 10, "the line lost next to nothing: {counted}");
    let seen = total(&ours, &RETRANSMITS);
    // Not always all: on the development kernel, programs miss what softirqs do while they interrupt one system task, though
    // tracefs shows it and the kernel counts no missed run. At most 1.3 % was missed.
    assert!(seen <= counted && counted - seen <= counted / 30, "{seen} of {counted}");
    assert_eq!(total(&ours, &RESETS_SENT), 0);
    assert!(loaded.take_losses().is_empty());
}

#[test]
fn retransmissions_on_a_lossy_line_are_as_many_as_the_kernel_counts() {
    matches_on_a_lossy_line("lossy4", "10.77.2.1");
}

#[test]
fn retransmissions_over_ipv6_are_as_many_as_the_kernel_counts() {
    matches_on_a_lossy_line("lossy6", "fd77:2::1");
}

#[test]
fn syns_that_are_sent_again_are_retransmissions_of_the_caller() {
    let test = "lossy-syn";
    let Some(mut loaded) = load(test, &PROBE) else { return };
    let (Some(near), Some(far), Some(cgroup)) = (
        Network::new("lossy-syn-n"),
        Network::new("lossy-syn-f"),
        Cgroup::new(test),
    ) else {
        return;
    };
    live::network::black_hole(&near, &far);
    near.set("ipv4/tcp_syn_retries", "1");
    cgroup.run(&sender(&near, "10.78.0.9", 1));
    let ours = within(&rises(&mut loaded), cgroup.id());
    let counted = near.counter("Tcp", "RetransSegs");
    assert!(counted > 0);
    assert_eq!(total(&ours, &RETRANSMITS), counted);
}

#[test]
fn resets_belong_to_who_sends_and_who_receives_them() {
    const RESETS: u64 = 5;
    let test = "resets";
    let Some(mut loaded) = load(test, &PROBE) else { return };
    let (Some(network), Some(rude), Some(victim)) = (
        Network::new(test),
        Cgroup::new("resets-rude"),
        Cgroup::new("resets-victim"),
    ) else {
        return;
    };
    let mut server = victim.spawn_piped(&network.script(
        "perl -MIO::Socket::IP -e '$| = 1; $l = IO::Socket::IP->new(Listen => 9, LocalHost => \"127.0.0.1\",
         LocalPort => 7001) or die; print \"ready\\n\"; while ($s = $l->accept) { sysread($s, $b, 1) }'",
    ));
    assert_eq!(server.line(), "ready");
    // A socket that is closed with unread data, or lingers for no time, sends a reset.
    rude.run(&network.script(&format!(
        "perl -MIO::Socket::IP -MSocket -e 'for (1..{RESETS}) {{ $s = IO::Socket::IP->new(PeerHost => \"127.0.0.1\",
         PeerPort => 7001) or die; setsockopt($s, SOL_SOCKET, SO_LINGER, pack(\"ii\", 1, 0)); close $s }}'"
    )));
    // Nobody listens there: the answer is a reset that no socket sends.
    rude.run(
        &network.script(
            "perl -MIO::Socket::IP -e 'IO::Socket::IP->new(PeerHost => \"127.0.0.1\", PeerPort => 7002) and die'",
        ),
    );
    let seen = rises(&mut loaded);
    let (by_rude, by_victim, by_nobody) = (within(&seen, rude.id()), within(&seen, victim.id()), within(&seen, 0));
    assert_eq!(total(&by_rude, &RESETS_SENT), RESETS);
    assert_eq!(total(&by_rude, &RESETS_RECEIVED), 1, "the refused connect");
    assert_eq!(total(&by_victim, &RESETS_RECEIVED), RESETS);
    assert_eq!(total(&by_victim, &RESETS_SENT), 0);
    assert!(total(&by_nobody, &RESETS_SENT) >= 1);
    assert_eq!(network.counter("Tcp", "OutRsts"), RESETS + 1);
}
