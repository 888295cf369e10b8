//! The two services of a member. A connection serves one of them; which one is said in the
//! handshake ([`crate::transport::Hello`]).
//!
//! Every member answers every request. What only the leader can do is forwarded to it, unless the
//! connection asked to be told instead ([`crate::transport::Hello::follow_leader`]).
//!
//! Each method returns [`Error`] for what went wrong; [`Error::is_retryable`] says whether the
//! request certainly had no effect.

use crate::{
    error::Error,
    types::{
        CountReply, CountRequest, CreateNamespaceRequest, DeleteNamespaceReply,
        DeleteNamespaceRequest, DeletePrefixRequest, DeleteReply, DeleteRequest,
        DescribeNamespaceRequest, GetReply, GetRequest, ListNamespacesRequest, ListReply,
        ListRequest, MemberStatus, NamespaceInfo, PutReply, PutRequest,
    },
};

/// Keys, values and namespaces.
///
/// Writes are acknowledged once a majority of the voters has them on disk. Reads are linearizable
/// unless the request asks for [`Consistency::Stale`](crate::types::Consistency::Stale).
#[tarpc::service]
pub trait Data {
    /// Stores a value under a key, replacing what was there.
    async fn put(request: PutRequest) -> Result<PutReply, Error>;

    /// Reads one key.
    async fn get(request: GetRequest) -> Result<GetReply, Error>;

    /// Deletes the keys named; those that do not exist are not counted.
    async fn delete(request: DeleteRequest) -> Result<DeleteReply, Error>;

    /// Deletes every key that begins with a prefix, as one atomic operation.
    async fn delete_prefix(request: DeletePrefixRequest) -> Result<DeleteReply, Error>;

    /// Lists keys in order, a page at a time.
    async fn list(request: ListRequest) -> Result<ListReply, Error>;

    /// Counts the keys with a prefix; without a prefix at constant cost.
    async fn count(request: CountRequest) -> Result<CountReply, Error>;

    /// Creates a namespace; [`Error::NamespaceExists`] when there is one of this name.
    async fn create_namespace(request: CreateNamespaceRequest) -> Result<NamespaceInfo, Error>;

    /// Describes one namespace.
    async fn describe_namespace(request: DescribeNamespaceRequest) -> Result<NamespaceInfo, Error>;

    /// All namespaces, ordered by name, as one reply. Beyond some 300,000 of them (32 MiB) it is
    /// refused with [`Error::TooLarge`]: describe single ones then.
    async fn list_namespaces(request: ListNamespacesRequest) -> Result<Vec<NamespaceInfo>, Error>;

    /// Deletes a namespace and all its keys. The space is reclaimed in the background.
    async fn delete_namespace(
        request: DeleteNamespaceRequest,
    ) -> Result<DeleteNamespaceReply, Error>;
}

/// The member itself and the cluster it belongs to. Never forwarded: each member speaks of itself.
#[tarpc::service]
pub trait Control {
    /// The state of the member that answers, and the members it knows.
    async fn status() -> Result<MemberStatus, Error>;
}
