//! Reads a snapshot stream and believes nothing that no engine of this layout holds.

use std::io::Read;

use common::snapshot::{FormatError, Header, SnapshotReader as Container, Summary};

use super::super::keys::Key;
use crate::engine::Record;

/// Yields the records of a snapshot stream, in key order.
///
/// It ends without an error only after the trailer matched and the stream ended there. Records
/// yielded before are sound one by one, but the snapshot as a whole counts only at that end.
pub struct SnapshotReader<R> {
    container: Container<R>,
    failed: bool,
}

impl<R: Read> SnapshotReader<R> {
    /// Reads and checks the header. The stream need not be buffered.
    ///
    /// # Errors
    /// As [`Container::new`].
    pub fn new(stream: R) -> Result<Self, FormatError> {
        Ok(Self {
            container: Container::new(stream)?,
            failed: false,
        })
    }

    /// What the stream says of itself.
    pub fn header(&self) -> &Header {
        self.container.header()
    }

    /// The header, and what the snapshot held, if it was read to its end and found sound.
    ///
    /// # Errors
    /// [`FormatError::Truncated`] if it was not.
    pub fn finish(self) -> Result<(Header, Summary), FormatError> {
        self.container.finish()
    }

    /// A record of the layout, and none of those that stand in the header.
    fn check(&self, record: Record) -> Result<Record, FormatError> {
        match Key::decode(&record.0) {
            Ok(Key::Applied | Key::Membership | Key::Layout) => Err(self
                .container
                .senseless("it holds a record that belongs into the header".to_owned())),
            Ok(_) => Ok(record),
            Err(error) => Err(self.container.senseless(error.to_string())),
        }
    }
}

impl<R: Read> Iterator for SnapshotReader<R> {
    type Item = Result<Record, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let step = self.container.next()?.and_then(|record| self.check(record));
        self.failed = step.is_err();
        Some(step)
    }
}
