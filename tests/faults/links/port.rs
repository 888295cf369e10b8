//! The proxy in front of one member: a port that is open while the member listens.

use std::{
    net::{SocketAddr, SocketAddrV4},
    sync::Arc,
    time::Duration,
};

use futures::FutureExt;
use tokio::{
    io::Interest,
    net::{TcpListener, TcpSocket, TcpStream},
    sync::Notify,
};

use super::{
    Network,
    caller::{self, Caller},
    relay::{relay, reset},
    way::Way,
};

/// How often it is tried whether a member that was gone listens again.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// The port of one member as the others know it.
#[derive(Clone)]
pub(super) struct Port {
    network: Arc<Network>,
    /// Of the member.
    index: usize,
    /// Where the others call.
    address: SocketAddrV4,
    /// Where the member listens.
    target: SocketAddrV4,
}

impl Port {
    pub(super) fn new(
        network: Arc<Network>,
        index: usize,
        address: SocketAddrV4,
        target: SocketAddrV4,
    ) -> Self {
        Self {
            network,
            index,
            address,
            target,
        }
    }

    /// Serves for ever.
    pub(super) async fn run(self) {
        let mut changes = self.network.changes.subscribe();
        loop {
            if self.network.refuses_all(self.index) {
                // The sender is as alive as the network.
                let _ = changes.changed().await;
            } else if TcpStream::connect(self.target).await.is_ok() {
                self.serve().await;
            } else {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }

    /// Accepts connections until the member is gone or all are to be refused.
    async fn serve(&self) {
        let mut changes = self.network.changes.subscribe();
        let listener = listen(self.address);
        let gone = Arc::new(Notify::new());
        while !self.network.refuses_all(self.index) {
            let accepted = tokio::select! {
                biased;
                () = gone.notified() => return,
                _ = changes.changed() => continue,
                accepted = listener.accept() => accepted,
            };
            // Whoever hung up before it was accepted needs nothing.
            if let Ok((socket, SocketAddr::V4(from))) = accepted {
                let (port, gone) = (self.clone(), Arc::clone(&gone));
                tokio::spawn(async move { port.pass_on(socket, from, &gone).await });
            }
        }
    }

    async fn pass_on(&self, socket: TcpStream, from: SocketAddrV4, gone: &Notify) {
        let caller = caller::find(&self.network.processes(), from, self.address);
        let (there, back) = match caller.expect("Linux tells of its sockets") {
            Caller::Known(index) => (
                self.network.way(index, self.index),
                self.network.way(self.index, index),
            ),
            // Tests call members, too; nothing is done to them.
            Caller::Stranger => {
                let clear = || Arc::new(Way::new(0, self.network.changes.clone()));
                (clear(), clear())
            }
            Caller::Gone => return reset(socket),
        };
        if there.condition().refusing {
            there.count_refusal();
            return reset(socket);
        }
        tokio::time::sleep_until(there.arrival()).await;
        there.pass().await;
        if has_hung_up(&socket) {
            return;
        }
        match TcpStream::connect(self.target).await {
            Ok(target) => {
                for socket in [&socket, &target] {
                    // It only saves time.
                    let _ = socket.set_nodelay(true);
                }
                relay(socket, target, &there, &back).await;
            }
            Err(_) => {
                reset(socket);
                gone.notify_one();
            }
        }
    }
}

/// Whether a caller that was kept waiting has closed its end.
fn has_hung_up(socket: &TcpStream) -> bool {
    let ready = socket.ready(Interest::READABLE).now_or_never();
    ready.is_some_and(|ready| ready.is_ok_and(|ready| ready.is_read_closed()))
}

fn listen(address: SocketAddrV4) -> TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("an option of a socket");
    socket.bind(address.into()).expect("a port that was free");
    socket.listen(BACKLOG).expect("a listener")
}
