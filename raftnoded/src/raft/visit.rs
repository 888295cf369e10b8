//! Finding out who is at an address, before anything is made to depend on it.

use std::{io, time::Duration};

use common::Client;

use super::peer::{self, Answer, Card, Purpose};

/// How long a client port may take to say that it is one.
const CLIENT_PORT: Duration = Duration::from_millis(500);

/// Who is at an address.
#[derive(Debug)]
pub(super) enum Found {
    /// A node or member.
    Somebody(Box<Card>),
    /// The client API of a member, who talks to members elsewhere.
    ClientPort {
        /// The member's name.
        name: String,
        /// Where members reach it.
        peer_address: String,
    },
    /// It says why it does not talk to this member.
    Refusal(String),
    /// Nobody who speaks this protocol.
    Nobody(io::Error),
}

/// Asks who is at an address.
pub(super) async fn visit(address: &str, timeout: Duration) -> Found {
    match peer::ask(address, Purpose::Inquiry, timeout).await {
        Ok(Answer::Present(card)) => Found::Somebody(Box::new(card)),
        Ok(Answer::Refused { message }) => Found::Refusal(message),
        Ok(_) => stranger(address, io::ErrorKind::InvalidData.into()).await,
        Err(error) => stranger(address, error).await,
    }
}

/// Who is at an address that gave no sensible answer.
pub(super) async fn stranger(address: &str, error: io::Error) -> Found {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable, TimedOut};
    if matches!(
        error.kind(),
        ConnectionRefused | HostUnreachable | NetworkUnreachable | TimedOut
    ) {
        return Found::Nobody(error);
    }
    match Client::status_of(address, CLIENT_PORT).await {
        Ok(status) => Found::ClientPort {
            name: status.name,
            peer_address: status.peer_address,
        },
        Err(_) => Found::Nobody(error),
    }
}
