//! The versions of all that is written to disk and sent to others, in one place.
//!
//! | format | stamped | refused by |
//! | --- | --- | --- |
//! | data directory | `format` in `identity.toml` | [`identity`], before anything else is opened |
//! | log segment | header page of each segment | [`wal`](crate::wal), when the log is opened |
//! | command | first byte of each command | when the log is opened, and when it is applied |
//! | membership | first byte of each membership | likewise |
//! | layout of the state | record in the state, header of a snapshot | when the state is opened or read |
//! | snapshot | header of each stream | when it is read |
//! | client protocol | the first frame of a connection | both ends of it |
//! | peer protocol | the first frame of a connection | both ends of it |
//!
//! A newer one is refused with a message that names both versions, and before anything is changed.

use common::{snapshot, transport, types::Formats};

use crate::{identity, raft, store};

/// The newest versions that this program reads, which are those it writes.
pub fn formats() -> Formats {
    Formats {
        data_directory: identity::FORMAT,
        protocol: transport::PROTOCOL_VERSION,
        peer_protocol: raft::PEER_PROTOCOL,
        command: u32::from(store::COMMAND_VERSION),
        snapshot: snapshot::SNAPSHOT_VERSION,
    }
}
