//! A question to a DNS server of our own, and its answer.

use std::net::UdpSocket;

use correlator::{Body, Outcome};

use crate::watch::Watch;

/// Asks for the IPv4 address of `db.shop.` (RFC 1035, section 4.1).
const QUESTION: &[u8] = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\x02db\x04shop\0\0\x01\0\x01";

pub(crate) fn exercise(watch: &mut Watch) -> Result<(), String> {
    ask().map_err(|error| format!("asking over loopback: {error}"))?;
    watch.expect_ours("the query", |sighting| {
        let is_ok = matches!(&sighting.body, Body::Span { outcome: Outcome::Ok, took, .. } if !took.is_zero());
        sighting.signal.name() == "dns.query" && is_ok
    })?;
    Ok(())
}

fn ask() -> std::io::Result<()> {
    let server = UdpSocket::bind("127.0.0.1:53")?;
    let client = UdpSocket::bind("127.0.0.1:0")?;
    let mut buffer = [0; 512];
    client.send_to(QUESTION, server.local_addr()?)?;
    let (len, asker) = server.recv_from(&mut buffer)?;
    // An answer without records: the name exists and has no address.
    buffer[2] |= 0x80;
    server.send_to(&buffer[..len], asker)?;
    client.recv(&mut buffer)?;
    Ok(())
}
