//! Bytes, times and accepts that the tables hold, compared with what was sent.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "tests; the shared module serves several of them"
)]

mod live;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use correlator::{Body, Signal};
use live::cgroup::{Cgroup, rises, within};
use live::load;
use probes::tcp_traffic::{ACCEPTS, BYTES_RECEIVED, BYTES_SENT, CONNECTION_DURATION, PROBE, RTT};
use probes::{Loaded, Sighting};

const UP: u64 = 1_000_003;
const DOWN: u64 = 4_567;

/// What a cgroup's tables rose, added up.
#[derive(Debug, Default, PartialEq, Clone, Copy)]
struct Sum {
    sent: u64,
    received: u64,
    accepts: u64,
    rtts: u64,
    durations: u64,
    lived_ns: u64,
}

impl Sum {
    fn add(&mut self, rises: &[Sighting]) {
        for rise in rises {
            match &rise.body {
                Body::Count(count) => *self.place(&rise.signal) += count,
                Body::Histogram(histogram) => {
                    *self.place(&rise.signal) += histogram.counts.iter().sum::<u64>();
                    if rise.signal == CONNECTION_DURATION {
                        self.lived_ns += histogram.sum_ns;
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn place(&mut self, signal: &Signal) -> &mut u64 {
        let places = [
            (BYTES_SENT, &mut self.sent),
            (BYTES_RECEIVED, &mut self.received),
            (ACCEPTS, &mut self.accepts),
            (RTT, &mut self.rtts),
            (CONNECTION_DURATION, &mut self.durations),
        ];
        let mut places = places.into_iter();
        places.find(|(name, _)| name == signal).unwrap().1
    }

    /// Goes on reading until it is as wanted, and then for a while longer, in which nothing may come.
    fn read_until(&mut self, loaded: &mut Loaded, cgroup: u64, is_it: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !is_it(self) {
            assert!(Instant::now() < deadline, "not seen: {self:?}");
            std::thread::sleep(Duration::from_millis(10));
            self.add(&ours(loaded, cgroup));
        }
        std::thread::sleep(Duration::from_millis(100));
        self.add(&ours(loaded, cgroup));
    }
}

/// What rose of the cgroup, in which all processes are in this process's memory cgroup.
fn ours(loaded: &mut Loaded, cgroup: u64) -> Vec<Sighting> {
    let memory = memory_id();
    let rises = within(&rises(loaded), cgroup);
    assert!(rises.iter().all(|rise| rise.task.memory == memory), "{rises:?}");
    rises
}

/// The v1 memory cgroup that this process and those it starts are in; 0 where memory is on v2.
fn memory_id() -> u64 {
    let cgroup = live::own_memory_cgroup();
    let is_legacy = cgroup.starts_with("/sys/fs/cgroup/memory");
    if is_legacy { live::cgroup_id(&cgroup) } else { 0 }
}

/// Reads `UP` bytes of one connection and answers with `DOWN` bytes; closes first or last.
fn serve(listener: TcpListener, closes_first: bool) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut taken = vec![0; usize::try_from(UP).unwrap()];
        stream.read_exact(&mut taken).unwrap();
        stream.write_all(&vec![1; usize::try_from(DOWN).unwrap()]).unwrap();
        if closes_first {
            stream.shutdown(Shutdown::Write).unwrap();
        }
        assert_eq!(stream.read(&mut taken).unwrap(), 0);
    })
}

/// Sends `UP` bytes and reads `DOWN`; closes first or last.
fn client(address: IpAddr, port: u16, closes_first: bool) -> String {
    let wait = if closes_first { "" } else { "sysread($s, $b, 1);" };
    format!(
        "exec perl -MIO::Socket::IP -e '$s = IO::Socket::IP->new(PeerHost => \"{address}\", PeerPort => {port}) or die;
         $s->print(\"x\" x {UP}); $s->flush; $n = 0;
         while ($n < {DOWN}) {{ $n += sysread($s, $b, {DOWN}) or die }} {wait} close $s'"
    )
}

fn counts_a_client(test: &str, address: IpAddr, closes_first: bool) {
    let (Some(mut loaded), Some(cgroup)) = (load(test, &PROBE), Cgroup::new(test)) else {
        return;
    };
    let Ok(listener) = TcpListener::bind((address, 0)) else {
        return live::skip(test, "this address family is off");
    };
    let port = listener.local_addr().unwrap().port();
    let server = serve(listener, !closes_first);
    cgroup.run(&client(address, port, closes_first));
    server.join().unwrap();

    let mut sum = Sum::default();
    sum.read_until(&mut loaded, cgroup.id(), |sum| sum.durations > 0);
    let lived_ns = sum.lived_ns;
    let wanted = Sum {
        sent: UP,
        received: DOWN,
        accepts: 0,
        durations: 1,
        ..sum
    };
    assert_eq!(sum, wanted);
    assert!(sum.rtts >= 1, "{sum:?}");
    assert!((1_000..5_000_000_000).contains(&lived_ns), "{lived_ns}");
    assert!(loaded.take_losses().is_empty());
}

#[test]
fn every_byte_of_a_client_that_closes_first_is_counted_once() {
    counts_a_client("traffic-first", Ipv4Addr::LOCALHOST.into(), true);
}

#[test]
fn every_byte_of_a_client_that_closes_last_is_counted_once() {
    counts_a_client("traffic-last", Ipv4Addr::LOCALHOST.into(), false);
}

#[test]
fn every_byte_over_ipv6_is_counted_once() {
    counts_a_client("traffic-ipv6", Ipv6Addr::LOCALHOST.into(), true);
}

/// Takes `connections` connections, sends each `DOWN` bytes and reads to the end. Says its port first.
fn server(connections: u32) -> String {
    format!(
        "exec perl -MIO::Socket::IP -e '$| = 1;
         $l = IO::Socket::IP->new(Listen => 9, LocalHost => \"127.0.0.1\") or die; print $l->sockport, \"\\n\";
         for (1..{connections}) {{ $s = $l->accept; $s->print(\"x\" x {DOWN}); $s->flush;
           1 while sysread($s, $b, 65536); close $s }}'"
    )
}

#[test]
fn what_a_server_accepts_sends_and_receives_is_its_own() {
    let test = "traffic-server";
    let (Some(mut loaded), Some(cgroup)) = (load(test, &PROBE), Cgroup::new(test)) else {
        return;
    };
    let mut running = cgroup.spawn_piped(&server(3));
    let port = running.line().parse().unwrap();
    for _ in 0..3 {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.write_all(b"12345").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
    let mut sum = Sum::default();
    sum.read_until(&mut loaded, cgroup.id(), |sum| sum.durations == 3);
    let wanted = Sum {
        sent: 3 * DOWN,
        received: 15,
        accepts: 3,
        durations: 3,
        ..sum
    };
    assert_eq!(sum, wanted);
}

/// A child of this process's v1 memory cgroup; removed when dropped.
struct MemoryCgroup(PathBuf);

impl MemoryCgroup {
    fn new(name: &str) -> Self {
        let path = live::own_memory_cgroup().join(format!("tapio-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// The script, in this cgroup.
    fn script(&self, script: &str) -> String {
        format!("echo $$ > {}/cgroup.procs; {script}", self.0.display())
    }
}

impl Drop for MemoryCgroup {
    fn drop(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(1);
        while std::fs::remove_dir(&self.0).is_err() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn containers_that_share_a_v2_cgroup_are_told_apart_by_their_memory_cgroups() {
    let test = "traffic-shared";
    if memory_id() == 0 {
        // Memory is on v2: a container is its v2 cgroup.
        return;
    }
    let (Some(mut loaded), Some(cgroup)) = (load(test, &PROBE), Cgroup::new(test)) else {
        return;
    };
    let memory = ["one", "two"].map(MemoryCgroup::new);
    let mut servers = memory
        .each_ref()
        .map(|memory| cgroup.spawn_piped(&memory.script(&server(1))));
    let ports = servers.each_mut().map(|server| server.line().parse::<u16>().unwrap());
    for (port, bytes) in ports.into_iter().zip([b"1".as_slice(), b"22"]) {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let reader = serve(listener, false);
    cgroup.run(&memory[1].script(&client(Ipv4Addr::LOCALHOST.into(), port, true)));
    reader.join().unwrap();
    drop(servers);

    let seen = within(&rises(&mut loaded), cgroup.id());
    let [one, two] = memory.each_ref().map(|memory| {
        let id = live::cgroup_id(&memory.0);
        let rises: Vec<_> = seen.iter().filter(|rise| rise.task.memory == id).cloned().collect();
        let mut sum = Sum::default();
        sum.add(&rises);
        (sum.accepts, sum.received, sum.sent)
    });
    assert_eq!(one, (1, 1, DOWN));
    assert_eq!(two, (1, 2 + DOWN, DOWN + UP));
}

#[test]
fn a_long_connection_is_counted_while_it_lives_and_the_rest_at_its_close() {
    let test = "traffic-long";
    let (Some(mut loaded), Some(cgroup)) = (load(test, &PROBE), Cgroup::new(test)) else {
        return;
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    // Sends as many bytes as each line that it reads says.
    let running = cgroup.spawn(&format!(
        "exec perl -MIO::Socket::IP -e '$s = IO::Socket::IP->new(PeerHost => \"127.0.0.1\", PeerPort => {port}) or die;
         while (<$s>) {{ $s->print(\"x\" x $_); $s->flush }}'"
    ));
    let (mut stream, _) = listener.accept().unwrap();
    let mut sum = Sum::default();
    let mut total = 0;
    for part in [100_000, 1, 23] {
        writeln!(stream, "{part}").unwrap();
        total += part;
        stream.read_exact(&mut vec![0; usize::try_from(part).unwrap()]).unwrap();
        sum.read_until(&mut loaded, cgroup.id(), |sum| sum.sent >= total);
        assert_eq!((sum.sent, sum.durations), (total, 0));
    }
    stream.write_all(b"77\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    sum.read_until(&mut loaded, cgroup.id(), |sum| sum.durations == 1);
    assert_eq!((sum.sent, sum.received), (total + 77, 15));
    drop(running);
}

#[test]
fn of_a_connection_older_than_the_probe_only_what_follows_is_counted() {
    let test = "traffic-older";
    let Some(cgroup) = Cgroup::new(test) else { return };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let _running = cgroup.spawn(&format!(
        "exec perl -MIO::Socket::IP -e '$s = IO::Socket::IP->new(PeerHost => \"127.0.0.1\", PeerPort => {port}) or die;
         while (<$s>) {{ $s->print(\"x\" x $_); $s->flush }}'"
    ));
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(b"5000\n").unwrap();
    stream.read_exact(&mut [0; 5000]).unwrap();
    // Carries the acknowledgement, which may wait otherwise.
    stream.write_all(b"0\n").unwrap();
    let Some(mut loaded) = load(test, &PROBE) else { return };

    stream.write_all(b"70\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    let mut sum = Sum::default();
    sum.read_until(&mut loaded, cgroup.id(), |sum| sum.received >= 3);
    assert_eq!((sum.sent, sum.received, sum.durations), (70, 3, 0));
}
