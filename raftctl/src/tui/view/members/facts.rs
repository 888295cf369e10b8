//! What there is to say of a member.

use std::time::Duration;

use common::types::{MemberStatus, TransferDirection};
use ratatui::style::Style;

use crate::{
    output::table::{grouped, size},
    survey::{Health, Kind, Seen, Survey, Weight, used_percent},
    tui::{
        app::{App, Member},
        text,
        view::{glyph, overview},
    },
};

/// A fact: its name, and what is so.
pub(super) struct Fact {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) style: Style,
}

/// Facts that belong together.
pub(super) struct Group {
    pub(super) title: &'static str,
    /// Heads of columns, beside the title.
    pub(super) head: String,
    pub(super) facts: Vec<Fact>,
}

impl Group {
    fn new(title: &'static str) -> Self {
        Self {
            title,
            head: String::new(),
            facts: Vec::new(),
        }
    }

    fn fact(&mut self, name: &str, text: impl Into<String>) {
        self.styled(name, text, Style::new());
    }

    fn styled(&mut self, name: &str, text: impl Into<String>, style: Style) {
        self.facts.push(Fact {
            name: name.to_owned(),
            text: text.into(),
            style,
        });
    }
}

/// All that is known of a member.
pub(super) fn groups(app: &App, survey: &Survey, seen: &Seen) -> Vec<Group> {
    let status = overview::last(app, seen);
    let probe = app.shown().last_word(seen.member.id);
    let mut groups: Vec<Group> = attention(app, survey, seen).into_iter().collect();
    groups.push(consensus(app, survey, seen, status));
    if let Some(status) = status {
        groups.push(log(status));
    }
    groups.push(contact(app, seen, status, probe));
    if let Some(probe) = probe {
        groups.push(rates(probe, seen.health == Health::Unreachable));
    }
    if let Some(status) = status {
        groups.push(storage(app, status));
        groups.extend(transfers(app, status));
        groups.push(process(app, seen, status));
    }
    groups
}

/// What is wrong with it, in words.
fn attention(app: &App, survey: &Survey, seen: &Seen) -> Option<Group> {
    let theme = app.settings.theme;
    let mut group = Group::new("Attention");
    for finding in survey.findings() {
        if finding.member != Some(seen.member.id) {
            continue;
        }
        let style = match finding.weight {
            Weight::Outage => theme.bad(),
            Weight::Problem => theme.warning(),
            Weight::Notice => Style::new(),
        };
        let mark = if finding.weight > Weight::Notice {
            "!"
        } else {
            ""
        };
        group.styled(mark, glyph::harmless(theme, &finding.what), style);
        if let Some(help) = finding.help {
            group.styled("", glyph::harmless(theme, &help), theme.dim());
        }
    }
    for notice in seen.status().iter().flat_map(|status| &status.notices) {
        group.fact("", glyph::harmless(theme, notice));
    }
    (!group.facts.is_empty()).then_some(group)
}

fn consensus(app: &App, survey: &Survey, seen: &Seen, status: Option<&MemberStatus>) -> Group {
    let theme = app.settings.theme;
    let mut group = Group::new("Consensus");
    let (mark, style) = glyph::of(theme, seen);
    let (word, _) = glyph::word(app, seen, survey);
    let role = match status {
        Some(status) if seen.health == Health::Unreachable => {
            format!("{mark} {word}, was {}", status.role.as_str())
        }
        _ => format!("{mark} {word}"),
    };
    group.styled("role", role, style);
    let kind = Kind::of(&seen.member).as_str();
    group.fact("membership", format!("{kind}, id {}", seen.member.id));
    if let Some(status) = status {
        group.fact("term", grouped(status.term));
        match status.leader {
            Some(leader) => group.fact("leader", glyph::name(app, leader)),
            None => group.styled("leader", "none", theme.warning()),
        }
    }
    let (behind, style) = overview::lag(app, seen, 24);
    group.styled("lag", behind, style);
    group
}

fn log(status: &MemberStatus) -> Group {
    let mut group = Group::new("Log");
    let index = |name: &str, index: u64| match (name, index) {
        ("snapshot" | "purged", 0) => "none".to_owned(),
        _ => grouped(index),
    };
    let indices = [
        ("last log", status.last_log),
        ("commit", status.commit),
        ("applied", status.applied),
        ("snapshot", status.snapshot),
        ("purged", status.purged),
    ];
    let cells = indices.iter().map(|(_, it)| grouped(*it).len()).max();
    for (name, value) in indices {
        // Below each other digit by digit.
        group.fact(
            name,
            format!("{:>1$}", index(name, value), cells.unwrap_or(0)),
        );
    }
    group
}

