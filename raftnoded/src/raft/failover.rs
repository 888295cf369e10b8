//! Electing at once when the leader's process has died, instead of waiting out the election timeout.
//!
//! Every member holds a connection to its leader that carries nothing ([`Channel::Watch`]): its end
//! is the message. The kernel closes it the moment the process is gone. Then this member calls
//! again, and only an answer that the process itself could not give counts: the connection is
//! refused, or another process answers. Silence counts for nothing, nor does a connection that was
//! merely cut: the leader answers the next call, and all is as before. A stopped process, a dead
//! machine and a cut network therefore still go by the timeout.
//!
//! # What a member does that is certain
//!
//! It lets go of the promise not to vote for anybody else while it hears from that leader (the
//! lease of pre-vote), and campaigns, pre-vote first. Voters that are not certain refuse, so that
//! one who is wrong changes nothing, not even a term. Safety does not rest on any of this: votes,
//! terms and logs decide as always, and reads go by the read index, which takes no lease for granted.
//!
//! The survivors would split their votes if all of them campaigned at once. They take turns by id,
//! [`TURN`] apart; one who asked with a shorter log than one's own cannot win, and is not waited for.

use std::{collections::BTreeMap, io, time::Duration};

use futures::StreamExt;
use openraft::{async_runtime::WatchReceiver, raft::TransferLeaderRequest};
use tokio::{sync::watch, time::Instant};

use super::{
    RaftHandle,
    contact::Contact,
    elections::{Elections, Reign},
    network::Me,
    peer::{self, Answer, Channel, Greeting, Purpose, WatchLane},
    types::{LogId, MemberInfo, Vote},
};

/// The time between the turns of two survivors: more than an election takes.
const TURN: Duration = Duration::from_millis(15);

/// The first pause between two campaigns: the other voters may be certain a little later.
const FIRST_PAUSE: Duration = Duration::from_millis(3);

/// The longest pause between two campaigns.
const LAST_PAUSE: Duration = Duration::from_millis(40);

/// How long an election that has begun is left alone: the votes in it are synced to disk.
const ELECTION: Duration = Duration::from_millis(100);

/// How long one call to the leader may take.
const CALL: Duration = Duration::from_millis(500);

/// How long to wait before calling again a leader whose answer says nothing.
const CALL_AGAIN: Duration = Duration::from_millis(100);

/// How long to wait before calling again a process that may be about to end: its port is open still.
const ENDING: Duration = Duration::from_millis(1);

/// How often such a process is called.
const ENDING_CALLS: u32 = 20;

/// How long proof is waited for when the vote has changed already. Short: a leader that was paused
/// and replaced may be killed afterwards.
const AFTERWARDS: Duration = Duration::from_millis(100);

/// What rivals said of their logs when they asked for votes; the latest of each.
pub(super) struct Rivals(watch::Sender<BTreeMap<u64, Option<LogId>>>);

impl Rivals {
    pub(super) fn new() -> Self {
        Self(watch::Sender::default())
    }

    /// A member asked for a vote, or whether it would get it.
    pub(super) fn asked(&self, member: u64, last: Option<LogId>) {
        self.0.send_modify(|all| {
            all.insert(member, last);
        });
    }
}

/// Watches whoever leads, and campaigns when that process has died. Ends with the consensus.
pub(super) async fn run(
    me: Me,
    raft: RaftHandle,
    contact: std::sync::Arc<Contact>,
    rivals: std::sync::Arc<Rivals>,
    elections: Elections,
    give_up: Duration,
) {
    let mut metrics = raft.server_metrics();
    loop {
        let followed = {
            let metrics = metrics.borrow_watched();
            followed(me.id, &metrics)
        };
        let Some((leader, info, vote)) = followed else {
            if metrics.changed().await.is_err() {
                return;
            }
            continue;
        };
        let mut changes = raft.server_metrics();
        let changed = async {
            while changes.changed().await.is_ok() {
                if changes.borrow_watched().vote != vote {
                    return true;
                }
            }
            false
        };
        let reign = Reign::of(&vote);
        let mut death = Box::pin(death(me, leader, info));
        let proof = tokio::select! {
            changed = changed => {
                if !changed {
                    return;
                }
                // Others may have been certain before this member. It is to know why, too.
                let elections = elections.clone();
                tokio::spawn(async move {
                    if tokio::time::timeout(AFTERWARDS, death).await.is_ok() {
                        elections.process_ended(reign, std::time::Instant::now());
                    }
                });
                continue;
            }
            proof = &mut death => proof,
        };
        elections.process_ended(reign, std::time::Instant::now());
        tracing::warn!(
            leader,
            proof,
            term = vote.leader_id().term,
            "the leader's process is gone"
        );
        contact.lost();
        campaign(me, &raft, leader, &vote, &rivals, give_up).await;
    }
}

