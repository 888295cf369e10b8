//! `status` for programs: all that members tell.

use std::time::Duration;

use common::types::{Disk, Formats, MemberStatus, SnapshotTransfer, TransferDirection};
use serde::Serialize;

use crate::{
    output::json::{self, millis},
    survey::{CatchUp, Finding, Kind, Seen, Survey, Weight},
};

/// The leader.
#[derive(Debug, Serialize)]
pub(crate) struct LeaderObject<'a> {
    id: String,
    pub(crate) name: &'a str,
    address: &'a str,
}

impl<'a> LeaderObject<'a> {
    pub(crate) fn of(survey: &'a Survey) -> Option<Self> {
        survey.leader.as_ref().map(|leader| Self {
            id: leader.id.to_string(),
            name: &leader.name,
            address: &leader.client_address,
        })
    }
}

/// The voters.
#[derive(Debug, Serialize)]
pub(crate) struct QuorumObject {
    voters: usize,
    up: usize,
    needed: usize,
    ok: bool,
    tolerates: usize,
}

impl QuorumObject {
    pub(crate) fn of(survey: &Survey) -> Self {
        Self {
            voters: survey.voters,
            up: survey.voters_up,
            needed: survey.quorum(),
            ok: survey.has_quorum(),
            tolerates: survey.spare(),
        }
    }
}

/// Something to know.
#[derive(Debug, Serialize)]
pub(crate) struct FindingObject {
    severity: &'static str,
    #[serde(serialize_with = "json::as_optional_string")]
    member: Option<u64>,
    message: String,
    hint: Option<String>,
}

impl FindingObject {
    /// All there is to know.
    pub(crate) fn all(survey: &Survey) -> Vec<Self> {
        survey.findings().into_iter().map(Self::from).collect()
    }
}

impl From<Finding> for FindingObject {
    fn from(finding: Finding) -> Self {
        Self {
            severity: match finding.weight {
                Weight::Notice => "notice",
                Weight::Problem => "problem",
                Weight::Outage => "outage",
            },
            member: finding.member,
            message: finding.what,
            hint: finding.help,
        }
    }
}

#[derive(Serialize)]
pub(super) struct StatusObject<'a> {
    cluster_id: &'a str,
    health: &'static str,
    leader: Option<LeaderObject<'a>>,
    term: String,
    commit: String,
    quorum: QuorumObject,
    findings: Vec<FindingObject>,
    notices: Vec<String>,
    members: Vec<MemberObject<'a>>,
}

/// A member; what it did not tell is absent.
#[derive(Serialize)]
struct MemberObject<'a> {
    id: String,
    name: &'a str,
    kind: &'static str,
    voter: bool,
    client_address: &'a str,
    peer_address: &'a str,
    health: &'static str,
    error: Option<&'a str>,
    entries_behind: Option<u64>,
    behind_ms: Option<u64>,
    last_contact_ms: Option<u64>,
    catch_up: Option<CatchUpObject>,
    #[serde(flatten)]
    told: Option<ToldObject<'a>>,
}

/// How far a member is on its way.
#[derive(Debug, Serialize)]
pub(crate) struct CatchUpObject {
    by: &'static str,
    done: u64,
    total: Option<u64>,
    percent: Option<u64>,
}

impl From<CatchUp> for CatchUpObject {
    fn from(catch_up: CatchUp) -> Self {
        let (by, done, total) = match catch_up {
            CatchUp::Snapshot { bytes, total } => ("snapshot", bytes, total),
            CatchUp::Entries { matched, of } => ("log", matched, Some(of)),
        };
        Self {
            by,
            done,
            total,
            percent: catch_up.percent(),
        }
    }
}

#[derive(Serialize)]
struct ToldObject<'a> {
    role: &'static str,
    term: String,
    #[serde(serialize_with = "json::as_optional_string")]
    leader: Option<u64>,
    last_log: String,
    commit: String,
    applied: String,
    lag: u64,
    snapshot: String,
    purged: String,
    ready: bool,
    read_only: Option<&'a str>,
    store: &'a str,
    durable: bool,
    version: &'a str,
    formats: FormatsObject,
    uptime_seconds: u64,
    log_bytes: u64,
    state_bytes: u64,
    disk: Option<DiskObject>,
    fsync_p99_us: u128,
    since_quorum_ms: Option<u64>,
    since_leader_ms: Option<u64>,
    transfers: Vec<TransferObject>,
    alarms: &'a [String],
    notices: &'a [String],
}

