//! Reads a snapshot stream and believes nothing before its checksum has matched.

use std::{
    io::{self, Read},
    sync::Arc,
};

use super::{
    BLOCK, BLOCK_HEAD, FormatError, Header, LAYOUT_VERSION, MAGIC, MAX_HEADER, Part, Record,
    SNAPSHOT_VERSION, Summary, TRAILER, TRAILER_LEN,
};

/// Yields the records of a snapshot stream, in key order.
///
/// It ends without an error only after the trailer matched and the stream ended there; only then
/// [`summary`](Self::summary) is there too. Records yielded before are sound one by one, but
/// the snapshot as a whole counts only at that end.
pub struct SnapshotReader<R> {
    stream: R,
    header: Header,
    offset: u64,
    checksum: u32,
    block: Vec<u8>,
    block_start: u64,
    consumed: usize,
    left_in_block: u32,
    last_key: Option<Arc<[u8]>>,
    records: u64,
    blocks: u64,
    summary: Option<Summary>,
    failed: bool,
}

impl<R: Read> SnapshotReader<R> {
    /// Reads and checks the header. The stream need not be buffered.
    ///
    /// # Errors
    /// [`FormatError::NotASnapshot`], [`FormatError::Newer`], [`FormatError::OlderLayout`],
    /// or what is wrong with the header.
    pub fn new(stream: R) -> Result<Self, FormatError> {
        let mut reader = Self {
            stream,
            header: Header {
                cluster_id: 0,
                layout: LAYOUT_VERSION,
                applied: None,
                membership: None,
            },
            offset: 0,
            checksum: 0,
            block: Vec::new(),
            block_start: 0,
            consumed: 0,
            left_in_block: 0,
            last_key: None,
            records: 0,
            blocks: 0,
            summary: None,
            failed: false,
        };
        reader.header = reader.read_header()?;
        Ok(reader)
    }

    /// What the stream says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Bytes read so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What the snapshot held; none before its end was reached and found sound.
    pub fn summary(&self) -> Option<Summary> {
        self.summary
    }

    /// The header and the summary of a snapshot that was read to its end and found sound.
    ///
    /// # Errors
    /// [`FormatError::Truncated`] if the end was not reached.
    pub fn finish(self) -> Result<(Header, Summary), FormatError> {
        match self.summary {
            Some(summary) => Ok((self.header, summary)),
            None => Err(FormatError::Truncated {
                part: Part::Trailer,
                offset: self.offset,
            }),
        }
    }

    /// The error of a record that makes no sense to whoever knows what records mean: it names the
    /// block of the last one yielded.
    pub fn senseless(&self, reason: String) -> FormatError {
        corrupt(Part::Block(self.blocks), self.block_start, reason)
    }

    fn read_header(&mut self) -> Result<Header, FormatError> {
        let magic = self.read_up_to(MAGIC.len())?;
        if !MAGIC.starts_with(&magic) {
            return Err(FormatError::NotASnapshot);
        }
        if magic.len() < MAGIC.len() {
            return Err(FormatError::Truncated {
                part: Part::Header,
                offset: self.offset,
            });
        }
        let version = u32_at(&self.take(4, Part::Header)?, 0);
        if version > SNAPSHOT_VERSION {
            return Err(FormatError::Newer {
                what: "format",
                found: version,
                supported: SNAPSHOT_VERSION,
            });
        }
        let corrupt = |reason: String| corrupt(Part::Header, 0, reason);
        let len = u32_at(&self.take(4, Part::Header)?, 0) as usize;
        if len > MAX_HEADER {
            return Err(corrupt(format!("a length of {len} bytes")));
        }
        let body = self.take(len, Part::Header)?;
        let sum = self.checksum;
        if self.take_sum(Part::Header)? != sum {
            return Err(corrupt("the checksum does not match".into()));
        }
        // The layout comes second in the body, before anything a newer version may have added.
        let (header, rest) = postcard::take_from_bytes::<Header>(&body)
            .map_err(|error| corrupt(error.to_string()))?;
        if header.layout > LAYOUT_VERSION {
            return Err(FormatError::Newer {
                what: "layout",
                found: header.layout,
                supported: LAYOUT_VERSION,
            });
        }
        if header.layout < LAYOUT_VERSION {
            return Err(FormatError::OlderLayout {
                found: header.layout,
            });
        }
        if !rest.is_empty() {
            return Err(corrupt(format!("{} bytes too many", rest.len())));
        }
        Ok(header)
    }

