//! The protocol byte by byte, for what no well-behaved client sends.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use bytes::BytesMut;
use common::{
    api::DataRequest,
    transport::{Hello, HelloReply, Service, Wire, write_postcard},
    types::PutRequest,
};
use socket2::SockRef;

pub(super) fn frame(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("a small frame");
    [&length.to_be_bytes(), bytes].concat()
}

pub(super) fn message(message: &impl Wire) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    message.write(&mut bytes).expect("it can be encoded");
    frame(&bytes)
}

pub(crate) fn hello() -> Vec<u8> {
    message(&Hello::new(Service::Data, false))
}

/// A request in its form on the wire, with any time-out.
pub(super) fn request(id: u64, timeout_ms: u64, request: DataRequest) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    write_postcard(&(0_u32, id, timeout_ms, request), &mut bytes).expect("it can be encoded");
    frame(&bytes)
}

pub(super) fn put(key: String) -> DataRequest {
    DataRequest::Put {
        tag: None,
        request: PutRequest::new("default", key, "v"),
    }
}

pub(crate) fn connect(address: &str) -> TcpStream {
    let socket = TcpStream::connect(address).expect("a connection");
    let patience = Some(Duration::from_secs(30));
    socket.set_read_timeout(patience).expect("a time-out");
    socket
}

/// Closes with a reset instead of an orderly end: there is nothing to linger for.
pub(super) fn reset(socket: TcpStream) {
    let options = SockRef::from(&socket);
    options.set_linger(Some(Duration::ZERO)).expect("an option");
}

/// Reads one frame; nothing if the connection ends first.
pub(super) fn read_frame(socket: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = [0; 4];
    socket.read_exact(&mut head).ok()?;
    let mut body = vec![0; u32::from_be_bytes(head) as usize];
    socket.read_exact(&mut body).ok()?;
    Some(body)
}

/// Connects and has itself greeted.
pub(crate) fn greeted(address: &str) -> TcpStream {
    let mut socket = connect(address);
    socket.write_all(&hello()).expect("the greeting is sent");
    let reply = read_frame(&mut socket).expect("a reply");
    assert!(matches!(
        HelloReply::read(&reply),
        Ok(HelloReply::Welcome(_))
    ));
    socket
}

/// Whether the other side ends the connection, within the read time-out.
pub(crate) fn is_hung_up(socket: &mut TcpStream) -> bool {
    let mut chunk = [0; 4096];
    loop {
        match socket.read(&mut chunk) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => {
                return !matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                );
            }
        }
    }
}

/// A generator of bytes that are the same in every run (xorshift, Marsaglia 2003).
pub(super) struct Noise(pub(super) u64);

impl Noise {
    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count)
            .map(|_| {
                self.0 ^= self.0 << 13;
                self.0 ^= self.0 >> 7;
                self.0 ^= self.0 << 17;
                self.0.to_le_bytes()[3]
            })
            .collect()
    }
}
