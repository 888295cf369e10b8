//! Who is at the other end of a connection on this machine.
//!
//! The kernel tells for every TCP socket its two ends and the number of its inode, and for every
//! process the inodes of what it has open (proc(5): `/proc/net/tcp`, `/proc/PID/fd`).

use std::{fs, net::SocketAddr, path::Path};

/// So often is a socket looked for: while others come and go, the kernel's list may skip one.
const LOOKS: usize = 3;

/// Who called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// One of the processes, by its place among them.
    Known(usize),
    /// Another process.
    Stranger,
    /// Nobody: the socket is closed already.
    Gone,
}

/// Which of `processes` has opened the connection from `there` to `here`. Reads files: it may take
/// some milliseconds.
pub(super) fn find(processes: &[u32], there: SocketAddr, here: SocketAddr) -> Caller {
    let Some(inode) = (0..LOOKS).find_map(|_| inode(there.port(), here.port())) else {
        return Caller::Gone;
    };
    let has = |process: &u32| *process != 0 && has_open(*process, inode);
    match processes.iter().position(has) {
        Some(index) => Caller::Known(index),
        None => Caller::Stranger,
    }
}

/// The inode of the socket that has these ports at its own end and at the other.
fn inode(own: u16, other: u16) -> Option<u64> {
    let sockets = fs::read_to_string("/proc/net/tcp").expect("Linux tells its sockets");
    let found = sockets.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let port_of = |address: &str| u16::from_str_radix(address.rsplit(':').next()?, 16).ok();
        let (local, remote) = (fields.nth(1)?, fields.next()?);
        if (port_of(local)?, port_of(remote)?) != (own, other) {
            return None;
        }
        // State, queues, timer, retransmissions, user, time-out, inode.
        fields.nth(6)?.parse().ok()
    });
    // A closed socket has none.
    found.filter(|inode| *inode != 0)
}

fn has_open(process: u32, inode: u64) -> bool {
    let socket = format!("socket:[{inode}]");
    // A process that has ended has nothing open.
    let open = fs::read_dir(format!("/proc/{process}/fd"));
    open.into_iter()
        .flatten()
        .flatten()
        .any(|file| fs::read_link(file.path()).is_ok_and(|target| target == Path::new(&socket)))
}
