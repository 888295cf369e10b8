//! `status` for people: the cluster in a line, a line a member, and below what there is to know.

use std::time::Duration;

use common::types::{MemberStatus, SnapshotTransfer, TransferDirection};
use dialoguer::console::measure_text_width;

use crate::{
    output::{
        Style,
        bytes::escape,
        fit::{fitted, wrapped},
        plain,
        table::{Cell, Column, Tone, cut, facts, grouped, milliseconds, number, size, text},
        time::{exact, remaining},
    },
    survey::{CatchUp, Finding, Health, Kind, Seen, Survey, Verdict, Weight, label, used_percent},
};

const COLUMNS: [Column; 13] = [
    text("  NAME"),
    number("ID"),
    text("ROLE"),
    number("TERM"),
    number("APPLIED"),
    number("LAG"),
    number("DISK"),
    number("FSYNC"),
    number("UPTIME"),
    text("STORE"),
    text("VERSION"),
    text("ADDRESS"),
    text("HEALTH"),
];

/// What a narrow terminal does without, the least wanted first: STORE, VERSION, UPTIME, TERM, FSYNC,
/// ID, DISK, APPLIED, ADDRESS, LAG, ROLE.
const DISPENSABLE: [usize; 11] = [9, 10, 8, 3, 7, 1, 6, 4, 11, 5, 2];

/// So much of the cluster's id tells clusters apart, where there is no room for all of it.
const SHORT_ID: usize = 8;

/// The glyph before a name, for eyes that search a long table; the words say the same.
fn glyph(seen: &Seen, style: Style) -> &'static str {
    match (seen.health, seen.leads(), style.unicode) {
        (Health::Unreachable, _, true) => "\u{2717}",
        (Health::Unreachable, _, false) => "x",
        (_, true, true) => "\u{2605}",
        (_, true, false) => "*",
        (Health::Ok, _, true) => "\u{25cf}",
        (Health::Ok, _, false) => "o",
        (_, _, true) => "\u{25cb}",
        (_, _, false) => "-",
    }
}

fn tone(health: Health) -> Tone {
    match health {
        Health::Ok => Tone::Good,
        Health::Unreachable | Health::ReadOnly => Tone::Bad,
        _ => Tone::Warning,
    }
}

/// Text of a member that may not have answered.
fn told(text: Option<String>, tone: Tone) -> Cell {
    match text {
        Some(text) => Cell::toned(text, tone),
        None => Cell::toned("-", Tone::Dim),
    }
}

/// Entries, and the time where it is a second or more.
pub(crate) fn lag(seen: &Seen) -> Option<String> {
    let entries = grouped(seen.entries_behind()?);
    let time = seen.time_behind().filter(|time| time.as_secs() > 0);
    Some(match time {
        Some(time) => format!("{entries}, {}", remaining(time)),
        None => entries,
    })
}

fn cells(seen: &Seen, style: Style) -> Vec<Cell> {
    let status = seen.status();
    let name_tone = if seen.leads() {
        Tone::Accent
    } else {
        Tone::Normal
    };
    let name = escape(label(&seen.member).as_bytes());
    let percent = seen.catch_up.and_then(CatchUp::percent);
    let health = match (seen.health, percent) {
        (health @ (Health::Joining | Health::CatchingUp), Some(percent)) => {
            format!("{} {percent} %", health.words())
        }
        (health, _) => health.words().to_owned(),
    };
    let of = |part: &dyn Fn(&MemberStatus) -> String| told(status.map(part), Tone::Normal);
    let disk = status.and_then(|status| status.disk).map(used_percent);
    vec![
        Cell::toned(format!("{} {name}", glyph(seen, style)), name_tone),
        Cell::new(seen.member.id.to_string()),
        told(
            status.map(|status| status.role.as_str().to_owned()),
            name_tone,
        ),
        Cell::optional(status.map(|status| status.term)),
        Cell::optional(status.map(|status| status.applied)),
        told(lag(seen), Tone::Normal),
        told(disk.map(|percent| format!("{percent} %")), Tone::Normal),
        told(
            status
                .map(|status| status.fsync_p99)
                .filter(|latency| !latency.is_zero())
                .map(milliseconds),
            Tone::Normal,
        ),
        of(&|status| remaining(status.uptime.max(Duration::from_secs(1)))),
        of(&|status| escape(store(status).as_bytes())),
        of(&|status| escape(status.version.as_bytes())),
        Cell::new(escape(seen.member.client_address.as_bytes())),
        Cell::toned(health, tone(seen.health)),
    ]
}

fn store(status: &MemberStatus) -> String {
    let unsafely = if status.durable { "" } else { ", no fsync" };
    format!("{}{unsafely}", status.store)
}

