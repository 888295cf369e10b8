//! `raftctl snapshot trigger`.

use std::{process::ExitCode, time::Duration};

use common::{Client, Error, types::TriggerSnapshotReply};
use futures::future::join_all;
use serde::Serialize;

use super::{Target, address};
use crate::{
    commands::Session,
    failure::{Exit, Failure},
    output::{
        Output, Row,
        bytes::escape,
        json, progress,
        table::{Cell, Column, Tone, grouped, number, size, text},
    },
};

/// How long a snapshot may take: writing the state of the largest members to a slow disk.
const PATIENCE: Duration = Duration::from_secs(600);

const DETAILS: &str = "\
Members take snapshots by themselves, by how much log there is. This is for a moment of one's own
choosing: before a restart that should be short, or when the log must not grow further. What
--log-retain keeps of the log for members that lag stays. Waits until it is done, ten minutes at
most; all members named do it at once.

Exits with 1 if a member could not. plain: NAME, SNAPSHOT, STATE_BYTES, PURGED, LOG_BYTES, REASON.

Examples:
  raftctl snapshot trigger          (every member)
  raftctl snapshot trigger n2";

const COLUMNS: [Column; 6] = [
    text("NAME"),
    number("SNAPSHOT"),
    number("STATE"),
    number("PURGED"),
    number("LOG"),
    text("RESULT"),
];

#[derive(clap::Args, Debug)]
#[command(after_help = DETAILS)]
pub(crate) struct Args {
    /// Only these: names, ids, or HOST:PORT
    #[arg(value_name = "MEMBER")]
    members: Vec<String>,
}

#[derive(Serialize)]
struct Triggered {
    name: String,
    #[serde(serialize_with = "json::as_optional_string")]
    snapshot: Option<u64>,
    state_bytes: Option<u64>,
    #[serde(serialize_with = "json::as_optional_string")]
    purged: Option<u64>,
    log_bytes: Option<u64>,
    reason: Option<String>,
}

impl Triggered {
    fn new(name: String, answer: Result<TriggerSnapshotReply, Error>) -> Self {
        let (reply, reason) = match answer {
            Ok(reply) => (Some(reply), None),
            Err(Error::Unreachable { reason }) => (None, Some(reason)),
            Err(error) => (None, Some(error.to_string())),
        };
        Self {
            name,
            snapshot: reply.map(|reply| reply.index),
            state_bytes: reply.map(|reply| reply.state_bytes),
            purged: reply.and_then(|reply| reply.purged),
            log_bytes: reply.map(|reply| reply.log_bytes),
            reason,
        }
    }
}

impl Row for Triggered {
    fn cells(&self) -> Vec<Cell> {
        let or_dash = |text: Option<String>| Cell::new(text.unwrap_or_else(|| "-".to_owned()));
        vec![
            Cell::toned(escape(self.name.as_bytes()), Tone::Accent),
            or_dash(self.snapshot.map(grouped)),
            or_dash(self.state_bytes.map(size)),
            or_dash(self.purged.map(grouped)),
            or_dash(self.log_bytes.map(size)),
            match &self.reason {
                None => Cell::toned("ok", Tone::Good),
                Some(reason) => Cell::toned(escape(reason.as_bytes()), Tone::Bad),
            },
        ]
    }

    fn plain(&self) -> Vec<String> {
        let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
        vec![
            escape(self.name.as_bytes()),
            number(self.snapshot),
            number(self.state_bytes),
            number(self.purged),
            number(self.log_bytes),
            self.reason
                .as_ref()
                .map_or_else(|| "-".to_owned(), |reason| escape(reason.as_bytes())),
        ]
    }
}

pub(crate) async fn run(
    args: &Args,
    session: &Session,
    output: &mut Output,
) -> Result<ExitCode, Failure> {
    let targets = targets(args, session, output).await?;
    let bar = progress::bar(output, None, "{spinner} taking snapshots");
    bar.enable_steady_tick(progress::INTERVAL);
    let rows = join_all(targets.into_iter().map(|target| async move {
        let answer = Client::trigger_snapshot_of(&target.address, PATIENCE).await;
        Triggered::new(target.label, answer)
    }))
    .await;
    bar.finish_and_clear();
    output.rows(&COLUMNS, &rows)?;
    let failed = rows.iter().any(|row| row.reason.is_some());
    Ok(if failed { Exit::Error } else { Exit::Ok }.into())
}

/// Those named, or all.
async fn targets(args: &Args, session: &Session, output: &Output) -> Result<Vec<Target>, Failure> {
    if args.members.is_empty() {
        let survey = session.survey(output).await?;
        let members = survey.members.iter().filter(|seen| seen.member.id != 0);
        return Ok(members.map(|seen| Target::of(&seen.member)).collect());
    }
    let mut survey = None;
    let mut targets = Vec::new();
    for name in &args.members {
        let target = match address(name)? {
            Some(target) => target,
            None => {
                if survey.is_none() {
                    survey = Some(session.survey(output).await?);
                }
                match &survey {
                    Some(survey) => Target::named(name, survey)?,
                    None => return Err(super::unknown(name)),
                }
            }
        };
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    Ok(targets)
}
