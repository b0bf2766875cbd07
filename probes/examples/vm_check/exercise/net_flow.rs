//! Datagrams over loopback, counted with their headers.

use std::net::UdpSocket;

use probes::net_flow::{BYTES_RECEIVED, PACKETS_SENT};

use crate::watch::Watch;

const DATAGRAMS: u64 = 20;
const PAYLOAD: usize = 972;
/// With the headers of UDP and IPv4.
const ON_THE_WIRE: u64 = 1000;

pub(crate) fn exercise(watch: &mut Watch) -> Result<(), String> {
    send().map_err(|error| format!("sending datagrams: {error}"))?;
    watch.expect_sum(PACKETS_SENT.name(), DATAGRAMS)?;
    watch.expect_sum(BYTES_RECEIVED.name(), DATAGRAMS * ON_THE_WIRE)
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
