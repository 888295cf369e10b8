//! The operations, one method each.

use super::{
    Client,
    call::{Kind, check_entry, check_keys},
};
use crate::{
    error::Error,
    types::{
        CloseSessionRequest, CloseViewRequest, Consistency, CountReply, CountRequest,
        CreateNamespaceRequest, DeleteNamespaceReply, DeleteNamespaceRequest, DeletePrefixRequest,
        DeleteReply, DeleteRequest, DescribeLeaseReply, DescribeLeaseRequest,
        DescribeNamespaceRequest, GetReply, GetRequest, GrantLeaseRequest, IncrementReply,
        IncrementRequest, KeepAliveLeaseRequest, LeaseInfo, ListLeasesReply, ListLeasesRequest,
        ListNamespacesRequest, ListReply, ListRequest, NamespaceInfo, OpenSessionReply,
        OpenSessionRequest, OpenViewReply, PutReply, PutRequest, Revision, RevokeLeaseReply,
        RevokeLeaseRequest, SetNamespaceRequest, TouchReply, TouchRequest, TxnReply, TxnRequest,
        ViewId,
    },
};

/// A write: its request is cloned for each attempt, and carries the same tag in all of them.
macro_rules! write {
    ($client:expr, $method:ident, $request:expr) => {{
        let request = $request;
        $client.write(move |link, context, tag| {
            let request = request.clone();
            async move { Ok(link.data.$method(context, tag, request).await) }
        })
    }};
}

/// A read.
macro_rules! read {
    ($client:expr, $method:ident, $request:expr, $consistency:expr) => {{
        let request = $request;
        $client.call(Kind::Read($consistency), move |link, context| {
            let request = request.clone();
            async move { Ok(link.data.$method(context, request).await) }
        })
    }};
}

impl Client {
    /// Stores a value under a key.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::OutcomeUnknown`] if the answer was cut off.
    pub async fn put(&self, request: PutRequest) -> Result<PutReply, Error> {
        self.write(move |link, context, tag| {
            let request = request.clone();
            async move {
                check_entry(link.limits(), &request.key, Some(request.value.len()))?;
                Ok(link.data.put(context, tag, request).await)
            }
        })
        .await
    }

