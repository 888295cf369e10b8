//! `raftctl status`.

use common::types::{MemberStatus, Role};
use serde::Serialize;

use super::Session;
use crate::{
    failure::Failure,
    output::{
        Format, Output, Style,
        bytes::escape,
        json, plain,
        table::{Cell, Column, Table, Tone, grouped, number, text},
    },
    survey::{Health, Seen, Survey, Verdict, label},
};

const COLUMNS: [Column; 11] = [
    text("  NAME"),
    number("ID"),
    text("ROLE"),
    number("TERM"),
    number("LAST LOG"),
    number("COMMIT"),
    number("APPLIED"),
    number("LAG"),
    text("STORE"),
    text("ADDRESS"),
    text("HEALTH"),
];

/// The leader, as JSON has it.
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

/// The voters, as JSON has them.
#[derive(Debug, Serialize)]
pub(crate) struct QuorumObject {
    voters: usize,
    up: usize,
    needed: usize,
    ok: bool,
}

impl QuorumObject {
    pub(crate) fn of(survey: &Survey) -> Self {
        Self {
            voters: survey.voters,
            up: survey.voters_up,
            needed: survey.quorum(),
            ok: survey.has_quorum(),
        }
    }
}

#[derive(Serialize)]
struct StatusObject<'a> {
    cluster_id: &'a str,
    health: &'static str,
    leader: Option<LeaderObject<'a>>,
    term: String,
    commit: String,
    quorum: QuorumObject,
    notices: Vec<&'a str>,
    members: Vec<MemberObject<'a>>,
}

/// A member; what it did not tell is absent.
#[derive(Serialize)]
struct MemberObject<'a> {
    id: String,
    name: &'a str,
    voter: bool,
    client_address: &'a str,
    peer_address: &'a str,
    health: &'static str,
    error: Option<&'a str>,
    #[serde(flatten)]
    told: Option<ToldObject<'a>>,
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
    store: &'a str,
    durable: bool,
    version: &'a str,
    uptime_seconds: u64,
    log_bytes: u64,
    state_bytes: u64,
    fsync_p99_us: u128,
    since_quorum_ms: Option<u128>,
    alarms: &'a [String],
    notices: &'a [String],
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
        store: &status.store,
        durable: status.durable,
        version: &status.version,
        uptime_seconds: status.uptime.as_secs(),
        log_bytes: status.log_bytes,
        state_bytes: status.state_bytes,
        fsync_p99_us: status.fsync_p99.as_micros(),
        since_quorum_ms: status.since_quorum.map(|since| since.as_millis()),
        alarms: &status.alarms,
        notices: &status.notices,
    }
}

fn object(survey: &Survey) -> StatusObject<'_> {
    StatusObject {
        cluster_id: &survey.cluster_id,
        health: survey.verdict().0.as_str(),
        leader: LeaderObject::of(survey),
        term: survey.term.to_string(),
        commit: survey.commit.to_string(),
        quorum: QuorumObject::of(survey),
        notices: survey.notices(),
        members: survey
            .members
            .iter()
            .map(|seen| MemberObject {
                id: seen.member.id.to_string(),
                name: &seen.member.name,
                voter: seen.member.voter,
                client_address: &seen.member.client_address,
                peer_address: &seen.member.peer_address,
                health: seen.health.as_str(),
                error: seen.answer.as_ref().err().map(String::as_str),
                told: seen
                    .answer
                    .as_ref()
                    .ok()
                    .map(|status| told(status, seen.lag.unwrap_or(0))),
            })
            .collect(),
    }
}

/// The glyph before a name, for eyes that search a long table; the words say the same.
fn glyph(seen: &Seen, style: Style) -> &'static str {
    let leads = matches!(&seen.answer, Ok(status) if status.role == Role::Leader);
    match (seen.health, leads, style.unicode) {
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
        Health::Unreachable => Tone::Bad,
        _ => Tone::Warning,
    }
}

