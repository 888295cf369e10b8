//! `raftctl status`.

mod object;
mod show;
mod watch;

use std::{process::ExitCode, time::Duration};

use super::Session;
use crate::{
    cli::parse_duration,
    failure::Failure,
    output::{Format, Output},
    survey::Survey,
};

pub(crate) use object::{CatchUpObject, FindingObject, LeaderObject, QuorumObject};
pub(crate) use show::{finding, lag};

/// The shortest time between two looks at the cluster.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Show all that each member tells: log, disk, formats, snapshots on their way
    #[arg(long)]
    details: bool,
    /// Go on showing it until Ctrl-C: on a terminal in place, else one after the other
    #[arg(short, long)]
    watch: bool,
    /// The time between two looks
    #[arg(
        long,
        requires = "watch",
        value_name = "DURATION",
        default_value = "1s",
        value_parser = parse_interval
    )]
    interval: Duration,
}

fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text)?;
    if interval < MIN_INTERVAL {
        return Err("must be at least 100ms".to_owned());
    }
    Ok(interval)
}

/// The survey as `status` prints it.
fn print(survey: &Survey, details: bool, output: &mut Output) -> Result<(), Failure> {
    match output.format() {
        Format::Json => output.json(&object::StatusObject::of(survey)),
        Format::Plain => output.raw(show::lines(survey).as_bytes()),
        Format::Table => {
            let text = text(survey, details, output);
            output.raw(text.as_bytes())
        }
    }
}

/// The survey for people.
fn text(survey: &Survey, details: bool, output: &Output) -> String {
    let mut text = show::table(survey, output.style());
    if details {
        text.push_str(&show::details(survey, output.style()));
    }
    text
}

pub(crate) async fn run(
    args: &Args,
    session: &Session,
    output: &mut Output,
) -> Result<ExitCode, Failure> {
    if args.watch {
        return watch::run(args, session, output).await;
    }
    let survey = session.survey(output).await?;
    print(&survey, args.details, output)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests;