    /// Reads one key.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get(&self, request: GetRequest) -> Result<GetReply, Error> {
        self.call(Kind::Read(request.consistency), move |link, context| {
            let request = request.clone();
            async move {
                check_entry(link.limits(), &request.key, None)?;
                Ok(link.data.get(context, request).await)
            }
        })
        .await
    }

    /// Deletes the keys named, as one atomic operation.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::OutcomeUnknown`] if the answer was cut off.
    pub async fn delete(&self, request: DeleteRequest) -> Result<DeleteReply, Error> {
        check_keys(&request.keys)?;
        write!(self, delete, request).await
    }

    /// Deletes every key that begins with a prefix, as one atomic operation.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::OutcomeUnknown`] if the answer was cut off.
    pub async fn delete_prefix(&self, request: DeletePrefixRequest) -> Result<DeleteReply, Error> {
        write!(self, delete_prefix, request).await
    }

    /// Sets how long a key lives, and changes nothing else of it.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::OutcomeUnknown`] if the answer was cut off.
    pub async fn touch(&self, request: TouchRequest) -> Result<TouchReply, Error> {
        write!(self, touch, request).await
    }

    /// Adds to a number.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::NotAnInteger`] and [`Error::IntegerOverflow`] change nothing.
    pub async fn increment(&self, request: IncrementRequest) -> Result<IncrementReply, Error> {
        write!(self, increment, request).await
    }

    /// Compares, then carries out one list of operations or another, as one atomic operation.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::OutcomeUnknown`] if the answer was cut off.
    pub async fn txn(&self, request: TxnRequest) -> Result<TxnReply, Error> {
        write!(self, txn, request).await
    }

    /// Lists keys in order, a page at a time.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list(&self, request: ListRequest) -> Result<ListReply, Error> {
        let consistency = match request.view {
            // The view is the leader's.
            Some(_) => Consistency::Linearizable,
            None => request.consistency,
        };
        read!(self, list, request, consistency).await
    }

    /// Counts the keys with a prefix.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn count(&self, request: CountRequest) -> Result<CountReply, Error> {
        let consistency = request.consistency;
        read!(self, count, request, consistency).await
    }

    /// Creates a namespace.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::NamespaceExists`] if there is one of this name.
    pub async fn create_namespace(
        &self,
        request: CreateNamespaceRequest,
    ) -> Result<NamespaceInfo, Error> {
        write!(self, create_namespace, request).await
    }

    /// Describes one namespace.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::NamespaceNotFound`] if there is none of this name.
    pub async fn describe_namespace(
        &self,
        request: DescribeNamespaceRequest,
    ) -> Result<NamespaceInfo, Error> {
        let consistency = request.consistency;
        read!(self, describe_namespace, request, consistency).await
    }

    /// All namespaces, ordered by name.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::TooLarge`] if they do not fit one reply (some 200,000 do).
    pub async fn list_namespaces(
        &self,
        request: ListNamespacesRequest,
    ) -> Result<Vec<NamespaceInfo>, Error> {
        let consistency = request.consistency;
        read!(self, list_namespaces, request, consistency).await
    }

    /// Changes what a namespace allows; answers with what it is then.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::NamespaceNotFound`] if there is none of this name.
    pub async fn set_namespace(
        &self,
        request: SetNamespaceRequest,
    ) -> Result<NamespaceInfo, Error> {
        write!(self, set_namespace, request).await
    }

    /// Deletes a namespace and all its keys.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::OutcomeUnknown`] if the answer was cut off.
    pub async fn delete_namespace(
        &self,
        request: DeleteNamespaceRequest,
    ) -> Result<DeleteNamespaceReply, Error> {
        write!(self, delete_namespace, request).await
    }

    /// Grants a lease.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::OutcomeUnknown`] if the answer was cut off.
    pub async fn grant_lease(&self, request: GrantLeaseRequest) -> Result<LeaseInfo, Error> {
        write!(self, grant_lease, request).await
    }

    /// Lets a lease live its full time again, from now.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::LeaseNotFound`] if it has ended.
    pub async fn keep_alive_lease(
        &self,
        request: KeepAliveLeaseRequest,
    ) -> Result<LeaseInfo, Error> {
        // Carried out twice it means the same: it needs no session.
        self.call(Kind::Idempotent, move |link, context| async move {
            Ok(link.data.keep_alive_lease(context, None, request).await)
        })
        .await
    }

    /// Ends a lease and the life of its keys at once.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::LeaseNotFound`] if it has ended.
    pub async fn revoke_lease(
        &self,
        request: RevokeLeaseRequest,
    ) -> Result<RevokeLeaseReply, Error> {
        write!(self, revoke_lease, request).await
    }

    /// Lists leases by number, a page at a time.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_leases(&self, request: ListLeasesRequest) -> Result<ListLeasesReply, Error> {
        let consistency = request.consistency;
        read!(self, list_leases, request, consistency).await
    }

    /// Describes one lease and names its keys.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::LeaseNotFound`] if it has ended.
    pub async fn describe_lease(
        &self,
        request: DescribeLeaseRequest,
    ) -> Result<DescribeLeaseReply, Error> {
        let consistency = request.consistency;
        read!(self, describe_lease, request, consistency).await
    }

    /// The revision of the state as it is now: nothing acknowledged before the call is above it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn revision(&self) -> Result<Revision, Error> {
        let kind = Kind::Read(Consistency::Linearizable);
        self.call(kind, |link, context| async move {
            Ok(link.data.revision(context).await)
        })
        .await
    }

    /// Pins the state as it is now, for a listing of many pages that shows one revision; see
    /// [`Data::open_view`](crate::api::Data::open_view).
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Overloaded`] if too many views are open.
    pub async fn open_view(&self) -> Result<OpenViewReply, Error> {
        let kind = Kind::Read(Consistency::Linearizable);
        self.call(kind, |link, context| async move {
            Ok(link.data.open_view(context).await)
        })
        .await
    }

    /// Lets go of a view.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn close_view(&self, view: ViewId) -> Result<(), Error> {
        let request = CloseViewRequest { view };
        read!(self, close_view, request, Consistency::Linearizable).await
    }

    /// Opens a session, for a program that numbers its writes itself.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open_session(
        &self,
        request: OpenSessionRequest,
    ) -> Result<OpenSessionReply, Error> {
        // One that was opened and whose answer was lost expires unused.
        self.call(Kind::Idempotent, move |link, context| async move {
            Ok(link.data.open_session(context, request).await)
        })
        .await
    }

    /// Closes a session.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn close_session(&self, request: CloseSessionRequest) -> Result<(), Error> {
        self.call(Kind::Idempotent, move |link, context| async move {
            Ok(link.data.close_session(context, request).await)
        })
        .await
    }
}
