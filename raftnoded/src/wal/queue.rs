//! What waits for the writer: records, already encoded and placed, and callbacks.
//!
//! Callers copy their records in under a short lock. Positions are assigned here, so this is also
//! where a segment ends and the link of the next one is laid.

use std::ops::Range;

use super::Done;
use super::record::{self, HEADER, Position, RecordRef, Role};
use super::segment::PAGE;

/// Buffers that a burst made larger than this are given back.
const KEEP_BYTES: usize = 16 << 20;

/// Encoded records that follow one another in one segment.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub sequence: u32,
    pub offset: u32,
    /// Where in [`Batch::bytes`].
    pub bytes: Range<usize>,
}

/// Encoded records on their way to the disk.
#[derive(Default)]
pub(super) struct Batch {
    pub bytes: Vec<u8>,
    pub runs: Vec<Run>,
}

impl Batch {
    /// Up to `limit` bytes of records from `position`, but at least one record; empty where a run
    /// ends.
    pub fn read(&self, position: Position, limit: usize) -> Option<Vec<u8>> {
        self.runs.iter().find_map(|run| {
            let same = run.sequence == position.segment();
            let skip = position.offset().checked_sub(run.offset).filter(|_| same)?;
            let run = self.bytes.get(run.bytes.clone())?;
            let rest = run.get(skip as usize..)?;
            let first = record::Header::decode_trusted(rest).map_or(0, |h| h.size());
            Some(rest[..limit.max(first).min(rest.len())].to_vec())
        })
    }

    /// Bytes of encoded records.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Empties the buffers for reuse.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEEP_BYTES);
        self.runs.clear();
    }
}

/// What waits for the writer.
pub(super) struct Queue {
    pub batch: Batch,
    /// Where the next record goes.
    pub end: Position,
    pub callbacks: Vec<Done>,
    /// Segments below may go once the batch is durable; 0: none.
    pub release_before: u32,
    /// Somebody waits for what is queued.
    pub urgent: bool,
    /// Nothing more is taken in.
    pub closing: bool,
}

impl Queue {
    pub fn new(end: Position) -> Self {
        Self {
            batch: Batch::default(),
            end,
            callbacks: Vec::new(),
            release_before: 0,
            urgent: false,
            closing: false,
        }
    }

    /// Assigns the next position and encodes the record there.
    pub fn push(&mut self, role: Role, record: &RecordRef<'_>, segment_bytes: u32) -> Position {
        let size = record::encoded_size(record.payload.len()) as u32;
        if self.end.offset() + size > segment_bytes {
            let ended = u64::from(self.end.offset());
            self.end = Position::new(self.end.segment() + 1, PAGE);
            self.link(ended);
        } else if self.end.offset() == PAGE {
            self.link(0);
        }
        self.encode(role, record, size)
    }

    fn link(&mut self, previous_end: u64) {
        let link = RecordRef {
            kind: 0,
            term: 0,
            index: previous_end,
            payload: &[],
        };
        self.encode(Role::Link, &link, HEADER as u32);
    }

    fn encode(&mut self, role: Role, record: &RecordRef<'_>, size: u32) -> Position {
        let at = self.end;
        let Batch { bytes, runs } = &mut self.batch;
        let start = bytes.len();
        record::encode(bytes, role, record, record.payload.len() as u32);
        match runs.last_mut() {
            Some(run) if run.sequence == at.segment() => run.bytes.end = bytes.len(),
            _ => runs.push(Run {
                sequence: at.segment(),
                offset: at.offset(),
                bytes: start..bytes.len(),
            }),
        }
        self.end = Position::new(at.segment(), at.offset() + size);
        at
    }
}
