//! A reset: what a socket sends that is closed with unread bytes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use correlator::Body;
use probes::tcp_retransmit::{RESETS_RECEIVED, RESETS_SENT};

use crate::watch::Watch;

pub(crate) fn exercise(watch: &mut Watch) -> Result<(), String> {
    hang_up().map_err(|error| format!("a loopback connection: {error}"))?;
    for signal in [RESETS_SENT, RESETS_RECEIVED] {
        watch.expect_ours(&format!("one of {signal}"), |sighting| {
            sighting.signal == signal && sighting.body == Body::Count(1)
        })?;
    }
    Ok(())
}

fn hang_up() -> std::io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (mut server, _) = listener.accept()?;
    server.write_all(b"unread")?;
    // Peeked at, so that it has come.
    client.peek(&mut [0; 6])?;
    drop(client);
    match server.read(&mut [0; 1]) {
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(()),
        other => Err(std::io::Error::other(format!("no reset but {other:?}"))),
    }
}
