//! Bytes both ways over one connection.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use probes::tcp_traffic::{ACCEPTS, BYTES_RECEIVED, BYTES_SENT};

use crate::watch::Watch;

const UP: usize = 100_003;
const DOWN: usize = 4_567;

pub(crate) fn exercise(watch: &mut Watch) -> Result<(), String> {
    talk().map_err(|error| format!("talking over loopback: {error}"))?;
    watch.expect_sum(ACCEPTS.name(), 1)?;
    watch.expect_sum(BYTES_SENT.name(), (UP + DOWN) as u64)?;
    watch.expect_sum(BYTES_RECEIVED.name(), (UP + DOWN) as u64)
}

fn talk() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (mut server, _) = listener.accept()?;
    let sent = vec![1; UP];
    let writer = std::thread::spawn(move || client.write_all(&sent).and_then(|()| client.read_exact(&mut [0; DOWN])));
    server.read_exact(&mut vec![0; UP])?;
    server.write_all(&[2; DOWN])?;
    writer.join().unwrap_or_else(|_| Err(std::io::ErrorKind::Other.into()))
}