/// The cluster in one line; with little room in fewer words.
fn heading(survey: &Survey, style: Style) -> String {
    let leader = match &survey.leader {
        Some(leader) => {
            let star = if style.unicode { "\u{2605}" } else { "*" };
            let name = format!("{star} {}", escape(label(leader).as_bytes()));
            Tone::Accent.paint(&name, style.color)
        }
        None => Tone::Bad.paint("none", style.color),
    };
    let mut quorum = format!("{}/{}", survey.voters_up, survey.voters);
    if !survey.has_quorum() {
        quorum = Tone::Bad.paint(&format!("{quorum} LOST"), style.color);
    }
    let (word, tone) = match survey.verdict() {
        Verdict::Healthy => ("healthy", Tone::Good),
        Verdict::Degraded => ("degraded", Tone::Warning),
        Verdict::NoQuorum => ("no quorum", Tone::Bad),
    };
    let verdict = tone.paint(word, style.color);
    let id = escape(survey.cluster_id.as_bytes());
    let short: String = id.chars().take(SHORT_ID).collect();
    let cluster = |id: &str| format!("cluster {id}  ");
    let term = format!("term {}  ", grouped(survey.term));
    let commit = format!("commit {}  ", grouped(survey.commit));
    let fits = |line: &String| {
        style
            .width
            .is_none_or(|width| measure_text_width(line) <= width)
    };
    if survey.voters == 0 {
        return cut(&format!("no cluster yet  {verdict}"), style.width);
    }
    let mut line = String::new();
    for (cluster, term, commit) in [
        (cluster(&id).as_str(), term.as_str(), commit.as_str()),
        (&cluster(&short), &term, &commit),
        (&cluster(&short), &term, ""),
        ("", &term, ""),
        ("", "", ""),
    ] {
        line = format!("{cluster}leader {leader}  {term}{commit}quorum {quorum}  {verdict}");
        if fits(&line) {
            break;
        }
    }
    cut(&line, style.width)
}

/// A finding, with what helps.
pub(crate) fn finding(finding: &Finding, style: Style) -> String {
    let (word, tone) = match finding.weight {
        Weight::Notice => ("note:", Tone::Accent),
        Weight::Problem => ("problem:", Tone::Warning),
        Weight::Outage => ("outage:", Tone::Bad),
    };
    let help = finding.help.as_ref();
    let help = help.map_or_else(String::new, |help| format!("; {help}"));
    let text = escape(format!("{}{help}", finding.what).as_bytes());
    let lines = wrapped(&format!("{word} {text}"), 2, style.width);
    let rest = lines.strip_prefix(word).unwrap_or_default();
    format!("{}{rest}\n", tone.paint(word, style.color))
}

/// The table under its heading, and what else there is to say below.
pub(super) fn table(survey: &Survey, style: Style) -> String {
    let rows = survey
        .members
        .iter()
        .map(|seen| cells(seen, style))
        .collect();
    let (mut table, rows) = fitted(&COLUMNS, rows, &DISPENSABLE, style.width);
    let part = table.part(&rows, style.color, style.width);
    let mut text = format!("{}\n\n{part}", heading(survey, style));
    let findings = survey.findings();
    if !findings.is_empty() {
        text.push('\n');
    }
    for one in &findings {
        text.push_str(&finding(one, style));
    }
    text
}

/// Every member in full.
pub(super) fn details(survey: &Survey, style: Style) -> String {
    let mut text = String::new();
    for seen in &survey.members {
        let name = escape(label(&seen.member).as_bytes());
        let head = format!("{} {name}  id {}", glyph(seen, style), seen.member.id);
        let tone = if seen.leads() {
            Tone::Accent
        } else {
            Tone::Heading
        };
        text.push_str(&format!("\n{}\n", tone.paint(&head, style.color)));
        let facts = facts(&facts_of(seen, survey), style.color);
        for line in facts.lines() {
            text.push_str(&format!("  {line}\n"));
        }
    }
    text
}

