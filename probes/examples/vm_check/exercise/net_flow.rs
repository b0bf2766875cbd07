//! Datagrams over loopback, counted with their headers.

use std::net::UdpSocket;

use correlator::Body;
use probes::net_flow::{BYTES_RECEIVED, PACKETS_SENT};

use crate::watch::Watch;

const DATAGRAMS: u64 = 20;
const PAYLOAD: usize = 972;
/// With the headers of UDP and IPv4.
const ON_THE_WIRE: u64 = 1000;

pub(crate) fn exercise(watch: &mut Watch) -> Result<(), String> {
    send().map_err(|error| format!("sending datagrams: {error}"))?;
    let (mut packets, mut bytes) = (0, 0);
    watch.expect_ours("the packets", |sighting| sighting.signal == PACKETS_SENT)?;
    watch.expect_ours("the bytes", |sighting| sighting.signal == BYTES_RECEIVED)?;
    for sighting in watch.seen() {
        match (&sighting.signal, &sighting.body) {
            (signal, Body::Count(count)) if *signal == PACKETS_SENT => packets += count,
            (signal, Body::Count(count)) if *signal == BYTES_RECEIVED => bytes += count,
            _ => {}
        }
    }
    if (packets, bytes) == (DATAGRAMS, DATAGRAMS * ON_THE_WIRE) {
        Ok(())
    } else {
        Err(format!(
            "{packets} packets of {DATAGRAMS}, {bytes} bytes of {}",
            DATAGRAMS * ON_THE_WIRE
        ))
    }
}

fn send() -> std::io::Result<()> {
    let receiver = UdpSocket::bind("127.0.0.1:0")?;
    let sender = UdpSocket::bind("127.0.0.1:0")?;
    let mut buffer = [0; 2048];
    for _ in 0..DATAGRAMS {
        sender.send_to(&[7; PAYLOAD], receiver.local_addr()?)?;
        receiver.recv(&mut buffer)?;
    }
    Ok(())
}
