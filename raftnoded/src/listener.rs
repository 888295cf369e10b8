//! Accepting connections, for both ports of a member.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The pause after a failed accept: file descriptors have run out, and some will be closed.
const PAUSE: Duration = Duration::from_millis(100);

/// The tasks of one port: the one that accepts, and one for each connection.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Connections {
    /// Hands each connection to `serve`, in a task of its own. Connections beyond `limit` are
    /// handed to `refuse` instead.
    pub fn accept<S, SF, R, RF>(&self, listener: TcpListener, limit: usize, serve: S, refuse: R)
    where
        S: Fn(TcpStream) -> SF + Send + 'static,
        SF: Future<Output = ()> + Send + 'static,
        R: Fn(TcpStream) -> RF + Send + 'static,
        RF: Future<Output = ()> + Send + 'static,
    {
        let permits = Arc::new(Semaphore::new(limit));
        let this = self.clone();
        self.tasks.spawn(async move {
            loop {
                let accepted = tokio::select! {
                    () = this.stop.cancelled() => return,
                    accepted = listener.accept() => accepted,
                };
                let socket = match accepted {
                    Ok((socket, _)) => socket,
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                };
                match Arc::clone(&permits).try_acquire_owned() {
                    Ok(permit) => {
                        let serving = serve(socket);
                        this.spawn(async move {
                            let _permit = permit;
                            serving.await;
                        });
                    }
                    Err(_) => this.spawn(refuse(socket)),
                }
            }
        });
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Stops to accept, drops every connection where it stands, and waits until all are gone.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
