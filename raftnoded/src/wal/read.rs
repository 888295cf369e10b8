//! Reading records back, by position.

use std::io;

use bytes::Bytes;

use super::record::{HEADER, Header, Position, Record, Role};
use super::segment::{PAGE, Segment};
use super::{PoisonError, Wal};

/// The first read of a record of unknown length.
const GUESS: usize = 4096;

/// Bytes of a segment from a position on.
struct Chunk {
    bytes: Bytes,
    /// The segment they were read from, unless they came from memory and bear no checksums yet.
    source: Option<std::sync::Arc<Segment>>,
}

impl Chunk {
    /// The header at `at`, whose place in the log is `position`; an error if it does not verify.
    fn header(&self, at: usize, position: Position) -> io::Result<Header> {
        let rest = &self.bytes[at..];
        match &self.source {
            None => Header::decode_trusted(rest),
            Some(segment) => Header::decode(rest, segment.seed, position.offset()),
        }
        .ok_or_else(|| self.unreadable(position))
    }

    fn verify(&self, header: &Header, at: usize, position: Position) -> io::Result<()> {
        if self.source.is_none() || header.payload_matches(&self.bytes[at..]) {
            Ok(())
        } else {
            Err(self.unreadable(position))
        }
    }

    fn unreadable(&self, position: Position) -> io::Error {
        let place = match &self.source {
            Some(segment) => format!("{}, offset {}", segment.path.display(), position.offset()),
            None => format!("the queue, position {position}"),
        };
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!(
                "no valid record at {place}: the position is wrong, its segment was released and \
                 recycled, or the file is damaged"
            ),
        )
    }
}

impl Wal {
    /// The record at a position that [`Wal::append`] or [`Wal::open`] gave out. Any thread may
    /// read; the checksum is verified. Queued records are read from memory.
    ///
    /// # Errors
    ///
    /// `NotFound` if the segment was released or nothing was written there, `InvalidData` if the
    /// bytes there are no valid record, or what the file system says.
    pub fn read(&self, position: Position) -> io::Result<Record> {
        let chunk = self
            .chunk(position, GUESS)?
            .ok_or_else(|| not_found(position))?;
        let header = chunk.header(0, position)?;
        let chunk = if header.size() > chunk.bytes.len() {
            self.chunk(position, header.size())?
                .filter(|whole| whole.bytes.len() >= header.size())
                .ok_or_else(|| chunk.unreadable(position))?
        } else {
            chunk
        };
        chunk.verify(&header, 0, position)?;
        Ok(header.share(&chunk.bytes, 0))
    }

    /// The records from `from` on, in order, across segments, until `max_bytes` of the log were
    /// taken or its end is reached; at least one if there is one. Reads large pieces at once. The
    /// payloads share buffers of up to `max_bytes`.
    ///
    /// # Errors
    ///
    /// As [`Wal::read`], for any record on the way.
    pub fn read_range(
        &self,
        from: Position,
        max_bytes: usize,
    ) -> io::Result<Vec<(Position, Record)>> {
        let mut records = Vec::new();
        let mut at = from;
        let mut left = max_bytes;
        let mut want = max_bytes;
        loop {
            // Asked first: if the log has moved on to a later segment, this one is complete.
            let active = self.end().segment();
            let Some(chunk) = self.chunk(at, want.max(GUESS))? else {
                if at.segment() >= active {
                    return Ok(records);
                }
                at = Position::new(at.segment() + 1, PAGE);
                continue;
            };
            let mut used = 0;
            want = left;
            while chunk.bytes.len() - used >= HEADER {
                let header = chunk.header(used, at)?;
                let size = header.size();
                if size > left && !records.is_empty() {
                    return Ok(records);
                }
                if size > chunk.bytes.len() - used {
                    want = size;
                    break;
                }
                chunk.verify(&header, used, at)?;
                if header.role == Role::Data {
                    records.push((at, header.share(&chunk.bytes, used)));
                    left = left.saturating_sub(size);
                }
                used += size;
                at = Position::new(at.segment(), at.offset() + size as u32);
            }
            if left == 0 && !records.is_empty() {
                return Ok(records);
            }
        }
    }

    /// Up to `limit` bytes from `position`, from memory at least one whole record. `None` at the
    /// end of a segment's records.
    fn chunk(&self, position: Position, limit: usize) -> io::Result<Option<Chunk>> {
        let shared = &self.shared;
        if position >= self.written() {
            // A record moves from the queue to the flight to the file: asked in this order, it
            // cannot slip by.
            let queued = shared.lock().batch.read(position, limit);
            let bytes = queued.or_else(|| {
                let flight = shared.flight.read();
                let flight = flight.unwrap_or_else(PoisonError::into_inner);
                flight.read(position, limit)
            });
            if let Some(bytes) = bytes {
                return Ok((!bytes.is_empty()).then(|| Chunk {
                    bytes: bytes.into(),
                    source: None,
                }));
            }
        }
        let Some(segment) = shared.space.get(position.segment()) else {
            return Err(not_found(position));
        };
        let Some(left) = segment.end().checked_sub(position.offset()) else {
            return Err(not_found(position));
        };
        if left == 0 {
            return Ok(None);
        }
        let mut bytes = vec![0; limit.min(left as usize)];
        segment.read_at(&mut bytes, position.offset())?;
        Ok(Some(Chunk {
            bytes: bytes.into(),
            source: Some(segment),
        }))
    }
}

fn not_found(position: Position) -> io::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        format!(
            "the log holds nothing at {position}: the segment was released, or nothing was written there"
        ),
    )
}
