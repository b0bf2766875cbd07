//! What the dns probe costs a packet, by the kernel's statistics, which are themselves some 65 ns of each figure. It
//! measures, so it runs only when asked for, and alone:
//! `cargo test -p probes --test dns_cost -- --ignored --nocapture`.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests; the shared module serves several of them"
)]

mod live;

use std::net::UdpSocket;

use aya::programs::loaded_programs;
use aya::sys::{Stats, enable_stats};
use live::dns::{in_network, query, reply};
use live::load;
use probes::Loaded;
use probes::dns::PROBE;

const BATCHES: u32 = 100;
/// Fewer than the ring holds.
const ROUNDS: u32 = 1_000;

/// Two sockets of one thread, one of them on this port.
struct Pair {
    client: UdpSocket,
    server: UdpSocket,
    query: Vec<u8>,
    reply: Vec<u8>,
}

impl Pair {
    fn new(port: u16, name: &str) -> Self {
        let server = UdpSocket::bind(("127.0.0.1", port)).unwrap();
        let client = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        client.connect(("127.0.0.1", port)).unwrap();
        let query = query(7, name, 1);
        let reply = reply(&query, 0);
        Self {
            client,
            server,
            query,
            reply,
        }
    }

    /// A query and a reply, `ROUNDS` times.
    fn run(&self) {
        let mut buffer = [0; 512];
        for _ in 0..ROUNDS {
            self.client.send(&self.query).unwrap();
            let (_, from) = self.server.recv_from(&mut buffer).unwrap();
            self.server.send_to(&self.reply, from).unwrap();
            self.client.recv(&mut buffer).unwrap();
        }
    }
}

/// Nanoseconds and runs of all programs of this name.
fn spent(name: &str) -> (u64, u64) {
    let programs = loaded_programs().filter_map(Result::ok);
    let ours = programs.filter(|program| program.name_as_str() == Some(name));
    ours.fold((0, 0), |(time, runs), program| {
        let run_time = u64::try_from(program.run_time().as_nanos()).unwrap();
        (time + run_time, runs + program.run_count())
    })
}

/// Nanoseconds a run of each direction's program in `run`, statistics included: the median of many runs, as others use
/// this machine too.
fn measure(mut run: impl FnMut()) -> [f64; 2] {
    let _on = enable_stats(Stats::RunTime).unwrap();
    let names = ["dns_egress", "dns_ingress"];
    let mut costs = [Vec::new(), Vec::new()];
    for _ in 0..BATCHES {
        let before = names.map(spent);
        run();
        let after = names.map(spent);
        for place in [0, 1] {
            let (time, runs) = (after[place].0 - before[place].0, after[place].1 - before[place].1);
            costs[place].push(time as f64 / runs as f64);
        }
    }
    costs.map(|mut costs| {
        costs.sort_by(f64::total_cmp);
        costs[costs.len() / 2]
    })
}

fn drain(loaded: &mut Loaded, seen: &mut u64) {
    *seen += u64::try_from(loaded.drain(usize::MAX, |_| ())).unwrap();
}

#[test]
#[ignore = "measures: run it alone"]
fn what_a_packet_costs() {
    in_network("cost", || {
        let pairs = [
            (53, "api.default.svc.cluster.local"),
            (5300, "api.default.svc.cluster.local"),
        ];
        let pairs = pairs.map(|(port, name)| Pair::new(port, name));
        let Some(mut loaded) = load("cost", &PROBE) else { return };
        let mut seen = 0;
        let [egress, ingress] = measure(|| {
            pairs[1].run();
            drain(&mut loaded, &mut seen);
        });
        println!("other: {egress:.0} ns a packet sent, {ingress:.0} ns received");
        // Half of the packets at port 53 are the server's own, which are passed over like others.
        let [of_sent, of_received] = measure(|| {
            pairs[0].run();
            drain(&mut loaded, &mut seen);
        });
        println!(
            "DNS: {:.0} ns a query, {:.0} ns a reply",
            2.0 * of_sent - egress,
            2.0 * of_received - ingress
        );
        println!("{seen} records, lost {:?}", loaded.take_losses());
    });
}
