//! One connection through a proxy: two streams of bytes, each on its way.

use std::time::Duration;

use bytes::Bytes;
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::mpsc,
    time::Instant,
};

use super::way::Way;

/// The most bytes that travel together.
const CHUNK: usize = 64 * 1024;

/// The most chunks that are under way in one direction; beyond that the sender is held up.
const UNDER_WAY: usize = 1024;

/// What is read from a connection.
enum Piece {
    Bytes(Bytes),
    /// The sender says no more.
    End,
    /// The sender has reset the connection.
    Reset,
}

/// A connection that is to be reset at both ends.
#[derive(Debug)]
struct Broken;

/// Passes bytes on in both directions until both have ended, or one end or a fault resets the
/// connection.
pub(super) async fn relay(mut caller: TcpStream, mut target: TcpStream, there: &Way, back: &Way) {
    let broken_before = there.condition().broken;
    let (from_caller, to_caller) = caller.split();
    let (from_target, to_target) = target.split();
    let whole = tokio::select! {
        carried = async {
            tokio::try_join!(
                carry(from_caller, to_target, there),
                carry(from_target, to_caller, back),
            )
        } => carried.is_ok(),
        () = there.until(|now| now.broken != broken_before) => false,
    };
    if !whole {
        reset(caller);
        reset(target);
    }
}

/// Closes with a reset instead of an orderly end: there is nothing to linger for.
pub(super) fn reset(socket: TcpStream) {
    // One that cannot be set is gone already.
    let _ = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
}

/// Passes bytes on in one direction, each as late as its way has it and in order.
async fn carry(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, way: &Way) -> Result<(), Broken> {
    let (under_way, mut arriving) = mpsc::channel(UNDER_WAY);
    let sending = async move {
        let mut buffer = vec![0; CHUNK];
        let mut arrival = Instant::now();
        loop {
            let piece = match from.read(&mut buffer).await {
                Ok(0) => Piece::End,
                Ok(count) => Piece::Bytes(Bytes::copy_from_slice(&buffer[..count])),
                Err(_) => Piece::Reset,
            };
            arrival = arrival.max(way.arrival());
            let last = !matches!(piece, Piece::Bytes(_));
            if under_way.send((arrival, piece)).await.is_err() || last {
                return Ok(());
            }
        }
    };
    let receiving = async move {
        while let Some((arrival, piece)) = arriving.recv().await {
            if arrival > Instant::now() {
                tokio::time::sleep_until(arrival).await;
            }
            way.pass().await;
            match piece {
                Piece::Bytes(bytes) => {
                    let broken = way.takes_reset();
                    let part = &bytes[..bytes.len() - usize::from(broken)];
                    to.write_all(part).await.map_err(|_| Broken)?;
                    way.arrived(part.len());
                    if broken {
                        return Err(Broken);
                    }
                }
                // One that is gone already needs not be told.
                Piece::End => return to.shutdown().await.map_err(|_| Broken),
                Piece::Reset => return Err(Broken),
            }
        }
        Ok(())
    };
    tokio::try_join!(sending, receiving).map(|_| ())
}
