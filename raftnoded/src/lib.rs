//! The daemon of raftnode: one member of a replicated key-value store.
//!
//! ```text
//! program      flags, logging, exit code
//! node         opens, wires, starts and stops everything, in order
//! config       every setting, once
//! disk         how much room its file system has
//! identity     the data directory: who this member is
//! notify       what the service manager is told
//! offline      a new cluster from a backup, or from one survivor
//! listener     accepting connections, for both ports
//! formats      the versions of what is written and sent
//! rpc          the client API over TCP, one line a method
//! service      the operations and their rules
//! upkeep       what the leader does unasked: freeing, expiry
//! raft         consensus: log, replication, snapshots, formation
//! wal          the write-ahead log under it
//! watch        what changed lately, and who waits for more
//! store        the deterministic state machine
//! engine       ordered bytes under that: memory or RocksDB
//! failpoint    places where a test makes it fail; nothing of it is in an ordinary build
//! ```
//!
//! Imports point down this list, and `node` may import everything.

#[macro_use]
mod failpoint;

pub mod config;
pub mod disk;
pub mod engine;
mod formats;
pub mod identity;
mod listener;
pub mod node;
mod notify;
pub mod offline;
pub mod program;
pub mod raft;
mod rpc;
pub mod service;
pub mod store;
mod upkeep;
pub mod wal;
mod watch;

pub use formats::formats;
pub use node::{Failure, Node};
