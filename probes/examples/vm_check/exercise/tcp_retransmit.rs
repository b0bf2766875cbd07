//! Refused connects: a reset comes back for each.

use std::net::{TcpListener, TcpStream};

use probes::tcp_retransmit::RESETS_RECEIVED;

use crate::watch::Watch;

const CONNECTS: u64 = 7;

pub(crate) fn exercise(watch: &mut Watch) -> Result<(), String> {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let free = free.map_err(|error| format!("finding a free port: {error}"))?;
    for _ in 0..CONNECTS {
        if TcpStream::connect(free).is_ok() {
            return Err(format!("{free} was not refused"));
        }
    }
    watch.expect_sum(RESETS_RECEIVED.name(), CONNECTS)
}
