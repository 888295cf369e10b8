//! Writes a snapshot stream, a chunk at a time, from a pinned view.

use std::ops::Bound;

use common::snapshot::{Header, SnapshotEncoder};

use super::super::{keys, scan};
use super::{SnapshotError, header_of};
use crate::engine::{Slice, View};

/// Turns a pinned view into a snapshot stream. Pulled by the receiver, so a slow one costs one
/// block of memory and no more.
pub struct SnapshotWriter {
    view: View,
    header: Header,
    next: Next,
}

/// What the next chunk is.
enum Next {
    Header,
    /// The block after this key.
    Block(SnapshotEncoder, Option<Slice>),
    Trailer(Vec<u8>),
    Nothing,
}

impl SnapshotWriter {
    /// A stream of the state that `view` shows. The applied position and the membership are read
    /// from the view itself, so that they cannot differ from the records.
    ///
    /// # Errors
    /// [`SnapshotError::Engine`] if the view cannot be read.
    pub fn new(view: View, cluster_id: u128) -> Result<Self, SnapshotError> {
        let header = header_of(&*view, cluster_id)?;
        Ok(Self {
            view,
            header,
            next: Next::Header,
        })
    }

    /// What the stream says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next chunk: the header, a block, or the trailer; none at the end.
    ///
    /// # Errors
    /// After an error the stream is useless and must be given up.
    pub fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, SnapshotError> {
        match std::mem::replace(&mut self.next, Next::Nothing) {
            Next::Header => {
                let (encoder, chunk) = SnapshotEncoder::new(&self.header)?;
                self.next = Next::Block(encoder, None);
                Ok(Some(chunk))
            }
            Next::Block(encoder, after) => self.block(encoder, after).map(Some),
            Next::Trailer(chunk) => Ok(Some(chunk)),
            Next::Nothing => Ok(None),
        }
    }

    fn block(
        &mut self,
        mut encoder: SnapshotEncoder,
        after: Option<Slice>,
    ) -> Result<Vec<u8>, SnapshotError> {
        let (mut start, end) = keys::data();
        if let Some(after) = after {
            start = Bound::Excluded(after);
        }
        for record in scan(&*self.view, (start, end), false) {
            let (key, value) = record?;
            if let Some(block) = encoder.push(&key, &value)? {
                self.next = Next::Block(encoder, Some(key));
                return Ok(block);
            }
        }
        let ending = encoder.finish()?;
        match ending.block {
            Some(block) => {
                self.next = Next::Trailer(ending.trailer);
                Ok(block)
            }
            None => Ok(ending.trailer),
        }
    }
}
