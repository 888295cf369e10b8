//! Applying a run of commands: one batch, one clock.

use super::command::Command;
use super::event::{Event, Names};
use super::keys::Key;
use super::proposal::Proposal;
use super::put::{self, Put};
use super::{
    Outcome, Position, Rejection, counter, delete, expiry, lease, namespace, reclaim, record,
    session, txn,
};
use crate::engine::{Batch, EngineError, Reader, Writes};
#[cfg(feature = "failpoints")]
use crate::failpoint::{self, Switch};

/// What applying a command answers: an outcome, or a refusal that is the same on every replica.
pub type Reply = Result<Outcome, Rejection>;

/// Applies commands in the order of the log to one batch.
pub struct Applier<'a> {
    pub(super) batch: Batch<'a>,
    /// The latest time stamped on a command, this one included.
    pub(super) clock: u64,
    stored_clock: u64,
    /// The log index of the command being applied.
    pub(super) index: u64,
    pub(super) events: Vec<Event>,
    pub(super) names: Names,
}

/// What a run of commands did, to be written at once.
pub struct Applied {
    /// For the engine.
    pub writes: Writes,
    /// For those who watch, once it is written.
    pub events: Vec<Event>,
}

impl<'a> Applier<'a> {
    /// Begins a run over the state in `base`.
    ///
    /// # Errors
    /// If the state cannot be read.
    pub fn new(base: &'a dyn Reader) -> Result<Self, EngineError> {
        let clock = super::clock(base)?;
        Ok(Self {
            batch: Batch::new(base),
            clock,
            stored_clock: clock,
            index: 0,
            events: Vec::new(),
            names: Names::default(),
        })
    }

    /// Applies one command. `index` is its log index and becomes the revision of what it changes.
    ///
    /// # Errors
    /// A fault of the storage: the node must stop.
    pub fn apply(&mut self, index: u64, proposal: Proposal) -> Result<Reply, EngineError> {
        self.index = index;
        self.clock = self.clock.max(proposal.now);
        #[cfg(feature = "failpoints")]
        if failpoint::is_on(Switch::NoSessions) {
            return self.execute(proposal.command);
        }
        match proposal.tag {
            Some(tag) if !session::is_repeatable(&proposal.command) => {
                session::once(self, tag, proposal.fingerprint, proposal.command)
            }
            _ => self.execute(proposal.command),
        }
    }

    pub(super) fn execute(&mut self, command: Command) -> Result<Reply, EngineError> {
        match command {
            Command::Put {
                namespace,
                key,
                value,
                create_namespace,
                condition,
                lifetime,
                previous,
            } => put::put(
                self,
                Put {
                    namespace: &namespace,
                    key: &key,
                    value: &value,
                    create_namespace,
                    condition,
                    lifetime,
                    previous,
                },
            ),
            Command::Delete {
                namespace,
                keys,
                condition,
                previous,
            } => delete::delete(self, namespace, &keys, condition, previous),
            Command::DeletePrefix { namespace, prefix } => {
                delete::delete_prefix(self, namespace, &prefix)
            }
            Command::Touch {
                namespace,
                key,
                lifetime,
            } => put::touch(self, namespace, &key, lifetime),
            Command::Increment {
                namespace,
                key,
                by,
                lifetime,
                create_namespace,
            } => counter::increment(self, namespace, &key, by, lifetime, create_namespace),
            Command::Txn {
                compare,
                then,
                otherwise,
                create_namespaces,
            } => txn::run(self, &compare, then, otherwise, create_namespaces),
            Command::CreateNamespace { name, settings } => namespace::create(self, name, settings),
            Command::SetNamespace { name, change } => namespace::set(self, name, change),
            Command::DeleteNamespace {
                name,
                only_if_empty,
            } => namespace::delete(self, name, only_if_empty),
            Command::GrantLease { ttl } => Ok(lease::grant(self, ttl)),
            Command::KeepAliveLease { id } => lease::keep_alive(self, id),
            Command::RevokeLease { id } => lease::revoke(self, id),
            Command::OpenSession { ttl } => Ok(Ok(session::open(self, ttl))),
            Command::CloseSession { id } => session::close(self, id).map(Ok),
            Command::Reclaim { limit } => reclaim::reclaim(self, limit).map(Ok),
            Command::Expire { limit } => expiry::expire(self, limit).map(Ok),
        }
    }

    /// Runs a step of which nothing stays, events included, if it is refused.
    pub(super) fn all_or_nothing<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<Result<T, Rejection>, EngineError>,
    ) -> Result<Result<T, Rejection>, EngineError> {
        let told = self.events.len();
        self.batch.set_savepoint();
        let done = step(self)?;
        if done.is_ok() {
            self.batch.release_savepoint();
        } else {
            self.batch.roll_back();
            self.events.truncate(told);
        }
        Ok(done)
    }

    /// Records the membership, in the form of the Raft layer.
    pub fn set_membership(&mut self, membership: &[u8]) {
        self.batch.put(Key::Membership.encode(), membership);
    }

    /// The clock after the last command applied, in milliseconds.
    pub fn clock(&self) -> u64 {
        self.clock
    }

    /// What is written, with the position of the last entry applied.
    pub fn finish(mut self, last: Option<Position>) -> Applied {
        if self.clock > self.stored_clock {
            self.batch
                .put(Key::Clock.encode(), record::encode(&self.clock));
        }
        if let Some(last) = last {
            self.batch.put(Key::Applied.encode(), record::encode(&last));
        }
        Applied {
            writes: self.batch.into_writes(),
            events: self.events,
        }
    }

    #[cfg(test)]
    pub(super) fn writes(&self) -> &Writes {
        self.batch.writes()
    }
}
