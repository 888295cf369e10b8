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
    stopping: CancellationToken,
    aborted: CancellationToken,
    tasks: TaskTracker,
    patience: Duration,
}

impl Connections {
    /// Connections that are given some time to finish when they are closed. Those who serve them
    /// must then heed [`Connections::stopping`]; the default gives none.
    pub fn patient(patience: Duration) -> Self {
        Self {
            patience,
            ..Self::default()
        }
    }

    /// Is cancelled when the connections are to finish: read nothing new, answer what was read.
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

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
                    () = this.stopping.cancelled() => return,
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
        // Its own token: a shared one is a lock that all connections would take at each wake-up.
        let aborted = self.aborted.child_token();
        self.tasks.spawn(async move {
            tokio::select! {
                () = aborted.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Stops to accept, gives the connections their time to finish, drops those that did not where
    /// they stand, and waits until all are gone.
    pub async fn close(&self) {
        self.stopping.cancel();
        self.tasks.close();
        if !self.patience.is_zero() {
            let _ = tokio::time::timeout(self.patience, self.tasks.wait()).await;
        }
        self.aborted.cancel();
        self.tasks.wait().await;
    }
}
