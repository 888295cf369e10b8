//! Clients: writes in a session that are sent until they are answered, writes that are sent once,
//! and linearizable reads.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use rand::RngExt;
use tokio::{sync::oneshot, time::Instant};

use super::{
    invariants::Property,
    member::Member,
    mirror::command_digest,
    plan::Sabotage,
    runtime::Process,
    world::{Event, World},
};
use crate::{
    raft::{ProposeError, ReadError},
    store::{self, Command, DEFAULT_NAMESPACE, Lifetime, Outcome, Rejection, Tag},
};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// A session is never forgotten, however clocks jump.
const SESSION_TTL: u64 = 1 << 50;

/// Keys that all clients write to.
const SHARED_KEYS: u64 = 8;

/// What a client hears.
pub(super) enum Answer {
    /// Of a write.
    Write(Result<Result<Outcome, Rejection>, ProposeError>),
    /// Of a read: the number found.
    Read(Result<u64, ReadError>),
    /// The member ended before it could answer.
    Lost,
}

/// What a client is about.
enum Call {
    /// Opens a session.
    Open(Vec<u8>),
    /// Adds one to the number that only this client writes to, as write `seq` of its session.
    Add(Vec<u8>),
    /// Writes a value that nobody else writes.
    Put(Vec<u8>),
    /// Reads the number, which is at least this.
    Read(u64),
}

/// A client.
pub(super) struct Client {
    id: usize,
    session: Option<u64>,
    /// How often it has added, as far as it was told.
    added: u64,
    puts: u64,
    call: Option<Call>,
    /// The member it asks next.
    pub(super) at: Option<u64>,
    /// Calls that were answered as they should be.
    pub(super) done: u64,
}

impl Client {
    pub(super) fn new(id: usize) -> Self {
        Self {
            id,
            session: None,
            added: 0,
            puts: 0,
            call: None,
            at: None,
            done: 0,
        }
    }

    fn key(&self) -> Bytes {
        format!("number-{}", self.id).into()
    }

    /// What it wants next.
    fn next_call(&mut self, world: &World) -> Call {
        let Some(session) = self.session else {
            return Call::Open(encode(&Command::OpenSession { ttl: SESSION_TTL }, None));
        };
        let (kind, key, lives) = world.with(|inner| {
            let rng = &mut inner.rng;
            let kind = rng.random_range(0..10);
            (
                kind,
                rng.random_range(0..SHARED_KEYS),
                rng.random_range(1..5_000),
            )
        });
        match kind {
            0..6 => {
                let add = Command::Increment {
                    namespace: DEFAULT_NAMESPACE.to_owned(),
                    key: self.key(),
                    by: 1,
                    lifetime: Lifetime::Forever,
                    create_namespace: false,
                };
                let seq = self.added + 1;
                let tag = Tag {
                    session,
                    seq,
                    first_unacked: seq,
                };
                let untagged =
                    world.with(|inner| inner.plan.sabotage) == Some(Sabotage::WritesAreDuplicated);
                Call::Add(encode(&add, (!untagged).then_some(tag)))
            }
            6..8 => {
                self.puts += 1;
                let put = Command::Put {
                    namespace: DEFAULT_NAMESPACE.to_owned(),
                    key: format!("shared-{key}").into(),
                    value: format!("{}-{}", self.id, self.puts).into(),
                    create_namespace: false,
                    condition: None,
                    lifetime: if lives < 2_500 {
                        Lifetime::Ttl(lives)
                    } else {
                        Lifetime::Forever
                    },
                    previous: true,
                };
                Call::Put(encode(&put, None))
            }
            _ => Call::Read(self.added),
        }
    }

