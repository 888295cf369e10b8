//! Snapshots on their way, as the status shows them.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// A snapshot on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferView {
    /// Whether it leaves this member; else it comes in.
    pub sending: bool,
    /// The other member.
    pub peer: u64,
    /// Bytes sent or received so far.
    pub bytes: u64,
    /// About how many there will be, where that is known.
    pub total: Option<u64>,
}

#[derive(Debug)]
struct Transfer {
    sending: bool,
    peer: u64,
    bytes: AtomicU64,
    total: Option<u64>,
}

/// All that are on their way.
#[derive(Clone, Debug, Default)]
pub(super) struct Transfers(Arc<Mutex<Vec<Arc<Transfer>>>>);

/// One that is on its way; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct UnderWay {
    transfer: Arc<Transfer>,
    all: Transfers,
}

impl Transfers {
    /// One begins.
    pub(super) fn begin(&self, sending: bool, peer: u64, total: Option<u64>) -> UnderWay {
        let transfer = Arc::new(Transfer {
            sending,
            peer,
            bytes: AtomicU64::new(0),
            total,
        });
        self.lock().push(Arc::clone(&transfer));
        UnderWay {
            transfer,
            all: self.clone(),
        }
    }

    /// How far each has come.
    pub(super) fn view(&self) -> Vec<TransferView> {
        let view = |transfer: &Arc<Transfer>| TransferView {
            sending: transfer.sending,
            peer: transfer.peer,
            bytes: transfer.bytes.load(Relaxed),
            total: transfer.total,
        };
        self.lock().iter().map(view).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Transfer>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnderWay {
    /// So many bytes more have gone.
    pub(super) fn add(&self, bytes: usize) {
        self.transfer.bytes.fetch_add(bytes as u64, Relaxed);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        all.retain(|transfer| !Arc::ptr_eq(transfer, &self.transfer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_way_is_seen_until_it_ends() {
        let transfers = Transfers::default();
        let out = transfers.begin(true, 2, Some(100));
        let other = transfers.begin(true, 2, Some(100));
        let in_ = transfers.begin(false, 3, None);
        out.add(30);
        out.add(12);
        let seen = transfers.view();
        assert_eq!(seen.len(), 3);
        assert_eq!((seen[0].bytes, seen[0].total), (42, Some(100)));
        assert_eq!(
            (seen[2].sending, seen[2].peer, seen[2].bytes),
            (false, 3, 0)
        );
        drop(out);
        drop(in_);
        let seen = transfers.view();
        assert_eq!((seen.len(), seen[0].bytes), (1, 0));
        drop(other);
        assert!(transfers.view().is_empty());
    }
}
