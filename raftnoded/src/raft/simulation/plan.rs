//! What a run is to be.

/// A run: the same plan gives the same run.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Everything that is left to chance follows from it.
    pub(super) seed: u64,
    /// Members at the start: 3 or 5.
    pub(super) founders: u64,
    /// Clients with a session each.
    pub(super) clients: usize,
    /// Events after which the faults end, and the cluster must heal.
    pub(super) steps: u64,
    /// What is broken on purpose.
    pub(super) sabotage: Option<Sabotage>,
    /// Whether all lines of the trace are kept.
    pub(super) whole_trace: bool,
}

impl Plan {
    /// The ordinary run of a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            founders: if seed.is_multiple_of(3) { 5 } else { 3 },
            clients: 3,
            steps: 4_000,
            sabotage: None,
            whole_trace: false,
        }
    }
}

/// Something broken on purpose, to prove that it is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sabotage {
    /// A crash takes records that were synced.
    SyncedIsLost,
    /// Votes do not reach the disk.
    VoteIsNotSaved,
    /// The disk says that it has synced before it has.
    AcknowledgedBeforeSync,
    /// Every vote that is asked for is granted.
    VotesAreForged,
    /// An entry is changed on its way to another member.
    EntriesAreForged,
    /// Sessions do not remember their replies.
    RepliesAreForgotten,
    /// The applied position falls behind the state that it belongs to.
    AppliesTwice,
    /// Writes are sent twice, and do not say to which session they belong.
    WritesAreDuplicated,
    /// One member loses a write to its state.
    StateDrifts,
    /// Reads do not ask whether their member still leads.
    ReadsSkipTheBarrier,
}
