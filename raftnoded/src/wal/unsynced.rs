//! What the operating system would hold back until a sync, held back by the process itself.
//!
//! With the switch `wal.unsynced`, records that are written stay in memory, and reach the file when
//! it is synced. However the process is killed, they are lost then, as the dirty pages of a machine
//! without power are. Files, names and lengths are not held back: the log syncs those as it makes
//! them, and zeros that it writes ahead carry nothing.
//!
//! This is the worst case of a power cut, and not each of them: real pages may also survive, in any
//! subset. The log's own crash tests draw such subsets.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    sync::{Mutex, PoisonError},
};

/// Records of one segment that were written and not synced. They follow one another.
#[derive(Default)]
pub(super) struct Unsynced(Mutex<Held>);

#[derive(Default)]
struct Held {
    start: u32,
    bytes: Vec<u8>,
}

impl Unsynced {
    /// Writes `bytes` at `offset`, which is where the last write ended.
    pub fn write(&self, bytes: &[u8], offset: u32) {
        let held = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.bytes.is_empty() {
            held.start = offset;
        }
        held.bytes.extend_from_slice(bytes);
    }

    /// Brings everything into the file, which is not synced yet. Returns where it ends, if there was
    /// anything.
    pub fn write_out(&self, file: &File) -> io::Result<Option<u32>> {
        let held = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.bytes.is_empty() {
            return Ok(None);
        }
        file.write_all_at(&held.bytes, u64::from(held.start))?;
        let end = held.start + held.bytes.len() as u32;
        held.bytes.clear();
        Ok(Some(end))
    }

    /// Reads what was written, wherever it is now.
    pub fn read(&self, file: &File, buffer: &mut [u8], offset: u32) -> io::Result<()> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let in_file = if held.bytes.is_empty() {
            buffer.len()
        } else {
            buffer.len().min(held.start.saturating_sub(offset) as usize)
        };
        let (from_file, from_memory) = buffer.split_at_mut(in_file);
        file.read_exact_at(from_file, u64::from(offset))?;
        if from_memory.is_empty() {
            return Ok(());
        }
        let skip = (offset + in_file as u32 - held.start) as usize;
        let bytes = held.bytes.get(skip..skip + from_memory.len());
        from_memory.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read_and_reaches_the_file_with_the_sync() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(b"synced", 0).unwrap();
        let unsynced = Unsynced::default();
        unsynced.write(b"one", 6);
        unsynced.write(b"two", 9);
        let read = |offset, length| {
            let mut buffer = vec![0; length];
            let read = unsynced.read(&file, &mut buffer, offset);
            read.map(|()| String::from_utf8(buffer).unwrap())
        };
        let reads = || {
            assert_eq!(read(0, 12).unwrap(), "syncedonetwo");
            assert_eq!(read(2, 3).unwrap(), "nce");
            assert_eq!(read(8, 3).unwrap(), "etw");
            assert!(read(9, 4).is_err());
        };
        reads();
        assert_eq!(file.metadata().unwrap().len(), 6);
        assert_eq!(unsynced.write_out(&file).unwrap(), Some(12));
        assert_eq!(file.metadata().unwrap().len(), 12);
        reads();
        assert_eq!(unsynced.write_out(&file).unwrap(), None);
    }
}
