//! The client API over TCP: handshake, then tarpc. One line a method, into the service.

use std::{sync::Arc, time::Duration};

use common::{
    Error,
    api::{Control, Data},
    transport::{
        self, Connection, Hello, HelloReply, MAX_HANDSHAKE_BYTES, PROTOCOL_VERSION,
        Service as Wanted, framed, reframe,
    },
    types::{
        CountReply, CountRequest, CreateNamespaceRequest, DeleteNamespaceReply,
        DeleteNamespaceRequest, DeletePrefixRequest, DeleteReply, DeleteRequest,
        DescribeNamespaceRequest, GetReply, GetRequest, ListNamespacesRequest, ListReply,
        ListRequest, MemberStatus, NamespaceInfo, PutReply, PutRequest,
    },
};
use futures::{SinkExt, StreamExt};
use tarpc::{
    context::Context,
    server::{BaseChannel, Channel},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use crate::{
    listener::Connections,
    service::{Call, Service},
};

/// A client that does not greet within this time is hung up on.
const GREETING: Duration = Duration::from_secs(5);

/// How long a client asks to be left alone that has too many requests in flight.
const RETRY_AFTER: Duration = Duration::from_millis(10);

/// Serves clients on a listener until the connections are closed.
pub fn serve(listener: TcpListener, service: Arc<Service>) -> Connections {
    let connections = Connections::default();
    let limit = service.bounds().max_connections;
    connections.accept(
        listener,
        limit,
        move |socket| {
            let service = Arc::clone(&service);
            async move {
                if let Err(error) = converse(socket, service).await {
                    tracing::debug!(%error, "client connection ended");
                }
            }
        },
        move |socket| async move {
            let message = format!(
                "this member serves {limit} connections already (--max-connections); close some, \
                 or share them"
            );
            refuse(framed(socket, MAX_HANDSHAKE_BYTES), message).await;
        },
    );
    connections
}

async fn refuse(mut connection: Connection<Hello, HelloReply>, message: String) {
    // The client may be gone; it was refused either way.
    let _ = tokio::time::timeout(GREETING, connection.send(HelloReply::Refused { message })).await;
}

async fn converse(socket: TcpStream, service: Arc<Service>) -> std::io::Result<()> {
    transport::tune(&socket)?;
    let mut connection: Connection<Hello, HelloReply> = framed(socket, MAX_HANDSHAKE_BYTES);
    let hello = match tokio::time::timeout(GREETING, connection.next()).await {
        Ok(Some(hello)) => hello?,
        Ok(None) => return Ok(()),
        Err(_) => return Err(std::io::ErrorKind::TimedOut.into()),
    };
    if hello.magic != Hello::MAGIC {
        refuse(connection, "this is the client port of raftnode".to_owned()).await;
        return Ok(());
    }
    if hello.protocol != PROTOCOL_VERSION {
        let message = format!(
            "{} speaks protocol {}, this member (raftnode {}) speaks {PROTOCOL_VERSION}; use a \
             client of the same version",
            hello.program,
            hello.protocol,
            env!("CARGO_PKG_VERSION")
        );
        refuse(connection, message).await;
        return Ok(());
    }
    connection
        .send(HelloReply::Welcome(service.welcome()))
        .await?;
    let limit = service.bounds().max_frame_bytes();
    let session = Session {
        in_flight: Arc::new(Semaphore::new(service.bounds().max_in_flight)),
        service,
        follow_leader: hello.follow_leader,
    };
    let config = tarpc::server::Config {
        pending_response_buffer: 1024,
    };
    match hello.service {
        Wanted::Data => {
            let channel = BaseChannel::new(config, reframe(connection, limit));
            channel.execute(Data::serve(session)).for_each(spawn).await;
        }
        Wanted::Control => {
            let channel = BaseChannel::new(config, reframe(connection, limit));
            channel
                .execute(Control::serve(session))
                .for_each(spawn)
                .await;
        }
    }
    Ok(())
}

async fn spawn(request: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(request);
}

/// One connection.
#[derive(Clone)]
struct Session {
    service: Arc<Service>,
    follow_leader: bool,
    in_flight: Arc<Semaphore>,
}

impl Session {
    fn call(&self, context: &Context) -> Call {
        Call {
            deadline: context.deadline,
            follow_leader: self.follow_leader,
        }
    }
}

/// Runs one operation, unless the connection has too many of them.
macro_rules! within_limits {
    ($session:ident, $operation:expr) => {{
        let Ok(_permit) = $session.in_flight.try_acquire() else {
            return Err(Error::Overloaded {
                reason: "too many requests in flight on this connection (--max-in-flight)"
                    .to_owned(),
                retry_after: RETRY_AFTER,
            });
        };
        $operation.await
    }};
}

/// The same for what is rare and large: boxed, since the future of a request has room for the
/// largest of all methods, and is copied when its task is spawned.
macro_rules! boxed_within_limits {
    ($session:ident, $operation:expr) => {
        within_limits!($session, Box::pin($operation))
    };
}

impl Data for Session {
    async fn put(self, context: Context, request: PutRequest) -> Result<PutReply, Error> {
        within_limits!(self, self.service.put(self.call(&context), request))
    }

    async fn get(self, context: Context, request: GetRequest) -> Result<GetReply, Error> {
        within_limits!(self, self.service.get(self.call(&context), request))
    }

    async fn delete(self, context: Context, request: DeleteRequest) -> Result<DeleteReply, Error> {
        boxed_within_limits!(self, self.service.delete(self.call(&context), request))
    }

    async fn delete_prefix(
        self,
        context: Context,
        request: DeletePrefixRequest,
    ) -> Result<DeleteReply, Error> {
        boxed_within_limits!(
            self,
            self.service.delete_prefix(self.call(&context), request)
        )
    }

    async fn list(self, context: Context, request: ListRequest) -> Result<ListReply, Error> {
        boxed_within_limits!(self, self.service.list(self.call(&context), request))
    }

    async fn count(self, context: Context, request: CountRequest) -> Result<CountReply, Error> {
        boxed_within_limits!(self, self.service.count(self.call(&context), request))
    }

    async fn create_namespace(
        self,
        context: Context,
        request: CreateNamespaceRequest,
    ) -> Result<NamespaceInfo, Error> {
        boxed_within_limits!(
            self,
            self.service.create_namespace(self.call(&context), request)
        )
    }

    async fn describe_namespace(
        self,
        context: Context,
        request: DescribeNamespaceRequest,
    ) -> Result<NamespaceInfo, Error> {
        boxed_within_limits!(
            self,
            self.service
                .describe_namespace(self.call(&context), request)
        )
    }

    async fn list_namespaces(
        self,
        context: Context,
        request: ListNamespacesRequest,
    ) -> Result<Vec<NamespaceInfo>, Error> {
        boxed_within_limits!(
            self,
            self.service.list_namespaces(self.call(&context), request)
        )
    }

    async fn delete_namespace(
        self,
        context: Context,
        request: DeleteNamespaceRequest,
    ) -> Result<DeleteNamespaceReply, Error> {
        boxed_within_limits!(
            self,
            self.service.delete_namespace(self.call(&context), request)
        )
    }
}

impl Control for Session {
    async fn status(self, _context: Context) -> Result<MemberStatus, Error> {
        Ok(self.service.status())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request's future is copied several times on its way into its task: at 5 KiB, that was a
    /// quarter of the work of a busy member.
    #[test]
    fn the_futures_of_frequent_requests_are_small() {
        fn size<F: Future, A>(_: fn(Session, Context, A) -> F) -> usize {
            std::mem::size_of::<F>()
        }
        assert!(size(<Session as Data>::put) <= 1536);
        assert!(size(<Session as Data>::get) <= 1536);
        assert!(size(<Session as Data>::list) <= 1536);
        assert!(size(<Session as Data>::delete) <= 1536);
        assert!(size(<Session as Data>::create_namespace) <= 1536);
    }
}
