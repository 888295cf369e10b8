//! Namespaces: what they hold and what they allow.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Consistency, Revision};

/// What a namespace allows, and what its keys get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceSettings {
    /// The most keys it holds; none for no bound.
    pub max_keys: Option<u64>,
    /// The most bytes of keys and values it holds; none for no bound.
    pub max_bytes: Option<u64>,
    /// The longest value, in bytes, where the server's `--max-value-bytes` allows more.
    pub max_value_bytes: Option<u64>,
    /// How long a key lives that is written without a lifetime; none for ever.
    pub default_ttl: Option<Duration>,
}

/// A change to one setting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change<T> {
    /// As it is.
    #[default]
    Keep,
    /// No bound.
    Clear,
    /// This.
    Set(T),
}

/// See [`Data::create_namespace`](crate::api::Data::create_namespace).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateNamespaceRequest {
    /// The name: 1 to 64 of `A-Z a-z 0-9 . _ -`, beginning with a letter or digit.
    pub name: String,
    /// What it allows.
    pub settings: NamespaceSettings,
}

/// See [`Data::set_namespace`](crate::api::Data::set_namespace). What is there already stays,
/// also beyond a new bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetNamespaceRequest {
    /// The name.
    pub name: String,
    /// See [`NamespaceSettings::max_keys`].
    pub max_keys: Change<u64>,
    /// See [`NamespaceSettings::max_bytes`].
    pub max_bytes: Change<u64>,
    /// See [`NamespaceSettings::max_value_bytes`].
    pub max_value_bytes: Change<u64>,
    /// See [`NamespaceSettings::default_ttl`]. Applies to what is written from now on.
    pub default_ttl: Change<Duration>,
}

/// See [`Data::describe_namespace`](crate::api::Data::describe_namespace).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribeNamespaceRequest {
    /// The name.
    pub name: String,
    /// What may be returned.
    pub consistency: Consistency,
}

/// See [`Data::list_namespaces`](crate::api::Data::list_namespaces).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListNamespacesRequest {
    /// What may be returned.
    pub consistency: Consistency,
}

/// See [`Data::delete_namespace`](crate::api::Data::delete_namespace).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteNamespaceRequest {
    /// The name.
    pub name: String,
    /// Refuse with [`Error::NamespaceNotEmpty`](crate::Error::NamespaceNotEmpty) if it holds keys.
    pub only_if_empty: bool,
}

/// The answer to a namespace's deletion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteNamespaceReply {
    /// How many keys it held.
    pub keys: u64,
    /// The revision of the deletion.
    pub revision: Revision,
}

/// A namespace and what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceInfo {
    /// Its name.
    pub name: String,
    /// Its number; never reused, also for a later namespace of the same name.
    pub id: u32,
    /// The revision that created it.
    pub create_revision: Revision,
    /// Its live keys; exact.
    pub keys: u64,
    /// The bytes of its live keys and values; exact.
    pub bytes: u64,
    /// What it allows.
    pub settings: NamespaceSettings,
}
