//! A TCP proxy in front of a member's port, that can cut and refuse.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpSocket, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// Passes connections on to a target until it is told otherwise.
pub(crate) struct Proxy {
    address: SocketAddr,
    target: SocketAddr,
    accepting: Option<JoinHandle<()>>,
    connections: Arc<Mutex<JoinSet<()>>>,
}

impl Proxy {
    /// A proxy on a port of its own, closed at first.
    pub(crate) fn new(address: SocketAddr, target: SocketAddr) -> Self {
        Self {
            address,
            target,
            accepting: None,
            connections: Arc::default(),
        }
    }

    /// Accepts connections from now on.
    pub(crate) fn open(&mut self) {
        let listener = listen(self.address);
        let (target, connections) = (self.target, Arc::clone(&self.connections));
        self.accepting = Some(tokio::spawn(async move {
            while let Ok((mut inward, _)) = listener.accept().await {
                let mut connections = connections.lock().unwrap_or_else(PoisonError::into_inner);
                connections.spawn(async move {
                    // One that is not there is noticed by the caller: its connection ends.
                    if let Ok(mut outward) = TcpStream::connect(target).await {
                        let _ = copy_bidirectional(&mut inward, &mut outward).await;
                    }
                });
            }
        }));
    }

    /// Ends all connections; new ones are passed on as before.
    pub(crate) fn cut(&self) {
        let mut connections = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        connections.abort_all();
    }

    /// Ends all connections and refuses new ones, as if no process listened.
    pub(crate) async fn refuse(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            // It was aborted: that is its result.
            let _ = accepting.await;
        }
        self.cut();
    }
}

fn listen(address: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("an option of a socket");
    socket.bind(address).expect("a port that was free");
    socket.listen(1024).expect("a listener")
}
