//! Writes a snapshot stream, a chunk at a time.

use super::{
    BLOCK, BLOCK_BYTES, BLOCK_HEAD, FormatError, Header, MAGIC, MAX_HEADER, SNAPSHOT_VERSION,
    Summary, TRAILER, TRAILER_LEN,
};

/// Turns records, in ascending key order, into the chunks of a snapshot stream: the header, blocks,
/// and at the end the trailer. Holds one block at most.
pub struct SnapshotEncoder {
    /// The block that is being filled, with room for its head.
    block: Vec<u8>,
    in_block: u32,
    records: u64,
    blocks: u64,
    bytes: u64,
    checksum: u32,
}

/// The end of a stream.
pub struct Ending {
    /// The last block, if one was open.
    pub block: Option<Vec<u8>>,
    /// The trailer, which comes after it.
    pub trailer: Vec<u8>,
    /// What the stream holds.
    pub summary: Summary,
}

impl SnapshotEncoder {
    /// Begins a stream; also returns its first chunk, the header.
    ///
    /// # Errors
    /// [`FormatError::HeaderTooLarge`]
    pub fn new(header: &Header) -> Result<(Self, Vec<u8>), FormatError> {
        let body = postcard::to_stdvec(header)
            .expect("plain structs of numbers and bytes always encode into a vector");
        if body.len() > MAX_HEADER {
            return Err(FormatError::HeaderTooLarge { bytes: body.len() });
        }
        let mut encoder = Self {
            block: Vec::new(),
            in_block: 0,
            records: 0,
            blocks: 0,
            bytes: 0,
            checksum: 0,
        };
        let mut chunk = MAGIC.to_vec();
        chunk.extend(SNAPSHOT_VERSION.to_le_bytes());
        chunk.extend((body.len() as u32).to_le_bytes());
        chunk.extend(body);
        encoder.cover(&chunk);
        seal(&mut chunk);
        encoder.bytes = chunk.len() as u64;
        Ok((encoder, chunk))
    }

    /// Counts bytes in for the checksum of the whole.
    fn cover(&mut self, bytes: &[u8]) {
        self.checksum = crc32c::crc32c_append(self.checksum, bytes);
    }

    /// Adds a record, whose key must be greater than those before. Returns a block when it closes
    /// one.
    ///
    /// # Errors
    /// [`FormatError::RecordTooLarge`]: the stream must be given up.
    pub fn push(&mut self, key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>, FormatError> {
        if self.block.is_empty() {
            self.block.reserve(BLOCK_HEAD + BLOCK_BYTES + (4 << 10));
            self.block.resize(BLOCK_HEAD, 0);
        }
        for part in [key, value] {
            let len = u32::try_from(part.len())
                .map_err(|_| FormatError::RecordTooLarge { bytes: part.len() })?;
            self.block.extend(len.to_le_bytes());
        }
        self.block.extend_from_slice(key);
        self.block.extend_from_slice(value);
        self.in_block += 1;
        if self.block.len() - BLOCK_HEAD >= BLOCK_BYTES {
            return self.close_block();
        }
        Ok(None)
    }

    /// The block that is open, if it holds anything.
    fn close_block(&mut self) -> Result<Option<Vec<u8>>, FormatError> {
        if self.in_block == 0 {
            return Ok(None);
        }
        let mut chunk = std::mem::take(&mut self.block);
        let records = std::mem::take(&mut self.in_block);
        let (head, payload) = chunk.split_at_mut(BLOCK_HEAD);
        let len = u32::try_from(payload.len()).map_err(|_| FormatError::RecordTooLarge {
            bytes: payload.len(),
        })?;
        head[0] = BLOCK;
        head[1..5].copy_from_slice(&len.to_le_bytes());
        head[5..9].copy_from_slice(&records.to_le_bytes());
        head[9..13].copy_from_slice(&crc32c::crc32c(payload).to_le_bytes());
        let sum = crc32c::crc32c(&head[..13]);
        head[13..].copy_from_slice(&sum.to_le_bytes());
        self.checksum = crc32c::crc32c_append(self.checksum, &head[..13]);
        self.checksum = crc32c::crc32c_append(self.checksum, payload);
        self.records += u64::from(records);
        self.blocks += 1;
        self.bytes += chunk.len() as u64;
        Ok(Some(chunk))
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// [`FormatError::RecordTooLarge`]: the stream must be given up.
    pub fn finish(mut self) -> Result<Ending, FormatError> {
        let block = self.close_block()?;
        let mut trailer = Vec::with_capacity(TRAILER_LEN);
        trailer.push(TRAILER);
        trailer.extend(self.records.to_le_bytes());
        trailer.extend(self.blocks.to_le_bytes());
        trailer.extend(self.checksum.to_le_bytes());
        seal(&mut trailer);
        let summary = Summary {
            records: self.records,
            blocks: self.blocks,
            bytes: self.bytes + trailer.len() as u64,
            checksum: self.checksum,
        };
        Ok(Ending {
            block,
            trailer,
            summary,
        })
    }
}

/// Appends the CRC32C of all that is there.
fn seal(chunk: &mut Vec<u8>) {
    let sum = crc32c::crc32c(chunk);
    chunk.extend(sum.to_le_bytes());
}