/// The leader that this member follows, and the vote that made it one.
fn followed(
    me: u64,
    metrics: &openraft::metrics::RaftServerMetrics<super::TypeConfig>,
) -> Option<(u64, MemberInfo, Vote)> {
    let leader = metrics.current_leader.filter(|leader| *leader != me)?;
    let info = metrics.membership_config.get_node(&leader)?.clone();
    let vote = metrics.vote;
    vote.is_committed().then_some((leader, info, vote))
}

/// Returns when a process that answered as this member is gone for certain, with the proof.
async fn death(me: Me, leader: u64, info: MemberInfo) -> &'static str {
    let mut known = None;
    let mut ending = 0;
    loop {
        let pause = match call(me, leader, &info).await {
            Ok((Answer::Welcome { boot, .. }, lane)) => {
                if known.is_some_and(|known| known != boot) {
                    return "another process answers";
                }
                known = Some(boot);
                ending = 0;
                ended(lane).await;
                Duration::ZERO
            }
            // A process that takes part does not go back to this.
            Ok((Answer::NotReady, _)) if known.is_some() => return "a new process answers",
            Ok(_) => CALL_AGAIN,
            Err(error) if known.is_some() => match error.kind() {
                io::ErrorKind::ConnectionRefused => return "connection refused",
                // Taken by the kernel for a process that is on its way out.
                io::ErrorKind::ConnectionReset
                | io::ErrorKind::UnexpectedEof
                | io::ErrorKind::BrokenPipe
                    if ending < ENDING_CALLS =>
                {
                    ending += 1;
                    ENDING
                }
                _ => CALL_AGAIN,
            },
            Err(_) => CALL_AGAIN,
        };
        tokio::time::sleep(pause).await;
    }
}

async fn call(me: Me, leader: u64, info: &MemberInfo) -> io::Result<(Answer, WatchLane)> {
    let greeting = Greeting::new(Purpose::Member {
        cluster_id: me.cluster_id,
        from: me.id,
        incarnation: me.incarnation,
        to: leader,
        channel: Channel::Watch,
    });
    let (connection, answer) = peer::call(&info.peer_address, greeting, CALL).await?;
    Ok((answer, peer::open(connection)))
}

/// Waits for the end of a connection, whatever kind it is.
async fn ended(mut lane: WatchLane) {
    while let Some(Ok(_)) = lane.next().await {}
}

/// Campaigns until somebody leads, or for the time after which the election timeout takes over.
async fn campaign(
    me: Me,
    raft: &RaftHandle,
    dead: u64,
    vote: &Vote,
    rivals: &Rivals,
    give_up: Duration,
) {
    // To another member than the one it names, it says: expect nothing more of this leader.
    let farewell = TransferLeaderRequest::new(*vote, dead, None);
    if raft.handle_transfer_leader(farewell).await.is_err() {
        return;
    }
    // What was said in earlier elections tells nothing now.
    rivals.0.send_modify(BTreeMap::clear);
    let began = Instant::now();
    let mut metrics = raft.server_metrics();
    let mut heard = rivals.0.subscribe();
    let mut seen = *vote;
    let mut not_before = began;
    let mut pause = FIRST_PAUSE;
    while began.elapsed() < give_up {
        let (now, voters) = {
            let metrics = metrics.borrow_watched();
            let voters: Vec<u64> = metrics.membership_config.voter_ids().collect();
            (metrics.vote, voters)
        };
        if now != *vote && now.is_committed() || !voters.contains(&me.id) {
            return;
        }
        let own = raft.data_metrics().borrow_watched().last_log;
        let turn = {
            let rivals = heard.borrow_and_update();
            let can_win = |id: u64| rivals.get(&id).is_none_or(|last| *last >= own);
            if now != seen {
                seen = now;
                if can_win(now.leader_id().voted_for) {
                    not_before = Instant::now() + ELECTION;
                }
            }
            let ahead = voters.iter().filter(|id| **id < me.id && **id != dead);
            let first = ahead.filter(|id| can_win(**id)).count();
            not_before.max(began + TURN * u32::try_from(first).unwrap_or(u32::MAX))
        };
        let wait = if Instant::now() < turn {
            turn
        } else {
            tracing::debug!(term = now.leader_id().term, "campaigning");
            if raft.trigger().elect(true).await.is_err() {
                return;
            }
            let next = Instant::now() + pause;
            pause = (pause * 3 / 2).min(LAST_PAUSE);
            next
        };
        tokio::select! {
            () = tokio::time::sleep_until(wait) => {}
            changed = metrics.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            // Never fails: whoever can speak here lives as long as this.
            _ = heard.changed(), if Instant::now() < turn => {}
        }
    }
}
