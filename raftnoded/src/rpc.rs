//! The client API over TCP: handshake, then tarpc. One line a method, into the service.
//!
//! - [`conversation`]: how much of a client's requests is taken at a time, and how it ends.

mod conversation;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::{
    Error,
    api::{Control, Data},
    transport::{
        self, Connection, Hello, HelloReply, MAX_HANDSHAKE_BYTES, PROTOCOL_VERSION,
        Service as Wanted, framed, reframe,
    },
    types::{
        Activity, ActivityRequest, AddMemberRequest, CloseBackupRequest, CloseSessionRequest,
        CloseViewRequest, CountReply, CountRequest, CreateNamespaceRequest, DeleteNamespaceReply,
        DeleteNamespaceRequest, DeletePrefixRequest, DeleteReply, DeleteRequest,
        DescribeLeaseReply, DescribeLeaseRequest, DescribeNamespaceRequest, GetReply, GetRequest,
        GrantLeaseRequest, IncrementReply, IncrementRequest, KeepAliveLeaseRequest, Leader,
        LeaseInfo, ListLeasesReply, ListLeasesRequest, ListNamespacesRequest, ListReply,
        ListRequest, Member, MemberStatus, NamespaceInfo, OpenBackupReply, OpenBackupRequest,
        OpenSessionReply, OpenSessionRequest, OpenViewReply, PutReply, PutRequest, ReadBackupReply,
        ReadBackupRequest, RemoveMemberRequest, Revision, RevokeLeaseReply, RevokeLeaseRequest,
        SetMemberRequest, SetNamespaceRequest, Tag, TouchReply, TouchRequest,
        TransferLeaderRequest, TriggerSnapshotReply, TxnReply, TxnRequest, WatchReply,
        WatchRequest,
    },
};
use conversation::Conversation;
use futures::{SinkExt, StreamExt};
use tarpc::context::Context;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::{
    listener::Connections,
    service::{Call, Service},
};

/// A client that does not greet within this time is hung up on.
const GREETING: Duration = Duration::from_secs(5);

/// How long a client is asked to wait for whom there is no room.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// How long the last replies may take on their way when the member stops.
const LAST_REPLIES: Duration = Duration::from_secs(1);

/// Serves clients on a listener until the connections are closed.
pub fn serve(listener: TcpListener, service: Arc<Service>) -> Connections {
    let connections = Connections::patient(LAST_REPLIES);
    let stopping = connections.stopping();
    let limit = service.bounds().max_connections;
    connections.accept(
        listener,
        limit,
        move |socket| {
            let service = Arc::clone(&service);
            // Its own token: a shared one is a lock that all connections would take all the time.
            let stopping = stopping.child_token();
            async move {
                if let Err(error) = converse(socket, service, stopping).await {
                    tracing::debug!(%error, "client connection ended");
                }
            }
        },
        move |socket| async move {
            let message = format!(
                "this member serves {limit} connections already (--max-connections); close some, \
                 or share them"
            );
            let busy = HelloReply::Busy {
                message,
                retry_after: RETRY_AFTER,
            };
            turn_away(framed(socket, MAX_HANDSHAKE_BYTES), busy).await;
        },
    );
    connections
}

async fn turn_away(mut connection: Connection<Hello, HelloReply>, reply: HelloReply) {
    // The client may be gone; it was turned away either way. Its greeting is read first: closing a
    // socket that has unread bytes in it takes back what is on its way.
    let _ = tokio::time::timeout(GREETING, async {
        connection.send(reply).await?;
        connection.close().await?;
        while connection.next().await.transpose()?.is_some() {}
        Ok::<_, std::io::Error>(())
    })
    .await;
}

async fn refuse(connection: Connection<Hello, HelloReply>, message: String) {
    turn_away(connection, HelloReply::Refused { message }).await;
}

