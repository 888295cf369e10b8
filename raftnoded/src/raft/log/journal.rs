//! What the log needs of the file that its records lie in.

use std::io;

use crate::wal::{Done, Position, Record, RecordRef, RecordTooLarge, Wal, WalStats};

/// Records in one order that a crash keeps: a [`Wal`], whose documentation says what the functions
/// do, or a disk that a simulation makes fail.
pub(in crate::raft) trait Journal: Send + Sync {
    /// See [`Wal::append`].
    fn append(
        &self,
        records: &[RecordRef<'_>],
        done: Option<Done>,
    ) -> Result<Vec<Position>, RecordTooLarge>;

    /// See [`Wal::read_range`].
    fn read_range(&self, from: Position, max_bytes: usize) -> io::Result<Vec<(Position, Record)>>;

    /// See [`Wal::release`].
    fn release(&self, before_segment: u32);

    /// See [`Wal::end`].
    fn end(&self) -> Position;

    /// See [`Wal::close`].
    fn close(&self) -> io::Result<()>;

    /// See [`Wal::disk_bytes`].
    fn disk_bytes(&self) -> io::Result<u64>;

    /// See [`Wal::stats`].
    fn stats(&self) -> WalStats;

    /// See [`Wal::is_space_low`].
    fn is_space_low(&self) -> bool;

    /// See [`Wal::make_room`].
    fn make_room(&self);
}

impl Journal for Wal {
    fn append(
        &self,
        records: &[RecordRef<'_>],
        done: Option<Done>,
    ) -> Result<Vec<Position>, RecordTooLarge> {
        self.append(records, done)
    }

    fn read_range(&self, from: Position, max_bytes: usize) -> io::Result<Vec<(Position, Record)>> {
        self.read_range(from, max_bytes)
    }

    fn release(&self, before_segment: u32) {
        self.release(before_segment);
    }

    fn end(&self) -> Position {
        self.end()
    }

    fn close(&self) -> io::Result<()> {
        self.close()
    }

    fn disk_bytes(&self) -> io::Result<u64> {
        self.disk_bytes()
    }

    fn stats(&self) -> WalStats {
        self.stats()
    }

    fn is_space_low(&self) -> bool {
        self.is_space_low()
    }

    fn make_room(&self) {
        self.make_room();
    }
}