    fn advance(&mut self) -> Result<Option<Record>, FormatError> {
        while self.left_in_block == 0 {
            if self.summary.is_some() || !self.read_block()? {
                return Ok(None);
            }
        }
        let part = Part::Block(self.blocks);
        let damage = |reason: &str| corrupt(part, self.block_start, reason.into());
        let rest = &self.block[self.consumed..];
        let sizes = rest
            .split_at_checked(8)
            .ok_or_else(|| damage("it holds fewer records than it says"))?;
        let (key_len, value_len) = (u32_at(sizes.0, 0) as usize, u32_at(sizes.0, 4) as usize);
        let (key, rest) = sizes
            .1
            .split_at_checked(key_len)
            .ok_or_else(|| damage("a key reaches beyond its end"))?;
        let value = rest
            .get(..value_len)
            .ok_or_else(|| damage("a value reaches beyond its end"))?;
        if self.last_key.as_deref().is_some_and(|last| last >= key) {
            return Err(damage("its keys are not in order"));
        }
        let record: Record = (key.into(), value.into());
        self.consumed += 8 + key_len + value_len;
        self.left_in_block -= 1;
        if self.left_in_block == 0 && self.consumed != self.block.len() {
            return Err(damage("bytes follow its last record"));
        }
        self.last_key = Some(record.0.clone());
        self.records += 1;
        Ok(Some(record))
    }

    /// Reads one block; false at the end, with the trailer read and matched.
    fn read_block(&mut self) -> Result<bool, FormatError> {
        let (start, before) = (self.offset, self.checksum);
        let part = Part::Block(self.blocks + 1);
        let tag = self.take(1, part)?[0];
        match tag {
            BLOCK => {}
            TRAILER => return self.read_trailer(start, before).map(|()| false),
            other => {
                return Err(corrupt(
                    part,
                    start,
                    format!("the tag {other} is not known"),
                ));
            }
        }
        let mut head = [tag; BLOCK_HEAD - 4];
        head[1..].copy_from_slice(&self.take(BLOCK_HEAD - 5, part)?);
        if self.take_sum(part)? != crc32c::crc32c(&head) {
            return Err(corrupt(
                part,
                start,
                "the checksum of its head does not match".into(),
            ));
        }
        let (len, records) = (u32_at(&head, 1) as usize, u32_at(&head, 5));
        self.block = self.take(len, part)?;
        if u32_at(&head, 9) != crc32c::crc32c(&self.block) {
            return Err(corrupt(part, start, "the checksum does not match".into()));
        }
        if records == 0 {
            return Err(corrupt(part, start, "it holds no record".into()));
        }
        self.block_start = start;
        self.consumed = 0;
        self.left_in_block = records;
        self.blocks += 1;
        Ok(true)
    }

    fn read_trailer(&mut self, start: u64, before: u32) -> Result<(), FormatError> {
        let damage = |reason: &str| corrupt(Part::Trailer, start, reason.into());
        let mut trailer = [0; TRAILER_LEN];
        trailer[0] = TRAILER;
        trailer[1..].copy_from_slice(&self.take(TRAILER_LEN - 1, Part::Trailer)?);
        if u32_at(&trailer, 21) != crc32c::crc32c(&trailer[..21]) {
            return Err(damage("the checksum does not match"));
        }
        if u64_at(&trailer, 1) != self.records || u64_at(&trailer, 9) != self.blocks {
            return Err(damage("blocks are missing or too many"));
        }
        if u32_at(&trailer, 17) != before {
            return Err(damage("the checksum of the whole does not match"));
        }
        if !self.read_up_to(1)?.is_empty() {
            return Err(damage("bytes follow it"));
        }
        self.summary = Some(Summary {
            records: self.records,
            blocks: self.blocks,
            bytes: start + TRAILER_LEN as u64,
            checksum: before,
        });
        Ok(())
    }

    /// Exactly `len` bytes, or [`FormatError::Truncated`].
    fn take(&mut self, len: usize, part: Part) -> Result<Vec<u8>, FormatError> {
        let bytes = self.read_up_to(len)?;
        if bytes.len() < len {
            return Err(FormatError::Truncated {
                part,
                offset: self.offset,
            });
        }
        Ok(bytes)
    }

    /// A checksum that stands beside what it covers. It must not enter the checksum of the whole:
    /// a CRC over bytes and their own CRC is the same for all bytes.
    fn take_sum(&mut self, part: Part) -> Result<u32, FormatError> {
        let whole = self.checksum;
        let bytes = self.take(4, part)?;
        self.checksum = whole;
        Ok(u32_at(&bytes, 0))
    }

    /// `len` bytes, or fewer at the end. Grows as bytes arrive: a false length costs nothing.
    fn read_up_to(&mut self, len: usize) -> Result<Vec<u8>, FormatError> {
        let mut bytes = Vec::with_capacity(len.min(super::BLOCK_BYTES * 2));
        let read = io::Read::by_ref(&mut self.stream)
            .take(len as u64)
            .read_to_end(&mut bytes);
        self.offset += bytes.len() as u64;
        self.checksum = crc32c::crc32c_append(self.checksum, &bytes);
        match read {
            Ok(_) => Ok(bytes),
            Err(source) => Err(FormatError::Io {
                offset: self.offset,
                source,
            }),
        }
    }
}

impl<R: Read> Iterator for SnapshotReader<R> {
    type Item = Result<Record, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let step = self.advance();
        self.failed = step.is_err();
        step.transpose()
    }
}

fn corrupt(part: Part, offset: u64, reason: String) -> FormatError {
    FormatError::Corrupt {
        part,
        offset,
        reason,
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}
