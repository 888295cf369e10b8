//! What the service manager is told: systemd's notification protocol (sd_notify(3), a datagram to
//! `$NOTIFY_SOCKET`). Without that variable nobody is told anything.
//!
//! `READY=1` says that requests are answered, not that there is a leader: if a start waited for a
//! majority, starting one machine after the other would never come to an end.

use std::{
    ffi::OsStr,
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
};

use crate::raft::{Consensus, Role};

/// Requests are answered.
pub(crate) fn ready() {
    send("READY=1");
}

/// The member stops.
pub(crate) fn stopping() {
    send("STOPPING=1\nSTATUS=stopping");
}

/// What the member does at the moment, in words.
pub(crate) fn status(words: &str) {
    send(&format!("STATUS={}", words.replace('\n', " ")));
}

/// Role and term of a member, and what keeps it from its work.
pub(crate) fn words(consensus: &Consensus) -> String {
    let view = consensus.view();
    let role = match view.role {
        Role::Leader => "leader",
        Role::Follower => "follower",
        Role::Candidate => "candidate",
        Role::Learner => "learner",
    };
    let mut words = format!("{role}, term {}", view.term);
    match view.leader {
        Some(id) if id == consensus.node_id() => {}
        Some(id) => words.push_str(&format!(", leader {id}")),
        None => words.push_str(", no leader"),
    }
    if let Some(reason) = consensus.room().read_only() {
        words.push_str(&format!("; takes no writes: {reason}"));
    }
    words
}

fn send(state: &str) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
        return;
    };
    if let Err(error) = send_to(&socket, state) {
        tracing::warn!(%error, "cannot tell the service manager");
    }
}

fn send_to(socket: &OsStr, state: &str) -> io::Result<()> {
    let address = match socket.as_bytes() {
        // A name of the kernel's and no file.
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    let sender = UnixDatagram::unbound()?;
    // A manager that does not listen must not hold up a member.
    sender.set_nonblocking(true)?;
    sender.send_to_addr(state.as_bytes(), &address).map(drop)
}
