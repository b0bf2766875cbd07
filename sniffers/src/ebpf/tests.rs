//! The sniffer on this kernel, and on what is no kernel for it.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use correlator::{Body, Event, Fact, Outcome, Peer, signals};
use pidmap::{PidMap, Roots};
use probes::{Hook, Profile, Program};
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::sniffer::EventSender;

/// A probe whose hook no kernel has.
static LOST_CAUSE: Probe = Probe {
    name: "lost_cause",
    profile: Profile::Minimal,
    watches: "nothing",
    object: probes::tcp_connect::PROBE.object,
    programs: &[Program {
        name: "tcp_connect",
        hook: Hook::Tracepoint("tapio_has_no_such_hook"),
    }],
    losses: &[],
    tables: &[],
    sample_len: 0,
    decode: probes::tcp_connect::PROBE.decode,
    reader: None,
};

fn context() -> (Context, Receiver<Event>) {
    let roots = Roots {
        proc: "/proc".into(),
        cgroup: "/sys/fs/cgroup".into(),
    };
    let (events, receiver) = EventSender::bounded(4096);
    let pods = Arc::new(PidMap::new(roots, 1 << 20));
    let stop = CancellationToken::new();
    (Context { events, pods, stop }, receiver)
}

fn may_load(test: &str) -> bool {
    if nix::unistd::Uid::effective().is_root() {
        return true;
    }
    fixtures::skipped(test, "needs root");
    false
}

/// The next event that `is_it` accepts, within five seconds.
async fn next(receiver: &mut Receiver<Event>, is_it: impl Fn(&Event) -> bool) -> Event {
    let wanted = async {
        loop {
            let event = receiver.recv().await.unwrap();
            if is_it(&event) {
                return event;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), wanted).await.unwrap()
}

#[tokio::test]
async fn a_refused_connect_becomes_an_event_and_stop_ends_the_sniffer() {
    if !may_load("refused connect event") {
        return;
    }
    let (cx, mut receiver) = context();
    let stop = cx.stop.clone();
    let running = tokio::spawn(async move { EbpfSniffer::new(SAMPLE_EVERY).run(&cx).await });

    let address = Ipv4Addr::LOCALHOST;
    let port = TcpListener::bind((address, 0)).unwrap().local_addr().unwrap().port();
    let peer = Peer {
        address: address.into(),
        port,
    };
    let to_peer = |event: &Event| matches!(&event.body, Body::Span { peer: Some(to), .. } if *to == peer);
    // The probes need a moment to attach, so the port is knocked at until they saw it.
    let knocking = tokio::task::spawn_blocking({
        let stop = stop.clone();
        move || {
            while !stop.is_cancelled() {
                let _ = TcpStream::connect((address, port));
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    });
    let before = clock::now();
    let event = next(&mut receiver, to_peer).await;
    assert_eq!(event.signal, signals::TCP_CONNECT);
    assert!(matches!(
        event.body,
        Body::Span {
            outcome: Outcome::Refused,
            ..
        }
    ));
    assert!(event.at >= before && event.at <= clock::now(), "{}", event.at);

    stop.cancel();
    knocking.await.unwrap();
    running.await.unwrap().unwrap();
}

#[test]
fn fault_16_a_probe_that_fails_leaves_the_others_at_work_and_says_so() {
    if !may_load("failed probe") {
        return;
    }
    let loading = load(&[&LOST_CAUSE, &probes::memory::PROBE], None).unwrap();
    assert_eq!(loading.loaded.len(), 1);

    let (cx, mut receiver) = context();
    EbpfSniffer::new(SAMPLE_EVERY).tell(&cx, &loading);
    let Body::Fact(Fact::Blind(gap)) = receiver.try_recv().unwrap().body else {
        panic!("no gap")
    };
    assert_eq!((&*gap.source, &*gap.what), ("ebpf/lost_cause", "nothing"));
    assert!(gap.why.contains("tp_btf/tapio_has_no_such_hook"), "{}", gap.why);
    assert!(receiver.try_recv().is_err());
}

#[test]
fn fault_15_no_probe_at_all_is_an_error_that_says_what_to_do() {
    if !may_load("no probe") {
        return;
    }
    let Err(SniffError::Unavailable { why, fix }) = load(&[&LOST_CAUSE], None) else {
        panic!("loaded")
    };
    assert!(
        why.contains("tapio_has_no_such_hook") && !fix.is_empty(),
        "{why}; {fix}"
    );
}

#[test]
fn a_probe_that_loads_after_all_closes_its_gap() {
    if !may_load("closed gap") {
        return;
    }
    let (cx, mut receiver) = context();
    let mut sniffer = EbpfSniffer::new(SAMPLE_EVERY);
    sniffer.blind.insert("memory");
    let loading = load(&[&probes::memory::PROBE], None).unwrap();
    sniffer.tell(&cx, &loading);
    let body = receiver.try_recv().unwrap().body;
    assert_eq!(
        body,
        Body::Fact(Fact::Sighted {
            source: "ebpf/memory".into()
        })
    );
}