#[derive(Serialize)]
struct DiskObject {
    total_bytes: u64,
    free_bytes: u64,
}

impl From<Disk> for DiskObject {
    fn from(disk: Disk) -> Self {
        Self {
            total_bytes: disk.total,
            free_bytes: disk.free,
        }
    }
}

#[derive(Serialize)]
struct FormatsObject {
    data_directory: u32,
    protocol: u32,
    peer_protocol: u32,
    command: u32,
    snapshot: u32,
}

impl From<Formats> for FormatsObject {
    fn from(formats: Formats) -> Self {
        Self {
            data_directory: formats.data_directory,
            protocol: formats.protocol,
            peer_protocol: formats.peer_protocol,
            command: formats.command,
            snapshot: formats.snapshot,
        }
    }
}

#[derive(Serialize)]
struct TransferObject {
    direction: &'static str,
    peer: String,
    bytes: u64,
    total_bytes: Option<u64>,
}

impl From<&SnapshotTransfer> for TransferObject {
    fn from(transfer: &SnapshotTransfer) -> Self {
        Self {
            direction: match transfer.direction {
                TransferDirection::Sending => "sending",
                TransferDirection::Receiving => "receiving",
            },
            peer: transfer.peer.to_string(),
            bytes: transfer.bytes,
            total_bytes: transfer.total,
        }
    }
}

fn told(status: &MemberStatus, lag: u64) -> ToldObject<'_> {
    ToldObject {
        role: status.role.as_str(),
        term: status.term.to_string(),
        leader: status.leader,
        last_log: status.last_log.to_string(),
        commit: status.commit.to_string(),
        applied: status.applied.to_string(),
        lag,
        snapshot: status.snapshot.to_string(),
        purged: status.purged.to_string(),
        ready: status.ready,
        read_only: status.read_only.as_deref(),
        store: &status.store,
        durable: status.durable,
        version: &status.version,
        formats: status.formats.into(),
        uptime_seconds: status.uptime.as_secs(),
        log_bytes: status.log_bytes,
        state_bytes: status.state_bytes,
        disk: status.disk.map(DiskObject::from),
        fsync_p99_us: status.fsync_p99.as_micros(),
        since_quorum_ms: status.since_quorum.map(millis),
        since_leader_ms: status.since_leader.map(millis),
        transfers: status.transfers.iter().map(TransferObject::from).collect(),
        alarms: &status.alarms,
        notices: &status.notices,
    }
}

impl<'a> MemberObject<'a> {
    fn of(seen: &'a Seen) -> Self {
        let ms = |duration: Option<Duration>| duration.map(millis);
        Self {
            id: seen.member.id.to_string(),
            name: &seen.member.name,
            kind: Kind::of(&seen.member).as_str(),
            voter: seen.member.voter,
            client_address: &seen.member.client_address,
            peer_address: &seen.member.peer_address,
            health: seen.health.as_str(),
            error: seen.answer.as_ref().err().map(String::as_str),
            entries_behind: seen.entries_behind(),
            behind_ms: ms(seen.time_behind()),
            last_contact_ms: ms(seen.last_contact()),
            catch_up: seen.catch_up.map(CatchUpObject::from),
            told: seen
                .status()
                .map(|status| told(status, seen.lag.unwrap_or(0))),
        }
    }
}

impl<'a> StatusObject<'a> {
    pub(super) fn of(survey: &'a Survey) -> Self {
        Self {
            cluster_id: &survey.cluster_id,
            health: survey.verdict().as_str(),
            leader: LeaderObject::of(survey),
            term: survey.term.to_string(),
            commit: survey.commit.to_string(),
            quorum: QuorumObject::of(survey),
            findings: FindingObject::all(survey),
            notices: survey.notices(),
            members: survey.members.iter().map(MemberObject::of).collect(),
        }
    }
}