    /// Asks a member, in a task of its process; the answer is an event.
    pub(super) fn ask(&mut self, world: &Arc<World>, member: &Member, process: &Process) {
        let call = match self.call.take() {
            Some(call) => call,
            None => self.next_call(world),
        };
        let until = (Instant::now() + PATIENCE).into_std();
        let (told, answer) = oneshot::channel();
        match &call {
            Call::Open(command) | Call::Add(command) | Call::Put(command) => {
                // A client that is not answered soon, and a network that delivers twice.
                let twice = matches!(call, Call::Add(_))
                    && world.with(|inner| inner.rng.random_ratio(1, 8));
                if twice {
                    let (command, batcher) = (command.clone(), member.batcher.clone());
                    process.spawn(async move {
                        // Whatever it gives, the client hears of the other one.
                        let _ = batcher.propose(command, until).await;
                    });
                }
                let (command, batcher) = (command.clone(), member.batcher.clone());
                process.spawn(async move {
                    let written = batcher.propose(command, until).await;
                    let _ = told.send(Answer::Write(written));
                });
            }
            Call::Read(_) => {
                let (barrier, engine, key) = (
                    member.barrier.clone(),
                    Arc::clone(&member.engine),
                    self.key(),
                );
                let skips =
                    world.with(|inner| inner.plan.sabotage) == Some(Sabotage::ReadsSkipTheBarrier);
                process.spawn(async move {
                    let passed = if skips {
                        Ok(())
                    } else {
                        let waited = tokio::time::timeout(PATIENCE, barrier.wait()).await;
                        waited.unwrap_or(Err(ReadError::NoQuorum))
                    };
                    let found = passed.map(|()| {
                        let entry = store::get(&*engine, DEFAULT_NAMESPACE, &key);
                        let value = entry.ok().flatten().map(|entry| entry.value);
                        let text = value.and_then(|value| String::from_utf8(value.to_vec()).ok());
                        text.and_then(|text| text.parse().ok()).unwrap_or(0)
                    });
                    let _ = told.send(Answer::Read(found));
                });
            }
        }
        self.call = Some(call);
        let (world, id) = (Arc::clone(world), self.id);
        // Outside of the process: a client notices when that ends.
        tokio::spawn(async move {
            let answer = answer.await.unwrap_or(Answer::Lost);
            world.with(|inner| inner.schedule(1, Event::Answer(id, answer)));
        });
    }

    /// Hears an answer.
    pub(super) fn hear(&mut self, world: &World, answer: Answer) {
        let Some(call) = self.call.take() else {
            return;
        };
        let id = self.id;
        match (call, answer) {
            (call, Answer::Write(Ok(Ok(outcome)))) => self.wrote(world, &call, outcome),
            (_, Answer::Write(Ok(Err(rejection)))) => world.with(|inner| {
                let detail = format!("client {id} is refused: {rejection:?}");
                inner.invariants.violated(Property::ExactlyOnce, detail);
            }),
            (Call::Put(command), Answer::Write(Err(error))) => {
                world.with(|inner| inner.note(format_args!("client {id}: put {error:?}")));
                self.at = None;
                if !matches!(error, ProposeError::Unknown { .. }) {
                    let digest = command_digest(&command);
                    world.with(|inner| inner.invariants.refused(digest));
                }
            }
            (Call::Read(floor), Answer::Read(Ok(found))) => {
                self.done += 1;
                world.with(|inner| {
                    inner.note(format_args!("client {id}: read {found}"));
                    if found < floor {
                        let detail = format!("client {id} reads {found} after {floor}");
                        inner.invariants.violated(Property::Linearizable, detail);
                    }
                });
            }
            (Call::Put(_) | Call::Read(_), _) => self.at = None,
            (call, answer) => {
                if let Answer::Write(Err(error)) = answer {
                    world.with(|inner| inner.note(format_args!("client {id}: {error:?}")));
                }
                self.at = None;
                self.call = Some(call);
            }
        }
    }

    fn wrote(&mut self, world: &World, call: &Call, outcome: Outcome) {
        self.done += 1;
        let id = self.id;
        let (revision, command) = match (call, outcome) {
            (Call::Open(command), Outcome::SessionOpened { id }) => {
                self.session = Some(id);
                (id, command)
            }
            (
                Call::Add(command),
                Outcome::Incremented {
                    value, revision, ..
                },
            ) => {
                self.added += 1;
                let added = self.added;
                world.with(|inner| {
                    inner.note(format_args!("client {id}: added, {value} at {revision}"));
                    if u64::try_from(value) != Ok(added) {
                        let detail =
                            format!("client {id} added {added} times, which gives {value}");
                        inner.invariants.violated(Property::ExactlyOnce, detail);
                    }
                });
                (revision, command)
            }
            (Call::Put(command), Outcome::Put { revision, .. }) => {
                world.with(|inner| inner.note(format_args!("client {id}: put at {revision}")));
                (revision, command)
            }
            (_, outcome) => {
                let detail = format!("client {id} is answered {outcome:?}");
                return world
                    .with(|inner| inner.invariants.violated(Property::Acknowledged, detail));
            }
        };
        let digest = command_digest(command);
        world.with(|inner| inner.invariants.acknowledged(digest, revision));
    }
}

fn encode(command: &Command, tag: Option<Tag>) -> Vec<u8> {
    // A command of a few bytes can be laid out.
    command.encode(tag).unwrap_or_default()
}
