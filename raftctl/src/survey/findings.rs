//! What an operator should know about the cluster, and what helps.
//!
//! Three weights. An *outage*: nothing can be written, for there is no leader or no majority. A
//! *problem*: the cluster works, and somebody should do something:
//!
//! - a member does not answer, starts, stops, follows no leader, or was removed and still runs;
//! - it is behind for more than five seconds;
//! - it takes no writes, for its disk is full, or its disk is nearly full ([`DISK_LOW`]);
//! - it raises an alarm of its own.
//!
//! A *notice*: all is well, and may not stay so. A member that joins is one, and so are versions
//! that differ (during an upgrade they do), two voters, slow syncs, quotas that fill up.

use std::{collections::BTreeMap, time::Duration};

use common::types::{Disk, MemberStatus};

use super::{CatchUp, Health, Kind, NO_LEADER, Seen, Survey, label, used_percent};
use crate::output::{
    table::{milliseconds, size},
    time::remaining,
};

/// A disk with less of its space free than this is a problem, unless [`DISK_ENOUGH`] is left.
const DISK_LOW: u64 = 5;

/// Likewise, worth a notice.
const DISK_LOWER: u64 = 10;

/// So much free space is enough, on whatever disk.
const DISK_ENOUGH: u64 = 10 << 30;

/// A log that takes longer to sync, one time in a hundred, slows every write down.
const SLOW_SYNC: Duration = Duration::from_millis(500);

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    Notice,
    Problem,
    Outage,
}

/// Something to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) weight: Weight,
    /// The member it is about, if it is about one.
    pub(crate) member: Option<u64>,
    /// A clause.
    pub(crate) what: String,
    /// What helps: a clause, with the command to type where there is one.
    pub(crate) help: Option<String>,
}

impl Finding {
    fn new(weight: Weight, what: impl Into<String>, help: Option<String>) -> Self {
        Self {
            weight,
            member: None,
            what: what.into(),
            help,
        }
    }

    fn of(seen: &Seen, weight: Weight, what: String, help: Option<String>) -> Self {
        Self {
            member: Some(seen.member.id),
            ..Self::new(weight, what, help)
        }
    }
}

impl Survey {
    /// What there is to know, what matters most first.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.outages(&mut findings);
        for seen in &self.members {
            findings.extend(self.trouble(seen));
            findings.extend(disk(seen));
        }
        self.layout(&mut findings);
        for seen in &self.members {
            findings.extend(on_the_way(seen));
            findings.extend(slow(seen));
        }
        findings.extend(
            self.told()
                .into_iter()
                .map(|notice| Finding::new(Weight::Notice, notice, None)),
        );
        // Stable: within a weight, the order from above.
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.weight));
        findings
    }

    fn outages(&self, findings: &mut Vec<Finding>) {
        let mut outage = |what: String, help: Option<String>| {
            findings.push(Finding::new(Weight::Outage, what, help));
        };
        if self.voters == 0 {
            if self.all_wait() {
                let nodes = self.members.iter().map(|seen| &seen.member.client_address);
                let address = nodes.clone().next().map_or("HOST:PORT", String::as_str);
                let help =
                    format!("`raftctl -e MEMBER members add {address}` adds it to a cluster");
                outage("the node belongs to no cluster".to_owned(), Some(help));
            } else {
                let help = "start the other nodes of --peers";
                outage(
                    "the cluster is not formed yet".to_owned(),
                    Some(help.to_owned()),
                );
            }
        } else if self.voters_up < self.quorum() {
            let what = format!(
                "{} of {} voters up, {} needed",
                self.voters_up,
                self.voters,
                self.quorum()
            );
            let help = "start those that are down; if they are lost for good, `raftnoded recover \
                        --help` tells how one survivor goes on";
            outage(what, Some(help.to_owned()));
        }
        if let Some(since) = self.quorum_lost {
            let what = format!(
                "the leader has not heard from a majority for {:.1} s",
                since.as_secs_f64()
            );
            let help = (self.voters_up >= self.quorum())
                .then(|| "the network between the members may be cut: see their logs".to_owned());
            outage(what, help);
        }
        if self.leader.is_none() && self.voters > 0 {
            let help = (self.voters_up >= self.quorum())
                .then(|| "an election takes a moment: `raftctl status --watch`".to_owned());
            outage(NO_LEADER.to_owned(), help);
        }
    }

    /// Whether nobody answered but nodes without a cluster.
    fn all_wait(&self) -> bool {
        self.members
            .iter()
            .all(|seen| seen.health == Health::Waiting)
    }

    /// What keeps a member from doing its part.
    fn trouble(&self, seen: &Seen) -> Option<Finding> {
        let name = label(&seen.member);
        let known = self.member(seen.member.id).is_some();
        let help = match seen.health {
            Health::Ok | Health::Joining => return None,
            Health::Waiting if self.all_wait() => return None,
            // A node beside a cluster that has all it needs.
            Health::Waiting if self.voters > 0 => {
                let address = &seen.member.client_address;
                let help = format!("`raftctl members add {address}` adds it");
                let what = format!("{name} waits to be added");
                return Some(Finding::of(seen, Weight::Notice, what, Some(help)));
            }
            // Without a quorum nothing can be replaced: what helps is said there.
            Health::Unreachable if known && self.has_quorum() => Some(format!(
                "start it again, or `raftctl members replace {name} HOST:PORT`"
            )),
            Health::ReadOnly => Some("free space there: writes go on by themselves".to_owned()),
            Health::CatchingUp => {
                Some("`raftctl status --watch` shows whether it gets closer".to_owned())
            }
            Health::Removed => Some("stop it and delete its data directory".to_owned()),
            _ => None,
        };
        let mut details = Vec::new();
        let detail = seen.detail();
        if !detail.is_empty() {
            details.push(detail);
        }
        if seen.health == Health::CatchingUp || seen.health == Health::Unreachable {
            details.extend(behind(seen));
        }
        let details = if details.is_empty() {
            String::new()
        } else {
            format!(" ({})", details.join(", "))
        };
        let what = format!("{name} {}{details}", seen.health.words());
        Some(Finding::of(seen, Weight::Problem, what, help))
    }

    /// What is about the members together.
    fn layout(&self, findings: &mut Vec<Finding>) {
        let mut notice = |what: String, help: &str| {
            findings.push(Finding::new(Weight::Notice, what, Some(help.to_owned())));
        };
        if self.voters == 2 {
            notice(
                "with two voters neither may fail".to_owned(),
                "`raftctl members add HOST:PORT` adds a third",
            );
        } else if self.voters > 2 && self.voters.is_multiple_of(2) {
            let what = format!(
                "{} voters tolerate no more failures than {}",
                self.voters,
                self.voters - 1
            );
            notice(what, "an odd number serves better");
        }
        if let Some(what) = self.differ("versions", |status| status.version.clone()) {
            notice(what, "bring all members to one release");
        } else if let Some(what) = self.differ("formats", |status| {
            let formats = status.formats;
            format!(
                "{}/{}/{}/{}/{}",
                formats.data_directory,
                formats.protocol,
                formats.peer_protocol,
                formats.command,
                formats.snapshot
            )
        }) {
            notice(what, "bring all members to one release");
        }
    }

    /// "versions differ: 0.1.0 (n1, n2), 0.2.0 (n3)", if they do.
    fn differ(&self, what: &str, version: impl Fn(&MemberStatus) -> String) -> Option<String> {
        let mut by_version: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for seen in &self.members {
            if let Some(status) = seen.status() {
                let name = label(&seen.member);
                by_version.entry(version(status)).or_default().push(name);
            }
        }
        let groups: Vec<String> = by_version
            .iter()
            .map(|(version, names)| format!("{version} ({})", names.join(", ")))
            .collect();
        (groups.len() > 1).then(|| format!("{what} differ: {}", groups.join(", ")))
    }

    /// What members say themselves. It is about what all of them have: the leader says it, or
    /// whoever else answered.
    fn told(&self) -> Vec<String> {
        let speakers: Vec<&MemberStatus> = match self.leader_status() {
            Some(leader) => vec![leader],
            None => self.members.iter().filter_map(Seen::status).collect(),
        };
        let mut notices: Vec<String> = Vec::new();
        for notice in speakers.into_iter().flat_map(|status| &status.notices) {
            if !notices.contains(notice) {
                notices.push(notice.clone());
            }
        }
        notices
    }
}