fn facts_of(seen: &Seen, survey: &Survey) -> Vec<(&'static str, String)> {
    let member = &seen.member;
    let mut facts = vec![("health", seen.health.words().to_owned())];
    let detail = seen.detail();
    if !detail.is_empty() {
        facts[0]
            .1
            .push_str(&format!(": {}", escape(detail.as_bytes())));
    }
    let kind = Kind::of(member).as_str();
    facts.push((
        "role",
        match seen.status() {
            Some(status) => format!("{}, {kind}, term {}", status.role.as_str(), status.term),
            None => kind.to_owned(),
        },
    ));
    let addresses = format!(
        "{}, for members {}",
        member.client_address, member.peer_address
    );
    facts.push(("address", escape(addresses.as_bytes())));
    if let Some(lag) = lag(seen) {
        let percent = seen.catch_up.and_then(CatchUp::percent);
        let percent = percent.map_or_else(String::new, |percent| format!(" ({percent} %)"));
        facts.push(("lag", format!("{lag}{percent}")));
    }
    if let Some(since) = seen.last_contact() {
        let age = if since < Duration::from_secs(1) {
            format!("{} ms ago", since.as_millis())
        } else {
            format!("{} ago", remaining(since))
        };
        facts.push(("last contact", age));
    }
    if let Some(status) = seen.status() {
        facts.extend(told_facts(status, survey));
    }
    facts
}

fn told_facts(status: &MemberStatus, survey: &Survey) -> Vec<(&'static str, String)> {
    let index = |index| match index {
        0 => "none".to_owned(),
        index => grouped(index),
    };
    let mut facts = vec![
        ("last log", grouped(status.last_log)),
        ("commit", grouped(status.commit)),
        ("applied", grouped(status.applied)),
        ("snapshot", index(status.snapshot)),
        ("purged", index(status.purged)),
        ("store", escape(store(status).as_bytes())),
        (
            "data",
            format!(
                "log {}, state {}",
                size(status.log_bytes),
                size(status.state_bytes)
            ),
        ),
    ];
    if let Some(disk) = status.disk {
        let used = used_percent(disk);
        let (free, total) = (size(disk.free), size(disk.total));
        facts.push(("disk", format!("{used} % used, {free} of {total} free")));
    }
    if !status.fsync_p99.is_zero() {
        facts.push(("fsync p99", milliseconds(status.fsync_p99)));
    }
    for transfer in &status.transfers {
        facts.push(("transfer", way(transfer, survey)));
    }
    let formats = status.formats;
    facts.push((
        "version",
        format!(
            "{}; formats: directory {}, client {}, peer {}, command {}, snapshot {}",
            escape(status.version.as_bytes()),
            formats.data_directory,
            formats.protocol,
            formats.peer_protocol,
            formats.command,
            formats.snapshot
        ),
    ));
    let whole_seconds = Duration::from_secs(status.uptime.as_secs());
    facts.push(("uptime", exact(whole_seconds)));
    facts.push(("ready", if status.ready { "yes" } else { "no" }.to_owned()));
    facts
}

/// A snapshot on its way.
fn way(transfer: &SnapshotTransfer, survey: &Survey) -> String {
    let peer = match survey.member(transfer.peer) {
        Some(seen) => escape(label(&seen.member).as_bytes()),
        None => format!("id {}", transfer.peer),
    };
    let way = match transfer.direction {
        TransferDirection::Sending => format!("sending to {peer}"),
        TransferDirection::Receiving => format!("receiving from {peer}"),
    };
    let of = transfer.total;
    let of = of.map_or_else(String::new, |total| format!(" of {}", size(total)));
    format!("{way}, {}{of}", size(transfer.bytes))
}

/// A line a member, for scripts.
pub(super) fn lines(survey: &Survey) -> String {
    let millis = |duration: Option<Duration>| plain::optional(duration.map(|it| it.as_millis()));
    let words = |text: Option<String>| {
        let text = text.filter(|text| !text.is_empty());
        plain::optional(text.map(|text| escape(text.as_bytes())))
    };
    survey
        .members
        .iter()
        .map(|seen| {
            let status = seen.status();
            let disk = status.and_then(|status| status.disk);
            plain::line(&[
                words(Some(seen.member.name.clone())),
                seen.member.id.to_string(),
                plain::optional(status.map(|status| status.role.as_str())),
                plain::optional(status.map(|status| status.term)),
                plain::optional(status.map(|status| status.last_log)),
                plain::optional(status.map(|status| status.commit)),
                plain::optional(status.map(|status| status.applied)),
                plain::optional(seen.lag),
                words(status.map(|status| status.store.clone())),
                escape(seen.member.client_address.as_bytes()),
                seen.health.as_str().to_owned(),
                words(Some(seen.detail())),
                words(status.map(|status| status.notices.join("; "))),
                Kind::of(&seen.member).as_str().to_owned(),
                words(status.map(|status| status.version.clone())),
                plain::optional(disk.map(|disk| disk.total)),
                plain::optional(disk.map(|disk| disk.free)),
                plain::optional(status.map(|status| status.fsync_p99.as_micros())),
                plain::optional(seen.entries_behind()),
                millis(seen.time_behind()),
                millis(seen.last_contact()),
                plain::optional(seen.catch_up.and_then(CatchUp::percent)),
            ])
        })
        .collect()
}
