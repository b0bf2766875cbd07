//! Sockets of every kind, and what servers may do to them.

use std::fmt::Write as _;

use super::live::find;
use super::*;

fn sees_answer(test: &str, address: &str, connected: bool) {
    in_network(test, || {
        let Some(mut scene) = scene(test, address, at_once(2)) else {
            return;
        };
        let message = query(1, "db.test", A);
        if connected {
            scene.socket.connect(scene.at).unwrap();
            scene.socket.send(&message).unwrap();
        } else {
            scene.socket.send_to(&message, scene.at).unwrap();
        }
        scene.receive();
        let (sighting, took, outcome) = scene.span();
        assert_eq!(outcome, Outcome::ServerFailed);
        assert!(took > Duration::ZERO && took < Duration::from_secs(1), "{took:?}");
        let memory = own_memory_cgroup();
        if memory.starts_with("/sys/fs/cgroup/memory") {
            assert_eq!(sighting.task.memory, live::cgroup_id(&memory));
        }
    });
}

#[test]
fn a_server_failure_to_a_connected_ipv4_socket_is_seen() {
    sees_answer("connected ipv4", "127.0.53.1", true);
}

#[test]
fn a_server_failure_to_an_unconnected_ipv4_socket_is_seen() {
    sees_answer("unconnected ipv4", "127.0.53.2", false);
}

#[test]
fn a_server_failure_to_an_ipv6_socket_is_seen_connected_or_not() {
    sees_answer("connected ipv6", "::1", true);
    sees_answer("unconnected ipv6", "::1", false);
}

#[test]
fn an_ipv6_socket_that_asks_a_mapped_address_is_seen_as_ipv4() {
    in_network("mapped", || {
        let Some(mut scene) = scene("mapped", "127.0.53.3", at_once(5)) else {
            return;
        };
        scene.socket = UdpSocket::bind("[::]:0").unwrap();
        let to = "[::ffff:127.0.53.3]:53";
        scene.socket.send_to(&query(1, "db.test", A), to).unwrap();
        scene.receive();
        assert_eq!(scene.span().2, Outcome::Denied);
    });
}

#[test]
fn a_delayed_answer_took_as_long_as_it_was_delayed() {
    let delay = Duration::from_millis(120);
    in_network("delayed", || {
        let answer = move |query: &[u8]| vec![(delay, reply(query, 0))];
        let Some(mut scene) = scene("delayed", "127.0.53.4", answer) else {
            return;
        };
        scene.ask(1, "db.test");
        scene.receive();
        let (_, took, outcome) = scene.span();
        assert_eq!(outcome, Outcome::Ok);
        assert!(took >= delay && took < delay * 4, "{took:?}");
    });
}

#[test]
fn fault_5_a_late_answer_after_the_timeout_is_ignored_and_the_id_can_be_used_again() {
    in_network("late", || {
        // The first answer comes too late, the second at once.
        let first = std::sync::atomic::AtomicBool::new(true);
        let answer = move |query: &[u8]| {
            let is_first = first.swap(false, std::sync::atomic::Ordering::Relaxed);
            let delay = Duration::from_millis(if is_first { 5_300 } else { 0 });
            vec![(delay, reply(query, 0))]
        };
        let Some(mut scene) = scene("late", "127.0.53.5", answer) else {
            return;
        };
        scene.ask(1, "db.test");
        std::thread::sleep(Duration::from_millis(5_150));
        let mut seen = rises_after_drain(&mut scene.loaded);
        scene.socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        scene.receive();
        seen.extend(rises_after_drain(&mut scene.loaded));
        let ours = |sighting: &&Sighting| scene.is_ours(sighting) && sighting.signal == QUERY;
        assert_eq!(
            spans(&seen.iter().filter(ours).cloned().collect::<Vec<_>>())[0].1,
            Outcome::TimedOut
        );
        assert_eq!(seen.iter().filter(ours).count(), 1);
        assert!(
            seen.iter()
                .any(|sighting| sighting.signal.name() == "dns.responses_late")
        );

        scene.ask(1, "db.test");
        scene.receive();
        let (_, took, outcome) = scene.span();
        assert_eq!(outcome, Outcome::Ok);
        assert!(took < Duration::from_secs(1), "{took:?}");
    });
}

fn rises_after_drain(loaded: &mut Loaded) -> Vec<Sighting> {
    let mut seen = Vec::new();
    loaded.drain(usize::MAX, |sighting| seen.push(sighting));
    seen.extend(rises(loaded));
    seen
}

