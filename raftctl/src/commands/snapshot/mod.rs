//! `raftctl snapshot`: backups, whether they are sound, and snapshots of single members.

mod save;
mod trigger;
mod verify;

use std::process::ExitCode;

use common::types::{Member, Role};

use super::Session;
use crate::{
    cli::parse_endpoint,
    failure::{Exit, Failure},
    output::Output,
    survey::{Health, Seen, Survey, label},
};

#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    /// Save a backup of the whole cluster to a file
    Save(save::Args),
    /// Check whether a backup is whole and sound, without a cluster
    Verify(verify::Args),
    /// Let members take a snapshot now and let go of the log before it
    Trigger(trigger::Args),
}

pub(crate) async fn run(
    command: &Command,
    session: &Session,
    output: &mut Output,
) -> Result<ExitCode, Failure> {
    match command {
        Command::Save(args) => save::run(args, session, output).await,
        Command::Verify(args) => verify::run(args, output).await,
        Command::Trigger(args) => return trigger::run(args, session, output).await,
    }
    .map(|()| ExitCode::SUCCESS)
}

/// A member to talk to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    /// Its name, or the address that was given.
    label: String,
    address: String,
}

impl Target {
    fn of(member: &Member) -> Self {
        Self {
            label: label(member).to_owned(),
            address: member.client_address.clone(),
        }
    }

    /// The one meant by a name, an id, or an address.
    ///
    /// # Errors
    /// `member_not_found` if no member is meant.
    fn named(text: &str, survey: &Survey) -> Result<Self, Failure> {
        let found = survey
            .members
            .iter()
            .map(|seen| &seen.member)
            .find(|member| {
                member.name == text
                    || member.id.to_string() == text
                    || member.client_address == text
            });
        match found {
            Some(member) => Ok(Self::of(member)),
            None => Err(unknown(text)),
        }
    }
}

/// What is said as an address needs no other member to find it.
fn address(text: &str) -> Result<Option<Target>, Failure> {
    if !text.contains(':') {
        return Ok(None);
    }
    let address = parse_endpoint(text).map_err(|message| Failure::Usage {
        message,
        hint: None,
    })?;
    Ok(Some(Target {
        label: address.clone(),
        address,
    }))
}

fn unknown(text: &str) -> Failure {
    Failure::Specific {
        exit: Exit::NotFound,
        code: "member_not_found",
        message: format!("there is no member {text:?}"),
        hint: Some("`raftctl members ls` shows those there are; or give its HOST:PORT".to_owned()),
    }
}

/// The members in the order in which they should be asked for a backup: those that follow and lag
/// least, for the leader has enough to do.
fn by_leisure(survey: &Survey) -> Vec<Target> {
    let mut able: Vec<&Seen> = survey
        .members
        .iter()
        .filter(|seen| seen.answer.is_ok() && seen.member.id != 0)
        .filter(|seen| !matches!(seen.health, Health::Forming | Health::Stopping))
        .collect();
    able.sort_by_key(|seen| {
        let role = seen.answer.as_ref().map(|status| status.role);
        let leads = matches!(role, Ok(Role::Leader));
        let well = seen.health == Health::Ok;
        (!well, leads, !seen.member.voter, seen.lag, seen.member.id)
    });
    able.into_iter()
        .map(|seen| Target::of(&seen.member))
        .collect()
}

#[cfg(test)]
mod tests;
