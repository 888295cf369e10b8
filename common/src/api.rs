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

/// Keys, values and namespaces.
///
/// Writes are acknowledged once a majority of the voters has them on disk. Reads are linearizable
/// unless the request asks for [`Consistency::Stale`](crate::types::Consistency::Stale).
///
/// A write with a [`Tag`] that is sent again is answered with the first reply, a refusal included,
/// and carried out once. Without one, a second attempt is a second write.
#[tarpc::service]
pub trait Data {
    /// Stores a value under a key, replacing what was there.
    async fn put(tag: Option<Tag>, request: PutRequest) -> Result<PutReply, Error>;

    /// Reads one key.
    async fn get(request: GetRequest) -> Result<GetReply, Error>;

    /// Deletes the keys named; those that do not exist are not counted.
    async fn delete(tag: Option<Tag>, request: DeleteRequest) -> Result<DeleteReply, Error>;

    /// Deletes every key that begins with a prefix, as one atomic operation.
    async fn delete_prefix(
        tag: Option<Tag>,
        request: DeletePrefixRequest,
    ) -> Result<DeleteReply, Error>;

    /// Sets how long a key lives, and changes nothing else of it.
    async fn touch(tag: Option<Tag>, request: TouchRequest) -> Result<TouchReply, Error>;

    /// Adds to a number.
    async fn increment(
        tag: Option<Tag>,
        request: IncrementRequest,
    ) -> Result<IncrementReply, Error>;

    /// Compares, then carries out one list of operations or another, as one atomic operation.
    async fn txn(tag: Option<Tag>, request: TxnRequest) -> Result<TxnReply, Error>;

    /// Lists keys in order, a page at a time.
    async fn list(request: ListRequest) -> Result<ListReply, Error>;

    /// Counts the keys with a prefix; without a prefix at constant cost.
    async fn count(request: CountRequest) -> Result<CountReply, Error>;

    /// Creates a namespace; [`Error::NamespaceExists`] when there is one of this name.
    async fn create_namespace(
        tag: Option<Tag>,
        request: CreateNamespaceRequest,
    ) -> Result<NamespaceInfo, Error>;

    /// Describes one namespace.
    async fn describe_namespace(request: DescribeNamespaceRequest) -> Result<NamespaceInfo, Error>;

    /// All namespaces, ordered by name, as one reply. Beyond some 300,000 of them (32 MiB) it is
    /// refused with [`Error::TooLarge`]: describe single ones then.
    async fn list_namespaces(request: ListNamespacesRequest) -> Result<Vec<NamespaceInfo>, Error>;

    /// Changes what a namespace allows.
    async fn set_namespace(
        tag: Option<Tag>,
        request: SetNamespaceRequest,
    ) -> Result<NamespaceInfo, Error>;

    /// Deletes a namespace and all its keys. The space is reclaimed in the background.
    async fn delete_namespace(
        tag: Option<Tag>,
        request: DeleteNamespaceRequest,
    ) -> Result<DeleteNamespaceReply, Error>;

    /// Grants a lease. Keys written with it live until it expires or is revoked.
    async fn grant_lease(tag: Option<Tag>, request: GrantLeaseRequest) -> Result<LeaseInfo, Error>;

    /// Lets a lease live its full time again, from now.
    async fn keep_alive_lease(
        tag: Option<Tag>,
        request: KeepAliveLeaseRequest,
    ) -> Result<LeaseInfo, Error>;

    /// Ends a lease and the life of its keys at once.
    async fn revoke_lease(
        tag: Option<Tag>,
        request: RevokeLeaseRequest,
    ) -> Result<RevokeLeaseReply, Error>;

    /// Lists leases by number, a page at a time.
    async fn list_leases(request: ListLeasesRequest) -> Result<ListLeasesReply, Error>;

    /// Describes one lease and names its keys.
    async fn describe_lease(request: DescribeLeaseRequest) -> Result<DescribeLeaseReply, Error>;

    /// Opens a session for writes that are carried out once.
    async fn open_session(request: OpenSessionRequest) -> Result<OpenSessionReply, Error>;

    /// Closes a session.
    async fn close_session(request: CloseSessionRequest) -> Result<(), Error>;

    /// The revision of the state as it is now: nothing acknowledged before the call is above it.
    async fn revision() -> Result<Revision, Error>;

    /// Waits for changes of keys, from a place on. Answered by the member asked, whether or not it
    /// leads. [`Error::Compacted`] if it does not have all changes from that place on any more;
    /// another member may.
    async fn watch(request: WatchRequest) -> Result<WatchReply, Error>;

    /// Pins the state as it is now, so that a listing of many pages shows one revision. The leader
    /// keeps the view, for [`VIEW_IDLE`](crate::types::VIEW_IDLE) after its last use, as long as it
    /// leads; afterwards reads of it are refused with [`Error::ViewNotFound`].
    async fn open_view() -> Result<OpenViewReply, Error>;

    /// Lets go of a view.
    async fn close_view(request: CloseViewRequest) -> Result<(), Error>;
}

/// The member itself and the cluster it belongs to. Never forwarded: each member speaks and acts for
/// itself.
#[tarpc::service]
pub trait Control {
    /// The state of the member that answers, and the members it knows. Answered in every state.
    async fn status() -> Result<MemberStatus, Error>;

    /// Adds a member. Only the leader does it, as all changes below; others answer
    /// [`Error::NotLeader`].
    async fn add_member(request: AddMemberRequest) -> Result<Member, Error>;

    /// Promotes or demotes a member, or changes its addresses.
    async fn set_member(request: SetMemberRequest) -> Result<Member, Error>;

    /// Removes a member. Asked to remove itself, the leader hands its leadership over and answers
    /// [`Error::NotLeader`].
    async fn remove_member(request: RemoveMemberRequest) -> Result<Member, Error>;

    /// Hands leadership over, and returns when the other member has it.
    async fn transfer_leader(request: TransferLeaderRequest) -> Result<Leader, Error>;

    /// Pins the member's state for a backup, once it has everything acknowledged before the call.
    /// Kept for [`BACKUP_IDLE`](crate::types::BACKUP_IDLE) after its last use; a member has few open
    /// at a time, further ones are refused with [`Error::Overloaded`].
    async fn open_backup(request: OpenBackupRequest) -> Result<OpenBackupReply, Error>;

    /// The next piece of a backup, a stream in the format of [`crate::snapshot`];
    /// [`Error::BackupNotFound`] if it is not kept any more.
    async fn read_backup(request: ReadBackupRequest) -> Result<ReadBackupReply, Error>;

    /// Lets go of a backup.
    async fn close_backup(request: CloseBackupRequest) -> Result<(), Error>;

    /// Makes the member's state survive a restart without the log before it, and lets go of that log
    /// as far as `--log-retain` allows. Returns when it is done.
    async fn trigger_snapshot() -> Result<TriggerSnapshotReply, Error>;

    /// What the member did since its process began, and what happened lately. Cheap enough to be
    /// asked several times a second. Answered in every state.
    async fn activity(request: ActivityRequest) -> Result<Activity, Error>;
}
