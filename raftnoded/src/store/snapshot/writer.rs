//! Writes a snapshot stream, a chunk at a time, from a pinned view.

use std::ops::Bound;

use super::super::{keys, scan};
use super::{
    BLOCK, BLOCK_BYTES, BLOCK_HEAD, Header, MAGIC, MAX_HEADER, SNAPSHOT_VERSION, SnapshotError,
    TRAILER, TRAILER_LEN,
};
use crate::engine::{Slice, View};

/// Turns a pinned view into a snapshot stream. Pulled by the receiver, so a slow one costs one
/// block of memory and no more.
pub struct SnapshotWriter {
    view: View,
    header: Header,
    next: Next,
    records: u64,
    blocks: u64,
    checksum: u32,
}

/// What the next chunk is.
enum Next {
    Header,
    /// The block after this key.
    Block(Option<Slice>),
    Trailer,
    Nothing,
}

impl SnapshotWriter {
    /// A stream of the state that `view` shows. The applied position and the membership are read
    /// from the view itself, so that they cannot differ from the records.
    ///
    /// # Errors
    /// [`SnapshotError::Engine`] if the view cannot be read.
    pub fn new(view: View, cluster_id: u128) -> Result<Self, SnapshotError> {
        let header = Header::of(&*view, cluster_id)?;
        Ok(Self {
            view,
            header,
            next: Next::Header,
            records: 0,
            blocks: 0,
            checksum: 0,
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
        let chunk = match std::mem::replace(&mut self.next, Next::Nothing) {
            Next::Header => {
                self.next = Next::Block(None);
                self.header_chunk()?
            }
            Next::Block(after) => match self.block(after)? {
                Some(block) => block,
                None => self.trailer(),
            },
            Next::Trailer => self.trailer(),
            Next::Nothing => return Ok(None),
        };
        Ok(Some(chunk))
    }

    /// Counts bytes in for the checksum of the whole.
    fn cover(&mut self, bytes: &[u8]) {
        self.checksum = crc32c::crc32c_append(self.checksum, bytes);
    }

    fn header_chunk(&mut self) -> Result<Vec<u8>, SnapshotError> {
        let body = postcard::to_stdvec(&self.header)
            .expect("plain structs of numbers and bytes always encode into a vector");
        if body.len() > MAX_HEADER {
            return Err(SnapshotError::HeaderTooLarge { bytes: body.len() });
        }
        let mut chunk = MAGIC.to_vec();
        chunk.extend(SNAPSHOT_VERSION.to_le_bytes());
        chunk.extend((body.len() as u32).to_le_bytes());
        chunk.extend(body);
        self.cover(&chunk);
        seal(&mut chunk);
        Ok(chunk)
    }

    fn block(&mut self, after: Option<Slice>) -> Result<Option<Vec<u8>>, SnapshotError> {
        let (mut start, end) = keys::data();
        if let Some(after) = after {
            start = Bound::Excluded(after);
        }
        let mut chunk = Vec::with_capacity(BLOCK_HEAD + BLOCK_BYTES + (4 << 10));
        chunk.resize(BLOCK_HEAD, 0);
        let mut records = 0u32;
        let mut last = None;
        for record in scan(&*self.view, (start, end), false) {
            let (key, value) = record?;
            for part in [&key, &value] {
                let len = u32::try_from(part.len())
                    .map_err(|_| SnapshotError::RecordTooLarge { bytes: part.len() })?;
                chunk.extend(len.to_le_bytes());
            }
            chunk.extend_from_slice(&key);
            chunk.extend_from_slice(&value);
            records += 1;
            last = Some(key);
            if chunk.len() - BLOCK_HEAD >= BLOCK_BYTES {
                self.next = Next::Block(last.take());
                break;
            }
        }
        if records == 0 {
            return Ok(None);
        }
        if last.is_some() {
            self.next = Next::Trailer;
        }
        let (head, payload) = chunk.split_at_mut(BLOCK_HEAD);
        let len = u32::try_from(payload.len()).map_err(|_| SnapshotError::RecordTooLarge {
            bytes: payload.len(),
        })?;
        head[0] = BLOCK;
        head[1..5].copy_from_slice(&len.to_le_bytes());
        head[5..9].copy_from_slice(&records.to_le_bytes());
        head[9..13].copy_from_slice(&crc32c::crc32c(payload).to_le_bytes());
        let sum = crc32c::crc32c(&head[..13]);
        head[13..].copy_from_slice(&sum.to_le_bytes());
        self.cover(&head[..13]);
        self.cover(payload);
        self.records += u64::from(records);
        self.blocks += 1;
        Ok(Some(chunk))
    }

    fn trailer(&self) -> Vec<u8> {
        let mut chunk = Vec::with_capacity(TRAILER_LEN);
        chunk.push(TRAILER);
        chunk.extend(self.records.to_le_bytes());
        chunk.extend(self.blocks.to_le_bytes());
        chunk.extend(self.checksum.to_le_bytes());
        seal(&mut chunk);
        chunk
    }
}

/// Appends the CRC32C of all that is there.
fn seal(chunk: &mut Vec<u8>) {
    let sum = crc32c::crc32c(chunk);
    chunk.extend(sum.to_le_bytes());
}
