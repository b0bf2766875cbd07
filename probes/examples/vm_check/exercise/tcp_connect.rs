//! Loopback connects that succeed and that are refused, over IPv4 and IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};

use correlator::{Body, Outcome};

use crate::watch::Watch;

pub(crate) fn exercise(watch: &mut Watch) -> Result<(), String> {
    connect(watch, Ipv4Addr::LOCALHOST.into())?;
    connect(watch, Ipv6Addr::LOCALHOST.into())
}

fn connect(watch: &mut Watch, address: IpAddr) -> Result<(), String> {
    let listener = TcpListener::bind((address, 0)).map_err(|error| format!("listening on {address}: {error}"))?;
    let to = listener.local_addr().map_err(|error| error.to_string())?;
    TcpStream::connect(to).map_err(|error| format!("connecting to {to}: {error}"))?;
    expect(watch, to, Outcome::Ok)?;
    drop(listener);
    if TcpStream::connect(to).is_ok() {
        return Err(format!("{to} was not refused"));
    }
    expect(watch, to, Outcome::Refused)
}

fn expect(watch: &mut Watch, to: SocketAddr, wanted: Outcome) -> Result<(), String> {
    let sighting = watch.expect_ours(&format!("{wanted:?} to {to}"), |sighting| {
        matches!(&sighting.body, Body::Span { outcome, peer: Some(peer), .. }
            if *outcome == wanted && (peer.address, peer.port) == (to.ip(), to.port()))
    })?;
    match sighting.body {
        Body::Span { took, .. } if !took.is_zero() && sighting.task.pid == 1 => Ok(()),
        _ => Err(format!("wrong about the connect: {sighting:?}")),
    }
}
