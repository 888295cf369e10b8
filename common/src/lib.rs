//! The public API of raftnode: everything a Rust program needs to talk to a cluster.
//!
//! - [`api`]: the two services, one method an operation. This is the API document.
//! - [`types`]: requests, replies and what they are made of.
//! - [`Error`]: the one error, on the wire and in the client.
//! - [`transport`]: framing, handshake and limits, for both ends of a connection.
//! - [`Client`]: connects to any member and follows the leader.
//! - [`snapshot`]: the container of snapshots and backups, to be checked without a server.
//!
//! ```no_run
//! # async fn example() -> Result<(), common::Error> {
//! use common::{Client, ClientConfig, types::{Consistency, GetRequest, PutRequest}};
//!
//! let client = Client::connect(ClientConfig::new(["127.0.0.1:7420"])).await?;
//! client.put(PutRequest::new("default", "greeting", "hello")).await?;
//! let found = client.get(GetRequest::new("default", "greeting", Consistency::Linearizable)).await?;
//! assert_eq!(found.entry.map(|entry| entry.value), Some("hello".into()));
//! # Ok(())
//! # }
//! ```

pub mod api;
pub mod client;
mod error;
pub mod snapshot;
pub mod transport;
pub mod types;

pub use client::{Client, ClientConfig};
pub use error::{Error, ErrorCode};