fn cells(seen: &Seen, style: Style) -> Vec<Cell> {
    let status = seen.answer.as_ref().ok();
    let leads = status.is_some_and(|status| status.role == Role::Leader);
    let name_tone = if leads { Tone::Accent } else { Tone::Normal };
    let word = |text: Option<&str>| match text {
        Some(text) => Cell::toned(escape(text.as_bytes()), name_tone),
        None => Cell::toned("-", Tone::Dim),
    };
    let detail = seen.detail();
    let health = if detail.is_empty() {
        seen.health.words().to_owned()
    } else {
        format!("{}: {}", seen.health.words(), escape(detail.as_bytes()))
    };
    vec![
        Cell::toned(
            format!(
                "{} {}",
                glyph(seen, style),
                escape(label(&seen.member).as_bytes())
            ),
            name_tone,
        ),
        Cell::new(seen.member.id.to_string()),
        word(status.map(|status| status.role.as_str())),
        Cell::optional(status.map(|status| status.term)),
        Cell::optional(status.map(|status| status.last_log)),
        Cell::optional(status.map(|status| status.commit)),
        Cell::optional(status.map(|status| status.applied)),
        Cell::optional(seen.lag),
        match status {
            Some(status) if !status.durable => Cell::new(format!("{}, no fsync", status.store)),
            Some(status) => Cell::new(escape(status.store.as_bytes())),
            None => Cell::toned("-", Tone::Dim),
        },
        Cell::new(escape(seen.member.client_address.as_bytes())),
        Cell::toned(health, tone(seen.health)),
    ]
}

/// The cluster in one line.
fn heading(survey: &Survey, style: Style) -> String {
    let cluster = if survey.cluster_id.is_empty() {
        "forming".to_owned()
    } else {
        escape(survey.cluster_id.as_bytes())
    };
    let leader = match &survey.leader {
        Some(leader) => {
            let star = if style.unicode { "\u{2605}" } else { "*" };
            let name = format!("{star} {}", escape(label(leader).as_bytes()));
            Tone::Accent.paint(&name, style.color)
        }
        None => Tone::Bad.paint("none", style.color),
    };
    let quorum = format!(
        "{}/{}{}",
        survey.voters_up,
        survey.voters,
        if survey.has_quorum() { "" } else { " LOST" }
    );
    let quorum = if survey.has_quorum() {
        quorum
    } else {
        Tone::Bad.paint(&quorum, style.color)
    };
    let (verdict, _) = survey.verdict();
    let (word, tone) = match verdict {
        Verdict::Healthy => ("healthy", Tone::Good),
        Verdict::Degraded => ("degraded", Tone::Warning),
        Verdict::NoQuorum => ("no quorum", Tone::Bad),
    };
    format!(
        "cluster {cluster}  leader {leader}  term {}  commit {}  quorum {quorum}  {}\n",
        grouped(survey.term),
        grouped(survey.commit),
        tone.paint(word, style.color)
    )
}

/// The table under its heading, and what else there is to say below.
fn table(survey: &Survey, style: Style) -> String {
    let rows: Vec<_> = survey
        .members
        .iter()
        .map(|seen| cells(seen, style))
        .collect();
    let part = Table::new(&COLUMNS).part(&rows, style.color, None);
    let mut text = format!("{}\n{part}", heading(survey, style));
    for (index, notice) in survey.notices().into_iter().enumerate() {
        let gap = if index == 0 { "\n" } else { "" };
        let word = Tone::Warning.paint("note:", style.color);
        text.push_str(&format!("{gap}{word} {}\n", escape(notice.as_bytes())));
    }
    text
}

/// A line a member.
fn lines(survey: &Survey) -> String {
    survey
        .members
        .iter()
        .map(|seen| {
            let status = seen.answer.as_ref().ok();
            let detail = seen.detail();
            let name = if seen.member.name.is_empty() {
                plain::ABSENT.to_owned()
            } else {
                escape(seen.member.name.as_bytes())
            };
            plain::line(&[
                name,
                seen.member.id.to_string(),
                plain::optional(status.map(|status| status.role.as_str())),
                plain::optional(status.map(|status| status.term)),
                plain::optional(status.map(|status| status.last_log)),
                plain::optional(status.map(|status| status.commit)),
                plain::optional(status.map(|status| status.applied)),
                plain::optional(seen.lag),
                plain::optional(status.map(|status| escape(status.store.as_bytes()))),
                escape(seen.member.client_address.as_bytes()),
                seen.health.as_str().to_owned(),
                plain::optional((!detail.is_empty()).then(|| escape(detail.as_bytes()))),
                plain::optional(
                    status
                        .map(|status| status.notices.join("; "))
                        .filter(|notices| !notices.is_empty())
                        .map(|notices| escape(notices.as_bytes())),
                ),
            ])
        })
        .collect()
}

/// The survey as `status` prints it.
fn print(survey: &Survey, output: &mut Output) -> Result<(), Failure> {
    match output.format() {
        Format::Json => output.json(&object(survey)),
        Format::Plain => output.raw(lines(survey).as_bytes()),
        Format::Table => {
            let text = table(survey, output.style());
            output.raw(text.as_bytes())
        }
    }
}

pub(crate) async fn run(session: &Session, output: &mut Output) -> Result<(), Failure> {
    let survey = session.survey(output).await?;
    print(&survey, output)
}

#[cfg(test)]
mod tests;
