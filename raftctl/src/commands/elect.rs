//! `raftctl elect`: one holder of an office at a time, and who it is.

mod observe;

use std::{ffi::OsString, process::ExitCode, time::Duration};

use super::{
    Session, argument_bytes,
    hold::{Claim, Turn},
    lease::parse_lease_ttl,
    lock::hold,
};
use crate::{failure::Failure, output::Output, signals};

const DETAILS: &str = "\
Campaigns for the office NAME, prints a record when elected, and holds the office until Ctrl-C or
SIGTERM (exit codes 130 and 143); then it is given up at once. Whoever else campaigns takes over, in
the order in which they came. VALUE is for others to see: an address, for example. The office is
lost, and the exit code 1, when the lease cannot be kept alive for --ttl. The token grows from one
holder to the next; what must not be done by two at once carries it along.

--observe prints who holds the office, and then every change, until Ctrl-C; nobody is a record, too.
plain: TOKEN, KEY, VALUE; all of them - for nobody.

Examples:
  raftctl elect default scheduler 10.0.0.7:9000
  raftctl elect default scheduler --observe -o json";

#[derive(clap::Args, Debug)]
#[command(after_help = DETAILS)]
pub(crate) struct Args {
    /// The namespace
    #[arg(value_name = "NS")]
    namespace: String,
    /// The name of the office: a prefix of keys, NAME/...
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    name: String,
    /// What others see of this candidate
    #[arg(required_unless_present = "observe", allow_hyphen_values = true)]
    value: Option<OsString>,
    /// How long the office outlives a raftctl that is not heard of
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_lease_ttl)]
    ttl: Duration,
    /// Print who holds the office, now and whenever that changes
    #[arg(long, conflicts_with_all = ["value", "ttl"])]
    observe: bool,
}

pub(crate) async fn run(
    args: &Args,
    session: &Session,
    output: &mut Output,
) -> Result<ExitCode, Failure> {
    let client = session.connect(output).await?;
    let mut signals = signals::take()?;
    let Some(value) = &args.value else {
        return observe::run(&args.namespace, &args.name, &client, &mut signals, output).await;
    };
    let value = argument_bytes(value);
    let claim = Claim {
        what: "office",
        namespace: &args.namespace,
        name: &args.name,
        ttl: args.ttl,
    };
    let turn = claim.acquire(&client, value.to_vec(), None, &mut signals, output);
    match turn.await? {
        Turn::Come(contender) => hold(&claim, &value, contender, &mut signals, output).await,
        Turn::Ended(exit) => Ok(exit),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Wrapper {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn a_candidate_has_a_value_and_an_observer_none() {
        let parse = |arguments: &[&str]| {
            let arguments = [&["elect", "default", "scheduler"], arguments].concat();
            Wrapper::try_parse_from(arguments).map(|wrapper| wrapper.args)
        };
        assert_eq!(parse(&["-v1"]).unwrap().value, Some("-v1".into()));
        assert_eq!(parse(&[""]).unwrap().value, Some("".into()));
        assert!(parse(&["--observe"]).unwrap().observe);
        assert!(parse(&[]).is_err());
        assert!(parse(&["v", "--observe"]).is_err());
        assert!(parse(&["--observe", "--ttl", "5s"]).is_err());
    }
}
