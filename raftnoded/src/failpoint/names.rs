//! Every point and switch, once.

/// Defines an enum whose variants have names in [`RAFTNODED_FAILPOINTS`](super).
macro_rules! named {
    ($(#[$about:meta])* $kind:ident { $($(#[$doc:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum $kind {
            $($(#[$doc])* $variant,)*
        }

        impl $kind {
            /// All of them.
            pub(super) const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in the variable.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The one with this name.
            pub(super) fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }
    };
}

named! {
    /// A place in the code.
    Point {
        /// Entries are about to be queued for the log.
        LogAppendBefore = "log.append.before",
        /// Entries are queued, and can be read, but neither written nor synced.
        LogAppendAfter = "log.append.after",
        /// A vote is about to be stored.
        LogVoteBefore = "log.vote.before",
        /// A vote is durable, and nobody was told yet.
        LogVoteAfter = "log.vote.after",
        /// Entries are about to be purged.
        LogPurgeBefore = "log.purge.before",
        /// The mark of a purge is queued, and its segments are released.
        LogPurgeAfter = "log.purge.after",
        /// The log's writer is about to write records.
        WalWriteBefore = "wal.write.before",
        /// Records are written, and not synced.
        WalWriteAfter = "wal.write.after",
        /// Records are about to be synced: an error here is that of `fdatasync`.
        WalSyncBefore = "wal.sync.before",
        /// Records are durable, and nobody was told yet.
        WalSyncAfter = "wal.sync.after",
        /// A released segment is about to be renamed or removed.
        WalReleaseBefore = "wal.release.before",
        /// A released segment is renamed or removed, and the directory synced.
        WalReleaseAfter = "wal.release.after",
        /// Committed entries are about to be applied.
        ApplyBefore = "apply.before",
        /// Entries are applied, and their proposers have no reply yet.
        ApplyAfter = "apply.after",
        /// A snapshot is about to be made durable.
        SnapshotSaveBefore = "snapshot.save.before",
        /// A snapshot is durable, and the log is not purged yet.
        SnapshotSaveAfter = "snapshot.save.after",
        /// A snapshot is about to take the place of the former one: a file, or a database.
        SnapshotRenameBefore = "snapshot.rename.before",
        /// A snapshot has taken that place, and the directory is not synced.
        SnapshotRenameAfter = "snapshot.rename.after",
        /// A snapshot from the leader, complete and verified, is about to replace the state.
        SnapshotInstallBefore = "snapshot.install.before",
        /// The state is the leader's snapshot, and consensus does not know it yet.
        SnapshotInstallAfter = "snapshot.install.after",
    }
}

named! {
    /// A deliberate change of behaviour: a mode of the disk, or a bug that the checks must find.
    Switch {
        /// What the log has not synced is lost when the process is killed, as in a power cut.
        Unsynced = "wal.unsynced",
        /// A bug: the log says that it has synced, and has not.
        SkipSync = "broken.skip_sync",
        /// A bug: a linearizable get is answered by whoever is asked, from the state it happens to
        /// have.
        LocalReads = "broken.local_reads",
        /// A bug: a write that is sent again is carried out again.
        NoSessions = "broken.no_sessions",
    }
}
