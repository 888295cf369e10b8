//! Who is at the other end of a connection on this machine.
//!
//! Linux tells of a TCP socket, named by its two ends, the number of its inode (sock_diag(7)), and
//! of every process the inodes of what it has open (proc(5): `/proc/PID/fd`). Both take far less
//! than a millisecond, which matters: members that miss each other call all the time.

use std::{
    fs,
    io::{self, Read, Write},
    net::SocketAddrV4,
    path::Path,
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};

/// `AF_NETLINK` and `NETLINK_SOCK_DIAG`.
const NETLINK: i32 = 16;
const SOCK_DIAG: i32 = 4;

/// `SOCK_DIAG_BY_FAMILY`: the type of a request, and of its answer unless that is an error.
const BY_FAMILY: u16 = 20;

/// `NLM_F_REQUEST`.
const REQUEST: u16 = 1;

/// `AF_INET` and `IPPROTO_TCP`.
const INET: u8 = 2;
const TCP: u8 = 6;

/// The lengths of `nlmsghdr` and of `inet_diag_req_v2`.
const HEADER: usize = 16;
const QUESTION: usize = 56;

/// Where the inode lies in an answer: the last field of `inet_diag_msg`, behind the header.
const INODE: std::ops::Range<usize> = HEADER + 68..HEADER + 72;

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

/// Which of `processes` has opened the connection from `there` to `here`.
///
/// # Errors
/// If the kernel does not tell.
pub(super) fn find(
    processes: &[u32],
    there: SocketAddrV4,
    here: SocketAddrV4,
) -> io::Result<Caller> {
    let Some(inode) = inode(there, here)? else {
        return Ok(Caller::Gone);
    };
    let has = |process: &u32| *process != 0 && has_open(*process, inode);
    Ok(match processes.iter().position(has) {
        Some(index) => Caller::Known(index),
        None => Caller::Stranger,
    })
}

/// The inode of the socket that has these ends, unless it is closed.
fn inode(own: SocketAddrV4, other: SocketAddrV4) -> io::Result<Option<u32>> {
    let socket = Socket::new(
        Domain::from(NETLINK),
        Type::DGRAM,
        Some(Protocol::from(SOCK_DIAG)),
    )?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    // Without an address it goes to the kernel.
    (&socket).write_all(&question(own, other))?;
    let mut answer = [0; 512];
    let length = (&socket).read(&mut answer)?;
    let kind = u16::from_ne_bytes([answer[4], answer[5]]);
    if kind != BY_FAMILY || length < INODE.end {
        // An error: there is no such socket.
        return Ok(None);
    }
    let inode = u32::from_ne_bytes(answer[INODE].try_into().expect("four bytes"));
    // A closed socket has none.
    Ok((inode != 0).then_some(inode))
}

/// A `nlmsghdr` with an `inet_diag_req_v2` behind it, that asks for one socket in any state.
fn question(own: SocketAddrV4, other: SocketAddrV4) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + QUESTION);
    bytes.extend(((HEADER + QUESTION) as u32).to_ne_bytes());
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend(REQUEST.to_ne_bytes());
    // Sequence number and port, which matter to nobody on a socket with one question.
    bytes.extend([0; 8]);
    // No extensions, and a byte of padding.
    bytes.extend([INET, TCP, 0, 0]);
    let any_state = u32::MAX;
    bytes.extend(any_state.to_ne_bytes());
    for end in [own, other] {
        bytes.extend(end.port().to_be_bytes());
    }
    for end in [own, other] {
        // An address has room for one of IPv6.
        bytes.extend(end.ip().octets());
        bytes.extend([0; 12]);
    }
    let any_interface = 0_u32;
    bytes.extend(any_interface.to_ne_bytes());
    let no_cookie = u64::MAX;
    bytes.extend(no_cookie.to_ne_bytes());
    bytes
}

fn has_open(process: u32, inode: u32) -> bool {
    let socket = format!("socket:[{inode}]");
    // A process that has ended has nothing open.
    let open = fs::read_dir(format!("/proc/{process}/fd"));
    open.into_iter()
        .flatten()
        .flatten()
        .any(|file| fs::read_link(file.path()).is_ok_and(|target| target == Path::new(&socket)))
}