/// How far a member is behind, if it matters.
fn behind(seen: &Seen) -> Option<String> {
    let entries = seen.entries_behind().filter(|entries| *entries > 0)?;
    let entries = crate::output::table::counted_as(entries, "entry", "entries");
    let time = seen.time_behind().filter(|time| !time.is_zero());
    Some(match time {
        Some(time) => format!("{entries} and {} behind", remaining(time)),
        None => format!("{entries} behind"),
    })
}

fn disk(seen: &Seen) -> Option<Finding> {
    let status = seen.status()?;
    let disk: Disk = status.disk.filter(|disk| disk.total > 0)?;
    if status.read_only.is_some() || disk.free >= DISK_ENOUGH {
        return None;
    }
    let free = u128::from(disk.free) * 100;
    let below = |percent: u64| free < u128::from(disk.total) * u128::from(percent);
    let weight = match () {
        () if below(DISK_LOW) => Weight::Problem,
        () if below(DISK_LOWER) => Weight::Notice,
        () => return None,
    };
    let what = format!(
        "{}: disk {} % full, {} free",
        label(&seen.member),
        used_percent(disk),
        size(disk.free)
    );
    let help = "free space: a member whose disk is full takes no writes";
    Some(Finding::of(seen, weight, what, Some(help.to_owned())))
}

/// A member that receives what it has missed.
fn on_the_way(seen: &Seen) -> Option<Finding> {
    let joins = seen.health == Health::Joining && Kind::of(&seen.member) == Kind::Joining;
    let name = label(&seen.member);
    let progress = match seen.catch_up {
        Some(CatchUp::Snapshot { bytes, total }) => {
            let of = total.map_or_else(String::new, |total| format!(" of {}", size(total)));
            format!("receives a snapshot, {}{of}", size(bytes))
        }
        Some(CatchUp::Entries { .. }) if joins => "receives the log".to_owned(),
        _ if joins => "is to catch up".to_owned(),
        _ => return None,
    };
    let percent = seen.catch_up.and_then(CatchUp::percent);
    let percent = percent.map_or_else(String::new, |percent| format!(" ({percent} %)"));
    let then = if joins { ", then it votes" } else { "" };
    let what = format!("{name} {progress}{percent}{then}");
    Some(Finding::of(seen, Weight::Notice, what, None))
}

fn slow(seen: &Seen) -> Option<Finding> {
    let latency = seen.status()?.fsync_p99;
    (latency >= SLOW_SYNC).then(|| {
        let what = format!(
            "{}: one log sync in a hundred takes {} and more",
            label(&seen.member),
            milliseconds(latency)
        );
        let help = "is its disk slow, or shared with other load?";
        Finding::of(seen, Weight::Notice, what, Some(help.to_owned()))
    })
}