async fn converse(
    socket: TcpStream,
    service: Arc<Service>,
    stopping: CancellationToken,
) -> std::io::Result<()> {
    transport::tune(&socket)?;
    let mut connection: Connection<Hello, HelloReply> = framed(socket, MAX_HANDSHAKE_BYTES);
    let greeting = tokio::select! {
        () = stopping.cancelled() => return Ok(()),
        greeting = tokio::time::timeout(GREETING, connection.next()) => greeting,
    };
    let hello = match greeting {
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
    if let Some(awaited) = &hello.await_leader {
        tokio::select! {
            () = stopping.cancelled() => return Ok(()),
            () = service.leader_known(awaited) => {}
        }
    }
    connection
        .send(HelloReply::Welcome(service.welcome()))
        .await?;
    let frame = service.bounds().max_frame_bytes();
    let limit = service.bounds().max_in_flight;
    let session = Session {
        service,
        follow_leader: hello.follow_leader,
    };
    match hello.service {
        Wanted::Data => {
            let mut conversation = Conversation::new(reframe(connection, frame), limit, stopping);
            let serve = Data::serve(session);
            while let Some(request) = conversation.next().await.map_err(std::io::Error::other)? {
                tokio::spawn(request.execute(serve.clone()));
            }
            conversation.finish().await;
        }
        Wanted::Control => {
            let mut conversation = Conversation::new(reframe(connection, frame), limit, stopping);
            let serve = Control::serve(session);
            while let Some(request) = conversation.next().await.map_err(std::io::Error::other)? {
                tokio::spawn(request.execute(serve.clone()));
            }
            conversation.finish().await;
        }
    }
    Ok(())
}

/// One connection.
#[derive(Clone)]
struct Session {
    service: Arc<Service>,
    follow_leader: bool,
}

impl Session {
    fn call(&self, context: &Context) -> Call {
        self.write(context, None)
    }

    fn write(&self, context: &Context, tag: Option<Tag>) -> Call {
        Call {
            began: Instant::now(),
            deadline: context.deadline,
            follow_leader: self.follow_leader,
            tag,
        }
    }
}

/// Runs what is rare and large: boxed, since the future of a request has room for the largest of all
/// methods, and is copied when its task is spawned.
macro_rules! boxed {
    ($operation:expr) => {
        Box::pin($operation).await
    };
}

impl Data for Session {
    async fn put(
        self,
        context: Context,
        tag: Option<Tag>,
        request: PutRequest,
    ) -> Result<PutReply, Error> {
        self.service.put(&self.write(&context, tag), &request).await
    }

    async fn get(self, context: Context, request: GetRequest) -> Result<GetReply, Error> {
        self.service.get(&self.call(&context), request).await
    }

    async fn delete(
        self,
        context: Context,
        tag: Option<Tag>,
        request: DeleteRequest,
    ) -> Result<DeleteReply, Error> {
        boxed!(self.service.delete(&self.write(&context, tag), request))
    }

    async fn delete_prefix(
        self,
        context: Context,
        tag: Option<Tag>,
        request: DeletePrefixRequest,
    ) -> Result<DeleteReply, Error> {
        boxed!(
            self.service
                .delete_prefix(&self.write(&context, tag), request)
        )
    }

    async fn touch(
        self,
        context: Context,
        tag: Option<Tag>,
        request: TouchRequest,
    ) -> Result<TouchReply, Error> {
        boxed!(self.service.touch(&self.write(&context, tag), request))
    }

    async fn increment(
        self,
        context: Context,
        tag: Option<Tag>,
        request: IncrementRequest,
    ) -> Result<IncrementReply, Error> {
        boxed!(self.service.increment(&self.write(&context, tag), request))
    }

    async fn txn(
        self,
        context: Context,
        tag: Option<Tag>,
        request: TxnRequest,
    ) -> Result<TxnReply, Error> {
        boxed!(self.service.txn(&self.write(&context, tag), request))
    }

    async fn list(self, context: Context, request: ListRequest) -> Result<ListReply, Error> {
        boxed!(self.service.list(&self.call(&context), request))
    }

    async fn count(self, context: Context, request: CountRequest) -> Result<CountReply, Error> {
        boxed!(self.service.count(&self.call(&context), request))
    }

    async fn create_namespace(
        self,
        context: Context,
        tag: Option<Tag>,
        request: CreateNamespaceRequest,
    ) -> Result<NamespaceInfo, Error> {
        boxed!(
            self.service
                .create_namespace(&self.write(&context, tag), request)
        )
    }

    async fn describe_namespace(
        self,
        context: Context,
        request: DescribeNamespaceRequest,
    ) -> Result<NamespaceInfo, Error> {
        boxed!(
            self.service
                .describe_namespace(&self.call(&context), request)
        )
    }

    async fn list_namespaces(
        self,
        context: Context,
        request: ListNamespacesRequest,
    ) -> Result<Vec<NamespaceInfo>, Error> {
        boxed!(self.service.list_namespaces(&self.call(&context), request))
    }

    async fn set_namespace(
        self,
        context: Context,
        tag: Option<Tag>,
        request: SetNamespaceRequest,
    ) -> Result<NamespaceInfo, Error> {
        boxed!(
            self.service
                .set_namespace(&self.write(&context, tag), request)
        )
    }

    async fn delete_namespace(
        self,
        context: Context,
        tag: Option<Tag>,
        request: DeleteNamespaceRequest,
    ) -> Result<DeleteNamespaceReply, Error> {
        boxed!(
            self.service
                .delete_namespace(&self.write(&context, tag), request)
        )
    }

    async fn grant_lease(
        self,
        context: Context,
        tag: Option<Tag>,
        request: GrantLeaseRequest,
    ) -> Result<LeaseInfo, Error> {
        boxed!(
            self.service
                .grant_lease(&self.write(&context, tag), request)
        )
    }

    async fn keep_alive_lease(
        self,
        context: Context,
        tag: Option<Tag>,
        request: KeepAliveLeaseRequest,
    ) -> Result<LeaseInfo, Error> {
        boxed!(
            self.service
                .keep_alive_lease(&self.write(&context, tag), request)
        )
    }

    async fn revoke_lease(
        self,
        context: Context,
        tag: Option<Tag>,
        request: RevokeLeaseRequest,
    ) -> Result<RevokeLeaseReply, Error> {
        boxed!(
            self.service
                .revoke_lease(&self.write(&context, tag), request)
        )
    }

    async fn list_leases(
        self,
        context: Context,
        request: ListLeasesRequest,
    ) -> Result<ListLeasesReply, Error> {
        boxed!(self.service.list_leases(&self.call(&context), request))
    }

    async fn describe_lease(
        self,
        context: Context,
        request: DescribeLeaseRequest,
    ) -> Result<DescribeLeaseReply, Error> {
        boxed!(self.service.describe_lease(&self.call(&context), request))
    }

    async fn open_session(
        self,
        context: Context,
        request: OpenSessionRequest,
    ) -> Result<OpenSessionReply, Error> {
        boxed!(self.service.open_session(&self.call(&context), request))
    }

    async fn close_session(
        self,
        context: Context,
        request: CloseSessionRequest,
    ) -> Result<(), Error> {
        boxed!(self.service.close_session(&self.call(&context), request))
    }

    async fn revision(self, context: Context) -> Result<Revision, Error> {
        boxed!(self.service.revision(&self.call(&context)))
    }

    async fn watch(self, context: Context, request: WatchRequest) -> Result<WatchReply, Error> {
        boxed!(self.service.watch(&self.call(&context), request))
    }

    async fn open_view(self, context: Context) -> Result<OpenViewReply, Error> {
        boxed!(self.service.open_view(&self.call(&context)))
    }

    async fn close_view(self, context: Context, request: CloseViewRequest) -> Result<(), Error> {
        boxed!(self.service.close_view(&self.call(&context), request))
    }
}

impl Control for Session {
    async fn status(self, _context: Context) -> Result<MemberStatus, Error> {
        Ok(self.service.status())
    }

    async fn add_member(
        self,
        context: Context,
        request: AddMemberRequest,
    ) -> Result<Member, Error> {
        self.service.add_member(&self.call(&context), request).await
    }

    async fn set_member(
        self,
        context: Context,
        request: SetMemberRequest,
    ) -> Result<Member, Error> {
        self.service.set_member(&self.call(&context), request).await
    }

    async fn remove_member(
        self,
        context: Context,
        request: RemoveMemberRequest,
    ) -> Result<Member, Error> {
        self.service
            .remove_member(&self.call(&context), request)
            .await
    }

    async fn transfer_leader(
        self,
        context: Context,
        request: TransferLeaderRequest,
    ) -> Result<Leader, Error> {
        self.service
            .transfer_leader(&self.call(&context), request)
            .await
    }

    async fn open_backup(
        self,
        context: Context,
        request: OpenBackupRequest,
    ) -> Result<OpenBackupReply, Error> {
        boxed!(self.service.open_backup(&self.call(&context), request))
    }

    async fn read_backup(
        self,
        _: Context,
        request: ReadBackupRequest,
    ) -> Result<ReadBackupReply, Error> {
        self.service.read_backup(request).await
    }

    async fn close_backup(self, _: Context, request: CloseBackupRequest) -> Result<(), Error> {
        self.service.close_backup(request).await
    }

    async fn trigger_snapshot(self, context: Context) -> Result<TriggerSnapshotReply, Error> {
        self.service.trigger_snapshot(&self.call(&context)).await
    }

    async fn activity(self, _: Context, request: ActivityRequest) -> Result<Activity, Error> {
        self.service.activity(&request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request's future is copied several times on its way into its task: at 5 KiB, that was a
    /// quarter of the work of a busy member.
    #[test]
    fn the_futures_of_frequent_requests_are_small() {
        fn read<F: Future, A>(_: fn(Session, Context, A) -> F) -> usize {
            std::mem::size_of::<F>()
        }
        fn write<F: Future, A>(_: fn(Session, Context, Option<Tag>, A) -> F) -> usize {
            std::mem::size_of::<F>()
        }
        assert!(read(<Session as Data>::get) <= 1536);
        assert!(read(<Session as Data>::list) <= 1536);
        assert!(write(<Session as Data>::put) <= 1536);
        assert!(write(<Session as Data>::delete) <= 1536);
        assert!(write(<Session as Data>::create_namespace) <= 1536);
    }
}
