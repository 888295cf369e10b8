//! Opening a log: read all of it, cut a torn tail, refuse damage.
//!
//! The rule is in the essay of [`super`]. Nothing in the directory is changed before the verdict.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Visit;
use super::error::OpenError;
use super::record::{Header, Position, Role};
use super::segment::{Gate, Name, PAGE, Segment, segment_path, spare_path, sync_dir};
use super::space::SPARES;

/// A log that can be appended to.
pub(super) struct Recovered {
    pub segments: BTreeMap<u32, Arc<Segment>>,
    pub active: Arc<Segment>,
    pub spares: Vec<PathBuf>,
    /// Where the next record goes.
    pub end: Position,
}

/// Recovers the log in `dir`, or begins one there.
pub(super) fn recover(
    dir: &Path,
    segment_bytes: u32,
    fsync: bool,
    gate: &Arc<dyn Gate>,
    visit: &mut Visit<'_>,
) -> Result<Recovered, OpenError> {
    let (sequences, mut spares) = list(dir)?;
    let mut segments = Vec::with_capacity(sequences.len());
    for sequence in sequences {
        segments.push(Segment::open(dir, sequence, Arc::clone(gate))?);
    }
    if segments.is_empty() {
        let made = Segment::create(dir, 1, spares.pop(), segment_bytes, Arc::clone(gate))
            .map_err(OpenError::io("create", segment_path(dir, 1)))?;
        segments.push(made);
    }
    let active = scan(&segments, visit)?;

    // Newest first, so that a crash in between leaves the same verdict. A spare gets a new nonce
    // before it bears records again: what is in it now is dead.
    let dead = segments.split_off(active + 1);
    for segment in dead.iter().rev() {
        let spare = spare_path(dir, segment.sequence);
        std::fs::rename(&segment.path, &spare)
            .and_then(|()| sync_dir(dir))
            .map_err(OpenError::io("retire", &segment.path))?;
        spares.push(spare);
    }
    spares.sort();
    spares.dedup();
    for path in spares.drain(SPARES.min(spares.len())..) {
        std::fs::remove_file(&path).map_err(OpenError::io("remove", &path))?;
    }
    if fsync {
        // A process that was killed leaves bytes that only the page cache has; what is visited is
        // about to be relied upon.
        for segment in &segments {
            segment
                .sync()
                .map_err(OpenError::io("sync", &segment.path))?;
        }
    }
    let last = &segments[active];
    last.truncate(last.end(), segment_bytes)
        .map_err(OpenError::io("truncate", &last.path))?;
    sync_dir(dir).map_err(OpenError::io("sync", dir))?;

    let end = Position::new(last.sequence, last.end());
    let segments: Vec<_> = segments.into_iter().map(Arc::new).collect();
    Ok(Recovered {
        active: Arc::clone(&segments[active]),
        segments: segments.into_iter().map(|s| (s.sequence, s)).collect(),
        spares,
        end,
    })
}

/// The numbers of the segments, ascending and without a gap, and the spare files.
fn list(dir: &Path) -> Result<(Vec<u32>, Vec<PathBuf>), OpenError> {
    let mut sequences = Vec::new();
    let mut spares = Vec::new();
    let entries = std::fs::read_dir(dir).map_err(OpenError::io("list", dir))?;
    for entry in entries {
        let path = entry.map_err(OpenError::io("list", dir))?.path();
        let name = path.file_name().and_then(|n| n.to_str());
        match name.and_then(Name::parse).filter(|_| path.is_file()) {
            Some(Name::Segment(sequence)) => sequences.push(sequence),
            Some(Name::Spare) => spares.push(path),
            None => return Err(OpenError::ForeignFile { path }),
        }
    }
    sequences.sort_unstable();
    if let Some(pair) = sequences.windows(2).find(|pair| pair[0] + 1 != pair[1]) {
        return Err(OpenError::MissingSegment {
            path: segment_path(dir, pair[0] + 1),
        });
    }
    Ok((sequences, spares))
}