#[test]
fn fault_5_a_retry_waits_with_the_first_and_the_second_answer_is_ignored() {
    in_network("retry", || {
        // Answers the second query, twice.
        let asked = std::sync::atomic::AtomicU32::new(0);
        let answer = move |query: &[u8]| match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => vec![],
            _ => vec![(Duration::ZERO, reply(query, 0)); 2],
        };
        let Some(mut scene) = scene("retry", "127.0.53.6", answer) else {
            return;
        };
        // Answers to nothing are counted only when the query cannot have been sent before the probe looked.
        rises_after_drain(&mut scene.loaded);
        std::thread::sleep(Duration::from_millis(5_050));
        scene.ask(1, "db.test");
        std::thread::sleep(Duration::from_millis(60));
        scene.ask(1, "db.test");
        scene.receive();
        scene.receive();
        let seen = rises_after_drain(&mut scene.loaded);
        let ours: Vec<_> = seen
            .iter()
            .filter(|sighting| scene.is_ours(sighting))
            .cloned()
            .collect();
        let [(took, Outcome::Ok)] = spans(&ours)[..] else {
            panic!("{ours:#?}")
        };
        assert!(took >= Duration::from_millis(60), "{took:?}");
        for signal in ["dns.retries", "dns.responses_unmatched"] {
            assert!(seen.iter().any(|sighting| sighting.signal.name() == signal), "{signal}");
        }
    });
}

#[test]
fn fault_5_two_questions_with_one_id_are_told_apart() {
    in_network("one id", || {
        // Answers `b`, and `a` when it has both.
        let answer = |asked: &[u8]| match asked[13] {
            b'b' => vec![
                (Duration::ZERO, reply(asked, 0)),
                (Duration::from_millis(50), reply(&query(9, "a", A), 3)),
            ],
            _ => vec![],
        };
        let Some(mut scene) = scene("one id", "127.0.53.7", answer) else {
            return;
        };
        scene.ask(9, "a");
        std::thread::sleep(Duration::from_millis(40));
        scene.ask(9, "B");
        scene.ask(9, "b");
        scene.receive();
        let (_, took, outcome) = scene.span();
        assert_eq!(outcome, Outcome::Ok);
        assert!(took < Duration::from_millis(40), "{took:?}");
        let (_, took, outcome) = scene.span();
        assert_eq!(outcome, Outcome::NameMissing);
        assert!(took >= Duration::from_millis(90), "{took:?}");
    });
}

#[test]
fn an_answer_of_more_than_512_bytes_is_seen_and_names_what_was_asked_for() {
    in_network("long", || {
        let long = |query: &[u8]| {
            let mut reply = reply(query, 3);
            reply.resize(1_400, 0);
            vec![(Duration::ZERO, reply)]
        };
        let Some(mut scene) = scene("long", "127.0.53.8", long) else {
            return;
        };
        let name = "long-".repeat(12).replace('-', ".") + "test";
        scene.socket.send_to(&query(1, &name, TXT), scene.at).unwrap();
        scene.receive();
        let (at, pid) = (scene.at, std::process::id());
        let sighting = find(&mut scene.loaded, |sighting| {
            sighting.signal == ANSWER && sighting.task.pid == pid && server_of(sighting) == Some(at)
        });
        assert_eq!(*answer_of(&sighting).name, name);
    });
}

#[test]
fn fault_10_a_query_of_a_process_that_is_gone_at_once_has_its_owner() {
    in_network("gone", || {
        let test = "gone at once";
        let Some(mut scene) = scene(test, "127.0.53.9", |_| vec![]) else {
            return;
        };
        let Some(cgroup) = Cgroup::new("dns-gone") else { return };
        let mut escaped = String::new();
        for byte in query(1, "gone.at.once", A) {
            write!(escaped, "\\x{byte:02x}").unwrap();
        }
        // The socket of the shell is closed when printf has returned.
        cgroup.run(&format!("exec bash -c \"printf '{escaped}' > /dev/udp/127.0.53.9/53\""));
        let seen = watch_cgroup(&mut scene.loaded, cgroup.id());
        assert_eq!((count(&seen, "dns.queries:A"), count(&seen, "dns.timeouts")), (1, 1));
        let fact = seen.iter().find(|sighting| sighting.signal == ANSWER).unwrap();
        assert_eq!(*answer_of(fact).name, *"gone.at.once");
        assert_eq!(&*fact.task.comm, "bash");
    });
}

