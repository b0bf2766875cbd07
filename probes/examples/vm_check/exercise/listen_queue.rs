//! A queue of one that overflows.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use correlator::Body;
use probes::listen_queue::OVERFLOWS;

use crate::watch::Watch;

/// The kernel cuts every backlog to this.
const LONGEST_BACKLOG: &str = "/proc/sys/net/core/somaxconn";

pub(crate) fn exercise(watch: &mut Watch) -> Result<(), String> {
    let turned_away = overflow().map_err(|error| format!("filling a queue: {error}"))?;
    watch
        .expect_ours(&format!("{turned_away} overflows"), |sighting| {
            sighting.signal == OVERFLOWS && sighting.body == Body::Count(turned_away)
        })
        .map(|_| ())
}

/// How many were turned away. A queue of one holds two.
fn overflow() -> std::io::Result<u64> {
    let before = std::fs::read_to_string(LONGEST_BACKLOG)?;
    std::fs::write(LONGEST_BACKLOG, "1")?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let to = listener.local_addr()?;
    let mut held = Vec::new();
    let mut turned_away = 0;
    for _ in 0..5 {
        match TcpStream::connect_timeout(&to, Duration::from_millis(100)) {
            Ok(stream) => held.push(stream),
            Err(_) => turned_away += 1,
        }
    }
    std::fs::write(LONGEST_BACKLOG, before)?;
    Ok(turned_away)
}
