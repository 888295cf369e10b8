//! Leases: lifetimes that many keys share.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Consistency, Revision};

/// The number of a lease: the revision that granted it.
pub type LeaseId = u64;

/// The longest time to live: ten years.
pub const MAX_TTL: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The shortest life of a lease. One that must be kept alive more often than a failover takes
/// would be lost with every leader.
pub const MIN_LEASE_TTL: Duration = Duration::from_secs(1);

/// See [`Data::grant_lease`](crate::api::Data::grant_lease).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantLeaseRequest {
    /// How long it lives without being kept alive: [`MIN_LEASE_TTL`] to [`MAX_TTL`].
    pub ttl: Duration,
}

/// See [`Data::keep_alive_lease`](crate::api::Data::keep_alive_lease).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeepAliveLeaseRequest {
    /// The lease.
    pub id: LeaseId,
}

/// See [`Data::revoke_lease`](crate::api::Data::revoke_lease).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeLeaseRequest {
    /// The lease.
    pub id: LeaseId,
}

/// The answer to a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeLeaseReply {
    /// The revision of the revocation: from it on, no read shows a key of the lease.
    pub revision: Revision,
    /// How many keys lived with it.
    pub keys: u64,
}

/// A lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseInfo {
    /// Its number.
    pub id: LeaseId,
    /// How long it lives without being kept alive.
    pub ttl: Duration,
    /// How long it will live on from now.
    pub remaining: Duration,
    /// How many keys live with it.
    pub keys: u64,
}

/// See [`Data::list_leases`](crate::api::Data::list_leases).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListLeasesRequest {
    /// Only leases with a greater number: [`ListLeasesReply::next`] of the page before.
    pub after: Option<LeaseId>,
    /// What may be returned.
    pub consistency: Consistency,
}

/// A page of leases, ordered by number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListLeasesReply {
    /// The leases.
    pub leases: Vec<LeaseInfo>,
    /// Pass as [`ListLeasesRequest::after`] for the next page; none at the end.
    pub next: Option<LeaseId>,
}

/// See [`Data::describe_lease`](crate::api::Data::describe_lease).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribeLeaseRequest {
    /// The lease.
    pub id: LeaseId,
    /// What may be returned.
    pub consistency: Consistency,
}

/// A lease and the keys that live with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribeLeaseReply {
    /// The lease.
    pub lease: LeaseInfo,
    /// Namespace and key of the first thousand that live with it.
    pub keys: Vec<(String, Bytes)>,
}