#[test]
fn on_a_hybrid_host_the_memory_cgroup_of_who_asks_is_told() {
    in_network("memory cgroup", || {
        let parent = own_memory_cgroup();
        if !parent.starts_with("/sys/fs/cgroup/memory") {
            return live::skip("memory cgroup", "memory is on v2 here");
        }
        let Some(mut scene) = scene("memory cgroup", "127.0.53.10", at_once(0)) else {
            return;
        };
        let child = parent.join(format!("tapio-dns-{}", std::process::id()));
        std::fs::create_dir(&child).unwrap();
        let id = live::cgroup_id(&child);
        let script = format!(
            "echo $$ > {}/cgroup.procs; exec dig +tries=1 @127.0.53.10 db.test",
            child.display()
        );
        let status = Command::new("sh").args(["-c", &script]).stdout(Stdio::null()).status();
        std::fs::remove_dir(&child).unwrap();
        if !status.unwrap().success() {
            return live::skip("memory cgroup", NO_DIG);
        }
        let sighting = find(&mut scene.loaded, |sighting| {
            sighting.signal == QUERY && sighting.task.memory == id
        });
        assert_eq!(&*sighting.task.comm, "dig");
    });
}

#[test]
fn a_server_behind_nat_in_the_same_network_is_seen_at_the_address_that_was_asked() {
    in_network("nat", || {
        // As Docker does for its own server: another port, and the answer put back to 53.
        let rules = "table ip t { \
            chain o { type nat hook output priority -100; ip daddr 127.0.53.11 udp dport 53 dnat to 127.0.53.11:5311; }; }";
        let status = Command::new("nft").arg(rules).stderr(Stdio::null()).status();
        if !status.is_ok_and(|status| status.success()) {
            return live::skip("nat", "nft is not installed or this kernel has no NAT");
        }
        let Some(mut loaded) = load("nat", &PROBE) else { return };
        let _server = Server::start("127.0.53.11:5311".parse().unwrap(), at_once(3));
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.connect("127.0.53.11:53").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket.send(&query(1, "db.test", A)).unwrap();
        socket.recv(&mut [0; 512]).unwrap();
        let asked = "127.0.53.11:53".parse().unwrap();
        let sighting = find(&mut loaded, |sighting| {
            sighting.signal == QUERY && sighting.task.pid == std::process::id() && server_of(sighting) == Some(asked)
        });
        assert!(matches!(
            sighting.body,
            Body::Span {
                outcome: Outcome::NameMissing,
                ..
            }
        ));
    });
}

#[test]
fn what_is_no_dns_passes_and_says_nothing() {
    in_network("no dns", || {
        let echo = |message: &[u8]| vec![(Duration::ZERO, message.to_vec())];
        let Some(mut scene) = scene("no dns", "127.0.53.12", echo) else {
            return;
        };
        for message in [&b""[..], b"x", &[0xff; 11], &[0xff; 600], &[0x00; 1400]] {
            scene.socket.send_to(message, scene.at).unwrap();
            scene.receive();
        }
        let seen = rises_after_drain(&mut scene.loaded);
        let ours = seen.iter().filter(|sighting| scene.is_ours(sighting));
        assert_eq!(ours.count(), 0, "{seen:#?}");
    });
}

#[test]
fn fault_7_an_answer_that_finds_the_ring_full_is_counted_and_its_query_does_not_time_out() {
    const SENT: u16 = 40;
    in_network("full ring", || {
        // All are answered when all were sent, and by then the queries have filled the ring.
        let waiting = std::sync::Mutex::new(Vec::new());
        let answer = move |query: &[u8]| {
            let mut waiting = waiting.lock().unwrap();
            waiting.push((Duration::ZERO, reply(query, 3)));
            if waiting.len() == usize::from(SENT) {
                return std::mem::take(&mut *waiting);
            }
            vec![]
        };
        let small = |kernel: &mut probes::Kernel| kernel.set_ring_len(8 << 10);
        let Some(mut scene) = scene_with("full ring", "127.0.53.13", answer, small) else {
            return;
        };
        for id in 0..SENT {
            scene.ask(id, "db.test");
        }
        for _ in 0..SENT {
            scene.receive();
        }
        let lost = |scene: &mut Scene, reason: &str| {
            let losses = scene.loaded.take_losses();
            losses
                .iter()
                .find(|(lost, _)| lost == reason)
                .map_or(0, |(_, count)| *count)
        };
        let before = rises_after_drain(&mut scene.loaded);
        let taken = before.iter().filter(|sighting| scene.is_ours(sighting)).count();
        assert!(
            lost(&mut scene, "ring full") >= u64::from(SENT) && taken < SENT.into(),
            "{before:#?}"
        );
        std::thread::sleep(Duration::from_millis(5_200));
        let seen = rises_after_drain(&mut scene.loaded);
        assert_eq!(
            seen.iter().filter(|sighting| scene.is_ours(sighting)).count(),
            0,
            "{seen:#?}"
        );
        assert!(lost(&mut scene, "end of a query not seen") > 0);
    });
}