fn contact(app: &App, seen: &Seen, status: Option<&MemberStatus>, probe: Option<&Member>) -> Group {
    let theme = app.settings.theme;
    let mut group = Group::new("Contact");
    let time = |time: Option<Duration>| time.map_or_else(|| "-".to_owned(), text::latency);
    if seen.health == Health::Unreachable {
        let answered = probe.and_then(|probe| probe.answered);
        let ago = match answered {
            Some(at) => {
                let ago = glyph::now(app).saturating_duration_since(at);
                format!("{} ago", glyph::whole(ago))
            }
            None => "never".to_owned(),
        };
        group.styled("last answer", ago, theme.warning());
        return group;
    }
    group.fact("round trip", time(probe.and_then(|probe| probe.round_trip)));
    let heard = seen.last_contact();
    group.fact("leader heard", time(heard));
    if let Some(since) = status.and_then(|status| status.since_quorum) {
        group.fact("quorum heard", text::latency(since));
    }
    group
}

/// What it does, by operation.
fn rates(probe: &Member, down: bool) -> Group {
    let mut group = Group::new("Operations");
    if down || probe.rates.operations.is_empty() {
        group.fact("", "none at the moment");
        return group;
    }
    let time = |time: Option<Duration>| time.map_or_else(|| "-".to_owned(), text::latency);
    group.head = format!("{:>7}{:>9}{:>9}", "rate", "p50", "p99");
    for operation in &probe.rates.operations {
        let rate = format!("{}/s", text::rate(operation.rate));
        let (p50, p99) = (time(operation.p50), time(operation.p99));
        group.fact(
            operation.kind.as_str(),
            format!("{rate:>7}{p50:>9}{p99:>9}"),
        );
    }
    group
}

fn storage(app: &App, status: &MemberStatus) -> Group {
    let theme = app.settings.theme;
    let mut group = Group::new("Storage");
    group.fact("store", glyph::harmless(theme, &status.store));
    if status.durable {
        group.fact("durable", "yes");
    } else {
        group.styled("durable", "no: writes are not synced", theme.warning());
    }
    group.fact("log", size(status.log_bytes));
    group.fact("state", size(status.state_bytes));
    if let Some(disk) = status.disk {
        let (free, total) = (size(disk.free), size(disk.total));
        let used = used_percent(disk);
        let style = if used >= 95 {
            theme.warning()
        } else {
            Style::new()
        };
        group.styled("disk used", format!("{used} %"), style);
        group.fact("disk free", format!("{free} of {total}"));
    }
    let fsync = if status.fsync_p99.is_zero() {
        "-".to_owned()
    } else {
        text::latency(status.fsync_p99)
    };
    group.fact("fsync p99", fsync);
    group
}

/// Snapshots on their way.
fn transfers(app: &App, status: &MemberStatus) -> Option<Group> {
    let mut group = Group::new("Transfers");
    for transfer in &status.transfers {
        let way = match transfer.direction {
            TransferDirection::Sending => "sends to",
            TransferDirection::Receiving => "gets from",
        };
        let mut text = format!(
            "{} {}",
            glyph::name(app, transfer.peer),
            size(transfer.bytes)
        );
        if let Some(total) = transfer.total {
            let percent = u128::from(transfer.bytes) * 100 / u128::from(total.max(1));
            text.push_str(&format!(" of {}, {} %", size(total), percent.min(100)));
        }
        group.fact(way, text);
    }
    (!group.facts.is_empty()).then_some(group)
}

fn process(app: &App, seen: &Seen, status: &MemberStatus) -> Group {
    let theme = app.settings.theme;
    let mut group = Group::new("Process");
    group.fact("version", glyph::harmless(theme, &status.version));
    if seen.health != Health::Unreachable {
        group.fact("up", glyph::whole(status.uptime));
    }
    group.fact(
        "clients",
        glyph::harmless(theme, &seen.member.client_address),
    );
    group.fact("members", glyph::harmless(theme, &seen.member.peer_address));
    let formats = status.formats;
    group.fact(
        "formats",
        format!(
            "directory {}, client {}, peer {}, command {}, snapshot {}",
            formats.data_directory,
            formats.protocol,
            formats.peer_protocol,
            formats.command,
            formats.snapshot
        ),
    );
    group
}
