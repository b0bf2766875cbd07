//! One loopback connection that moves bytes both ways, counted at its close.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use correlator::{Body, Signal};
use probes::tcp_traffic::{ACCEPTS, BYTES_RECEIVED, BYTES_SENT, CONNECTION_DURATION, RTT};

use crate::watch::Watch;

pub(crate) fn exercise(watch: &mut Watch) -> Result<(), String> {
    converse().map_err(|error| format!("a loopback connection: {error}"))?;
    for (signal, wanted) in [(ACCEPTS, 1), (BYTES_SENT, 1010), (BYTES_RECEIVED, 1010)] {
        expect_count(watch, &signal, wanted)?;
    }
    for (signal, wanted) in [(RTT, 2), (CONNECTION_DURATION, 2)] {
        watch.expect_ours(&format!("{signal} of {wanted} sockets"), |sighting| {
            sighting.signal == signal
                && matches!(&sighting.body, Body::Histogram(seen) if seen.counts.iter().sum::<u64>() == wanted)
        })?;
    }
    Ok(())
}

fn expect_count(watch: &mut Watch, signal: &Signal, wanted: u64) -> Result<(), String> {
    let is_it = |sighting: &probes::Sighting| sighting.signal == *signal && sighting.body == Body::Count(wanted);
    watch.expect_ours(&format!("{signal} {wanted}"), is_it).map(|_| ())
}

/// 1003 bytes one way, 7 the other; this program has both ends.
fn converse() -> std::io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (mut server, _) = listener.accept()?;
    client.write_all(&[1; 1003])?;
    server.read_exact(&mut [0; 1003])?;
    server.write_all(&[1; 7])?;
    client.read_exact(&mut [0; 7])?;
    client.shutdown(std::net::Shutdown::Write)?;
    server.read_to_end(&mut Vec::new()).map(|_| ())
}