/// Visits every record, sets each segment's end, and returns which segment is the active one.
fn scan(segments: &[Segment], visit: &mut Visit<'_>) -> Result<usize, OpenError> {
    let mut buffer = Vec::new();
    for (at, segment) in segments.iter().enumerate() {
        segment
            .read_all(&mut buffer)
            .map_err(OpenError::io("read", &segment.path))?;
        let end = scan_segment(segment, &buffer, visit)?;
        segment.set_end(end);
        if at == 0 && segment.sequence > 1 && end == PAGE {
            // Older segments were released only when this one's link was durable.
            return Err(OpenError::Damaged {
                path: segment.path.clone(),
                offset: PAGE,
                evidence: "the release of the segments before it".to_owned(),
            });
        }
        let Some(next) = segments.get(at + 1) else {
            judge(segment, end, &buffer, &[], segment, end)?;
            return Ok(at);
        };
        let link = next
            .link()
            .map_err(OpenError::io("read", &next.path))?
            .map(|link| link.index);
        if link == Some(u64::from(end)) {
            continue;
        }
        // Without its link, it is the next segment whose first record is bad.
        let (bad, offset) = match link {
            Some(_) => (segment, end),
            None => (next, PAGE),
        };
        judge(segment, end, &buffer, &segments[at + 1..], bad, offset)?;
        return Ok(at);
    }
    Ok(0)
}

/// Visits the records of one segment and returns where they end.
fn scan_segment(segment: &Segment, bytes: &[u8], visit: &mut Visit<'_>) -> Result<u32, OpenError> {
    let mut offset = PAGE;
    while let Some(rest) = bytes.get(offset as usize..) {
        let Some(header) = Header::decode(rest, segment.seed, offset) else {
            break;
        };
        // Exactly the first record is a link.
        if (header.role == Role::Link) != (offset == PAGE) || !header.payload_matches(rest) {
            break;
        }
        if header.role == Role::Data {
            let record = header.view(&rest[..header.size()]);
            if visit(Position::new(segment.sequence, offset), record).is_break() {
                return Err(OpenError::Unwanted {
                    path: segment.path.clone(),
                    offset,
                });
            }
        }
        offset += header.size() as u32;
    }
    Ok(offset)
}

/// Decides whether a log that stops at `end` of `segment` (whose content is `bytes`) is torn
/// there (`Ok`) or damaged. `later` are the segments behind it; `bad` and `offset` say which
/// record is the bad one: the one at `end`, or the first of the next segment.
fn judge(
    segment: &Segment,
    end: u32,
    bytes: &[u8],
    later: &[Segment],
    bad: &Segment,
    offset: u32,
) -> Result<(), OpenError> {
    let damaged = |bad: &Segment, offset: u32, proof: &Segment, at: u32| {
        Err(OpenError::Damaged {
            path: bad.path.clone(),
            offset,
            evidence: format!("the record at offset {at} of {}", proof.path.display()),
        })
    };
    if let Some(at) = find_watermark_above(segment, bytes, end, end) {
        return damaged(segment, end, segment, at);
    }
    let mut buffer = Vec::new();
    for proof in later {
        // A later segment's watermark lies above everything in the segments before it; a
        // watermark of zero says nothing.
        let floor = if proof.sequence == bad.sequence {
            offset
        } else {
            PAGE - 1
        };
        proof
            .read_all(&mut buffer)
            .map_err(OpenError::io("read", &proof.path))?;
        if let Some(at) = find_watermark_above(proof, &buffer, PAGE, floor) {
            return damaged(bad, offset, proof, at);
        }
    }
    // Bytes that begin no record may be those of an earlier life of the file.
    let torn = bytes.get(end as usize..);
    if torn.is_some_and(|rest| Header::decode(rest, segment.seed, end).is_some()) {
        tracing::warn!(
            path = %segment.path.display(),
            offset = end,
            "wal: a record that was not written whole is cut off"
        );
    }
    Ok(())
}

/// The offset of the first intact header at or behind `from` whose `synced_upto` is above `floor`.
fn find_watermark_above(segment: &Segment, bytes: &[u8], from: u32, floor: u32) -> Option<u32> {
    (from..bytes.len() as u32).step_by(8).find(|&offset| {
        Header::decode(&bytes[offset as usize..], segment.seed, offset)
            .is_some_and(|header| header.synced_upto > floor)
    })
}
