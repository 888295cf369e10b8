use openraft::storage::{IOFlushed, RaftLogStorage};

use super::*;
use crate::raft::types::{Payload, Proposal};

fn open(directory: &std::path::Path) -> Result<LogStore, LogError> {
    let options = Options {
        segment_bytes: 16 << 10,
        fsync: true,
    };
    LogStore::open(
        directory.join("wal"),
        options,
        Box::new(|error| panic!("{error}")),
    )
}

/// Bytes that are left in the segment which is written to.
fn left(log: &LogStore) -> u32 {
    (16 << 10) - log.shared.journal.end().offset()
}

#[tokio::test]
async fn the_marks_of_a_purge_outlive_it_wherever_the_end_of_a_segment_falls() {
    let stamp = Stamp {
        cluster_id: 7,
        node_id: 1,
        incarnation: 1,
    };
    let mut split = 0;
    // Four marks of 40 to 72 bytes: the end of the segment falls behind each of them once.
    for room in (0..=256).step_by(8) {
        let directory = tempfile::tempdir().unwrap();
        let mut log = open(directory.path()).unwrap();
        log.set_stamp(stamp).await.unwrap();
        log.save_vote(&Vote::new(1, 1)).await.unwrap();
        log.save_committed(Some(log_id(1, 0))).await.unwrap();
        let head = u32::try_from(crate::wal::encoded_size(0)).unwrap();
        let payload = left(&log).saturating_sub(head + room);
        let id = log_id(1, 0);
        let entry = Entry {
            log_id: id,
            payload: Payload::Normal(Proposal(vec![0; payload as usize].into())),
        };
        log.append([entry], IOFlushed::noop()).await.unwrap();
        let before = log.shared.journal.end().segment();
        log.purge(id).await.unwrap();
        split += u32::from(left(&log) > (11 << 10) && log.shared.journal.end().segment() > before);
        // Makes all of it durable, and the released segments go.
        log.save_vote(&Vote::new(2, 1)).await.unwrap();
        log.close().unwrap();

        let mut log = open(directory.path()).unwrap();
        let state = log.get_log_state().await.unwrap();
        assert_eq!(state.last_purged_log_id, Some(id), "{room} bytes of room");
        assert_eq!(log.stamp(), Some(stamp), "{room} bytes of room");
        let next = Entry {
            log_id: log_id(2, 1),
            payload: Payload::Blank,
        };
        log.append([next], IOFlushed::noop()).await.unwrap();
        log.close().unwrap();
        open(directory.path()).unwrap();
    }
    assert!(split > 0, "no purge reached into the next segment");
}
