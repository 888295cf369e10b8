//! `raftctl lock`: one command at a time, on however many machines.
//!
//! The lock is a place in a queue ([`Claim`]) that a lease keeps. While a command runs under it
//! there are three ways to an end: the command ends; a signal asks for it, which is passed on to the
//! command; or the lease is lost, and the command with it. The lock is given up last, when nothing
//! runs under it any more.

use std::{ffi::OsString, process::ExitCode, time::Duration};

use common::client::Contender;
use rustix::process::Signal;

use super::{
    Session,
    child::{Child, exit_code},
    hold::{Claim, Tenure, Turn},
    lease::parse_lease_ttl,
};
use crate::{
    cli::parse_duration,
    failure::Failure,
    output::Output,
    signals::{self, Taken},
    tether,
};

/// What a command has to end by itself when its lock is lost, before it is killed.
const GRACE: Duration = Duration::from_secs(5);

const DETAILS: &str = "\
Waits for the lock, runs CMD while it is held, and exits with the exit code of CMD, or 128 and the
number of the signal that ended it. In the environment of CMD are RAFTNODE_FENCING_TOKEN,
RAFTNODE_LOCK_KEY, RAFTNODE_LOCK_NAMESPACE and RAFTNODE_LOCK_NAME. Those who wait are served in the
order in which they came. Ctrl-C and SIGTERM are passed on to CMD, and the lock is given up when it
has ended; in the queue they leave it at once.

The lock lives as long as raftctl keeps its lease alive. When it cannot for --ttl, because the
cluster is out of reach or raftctl was stopped, the lock is lost: CMD gets SIGTERM, SIGKILL 5 s
later, and the exit code is 1. If raftctl is killed, on Linux CMD is killed with it (not what CMD
has started in its turn; elsewhere it runs on), and the lock is free when the lease ends.

Somebody who was stopped learns too late that the lock is lost. So CMD passes
RAFTNODE_FENCING_TOKEN on to what it changes: it grows from one holder to the next, and whoever has
seen a greater one refuses.

Without CMD it prints the token and holds the lock until Ctrl-C or SIGTERM (exit codes 130 and 143).
plain: TOKEN, KEY, VALUE; the value says where the holder runs. --show prints the same of whoever
holds the lock; exit code 3 if nobody does.

Examples:
  raftctl lock default deploy -- ./deploy.sh
  raftctl lock default backup --wait 0s -- ./backup.sh     only if it is free
  raftctl lock default deploy --show";

#[derive(clap::Args, Debug)]
#[command(after_help = DETAILS)]
pub(crate) struct Args {
    /// The namespace
    #[arg(value_name = "NS")]
    namespace: String,
    /// The name of the lock: a prefix of keys, NAME/...
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    name: String,
    /// How long the lock outlives a raftctl that is not heard of
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_lease_ttl)]
    ttl: Duration,
    /// Give up, with exit code 4, if somebody else holds it for so long; 0s does not wait
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    wait: Option<Duration>,
    /// Print who holds it, and do not wait for it
    #[arg(long, conflicts_with_all = ["command", "ttl", "wait"])]
    show: bool,
    /// The command and its arguments, behind --
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

impl Args {
    fn claim(&self) -> Claim<'_> {
        Claim {
            what: "lock",
            namespace: &self.namespace,
            name: &self.name,
            ttl: self.ttl,
        }
    }
}

pub(crate) async fn run(
    args: &Args,
    session: &Session,
    output: &mut Output,
) -> Result<ExitCode, Failure> {
    let claim = args.claim();
    let client = session.connect(output).await?;
    if args.show {
        let holder = client.holder(&args.namespace, args.name.as_bytes()).await?;
        let holder = holder.ok_or_else(|| claim.held_by_nobody())?;
        let holder = Some((holder.create_revision, &*holder.key, &*holder.value));
        output.record(&Tenure::new(&args.namespace, &args.name, holder))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut signals = signals::take()?;
    let value = myself();
    let turn = claim.acquire(
        &client,
        value.clone().into(),
        args.wait,
        &mut signals,
        output,
    );
    let contender = match turn.await? {
        Turn::Come(contender) => contender,
        Turn::Ended(exit) => return Ok(exit),
    };
    match args.command.as_slice() {
        [] => hold(&claim, value.as_bytes(), contender, &mut signals, output).await,
        command => {
            output.verbose(&format!(
                "{} is held: token {}",
                claim.title(),
                contender.token()
            ));
            run_command(&claim, command, contender, &mut signals, output).await
        }
    }
}

/// Where and as what this runs, for others to see.
fn myself() -> String {
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy().into_owned();
    format!("{host} pid {}", std::process::id())
}

/// Holds what was acquired until a signal comes.
pub(super) async fn hold(
    claim: &Claim<'_>,
    value: &[u8],
    contender: Contender,
    signals: &mut Taken,
    output: &mut Output,
) -> Result<ExitCode, Failure> {
    let holder = Some((contender.token(), &contender.key()[..], value));
    let printed = output
        .record(&Tenure::new(claim.namespace, claim.name, holder))
        .and_then(|()| output.flush());
    if let Err(failure) = printed {
        claim.leave(contender, signals, output).await;
        return Err(failure);
    }
    let caught = tokio::select! {
        caught = signals.next() => caught,
        () = contender.lost() => return Err(claim.lost("")),
    };
    claim.leave(contender, signals, output).await;
    Ok(caught.exit())
}

async fn run_command(
    claim: &Claim<'_>,
    command: &[OsString],
    contender: Contender,
    signals: &mut Taken,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let (program, arguments) = (&command[0], &command[1..]);
    let mut command = tether::command(program, arguments);
    command
        .env("RAFTNODE_FENCING_TOKEN", contender.token().to_string())
        .env("RAFTNODE_LOCK_KEY", key_text(&contender))
        .env("RAFTNODE_LOCK_NAMESPACE", claim.namespace)
        .env("RAFTNODE_LOCK_NAME", claim.name);
    let ended = match Child::start(command) {
        Ok(mut child) => watch_over(&mut child, &contender, signals).await?,
        Err(error) => Some(tether::not_run(program, &error)),
    };
    let Some(exit) = ended else {
        return Err(claim.lost(""));
    };
    claim.leave(contender, signals, output).await;
    Ok(ExitCode::from(exit))
}

/// Names of locks are text, and so are their keys.
fn key_text(contender: &Contender) -> String {
    String::from_utf8_lossy(contender.key()).into_owned()
}

/// Waits for the command's end, and sees to it when the lock is lost: then there is no exit code.
async fn watch_over(
    child: &mut Child,
    contender: &Contender,
    signals: &mut Taken,
) -> Result<Option<u8>, Failure> {
    loop {
        tokio::select! {
            status = child.wait() => {
                let status = status.map_err(Failure::Runtime)?;
                return Ok(Some(exit_code(status)));
            }
            caught = signals.next() => child.pass_on(caught),
            () = contender.lost() => break,
        }
    }
    child.send(Signal::TERM);
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        child.send(Signal::KILL);
        child.wait().await.map_err(Failure::Runtime)?;
    }
    Ok(None)
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

    fn parse(arguments: &[&str]) -> Result<Args, clap::Error> {
        let arguments = [&["lock", "default"], arguments].concat();
        Wrapper::try_parse_from(arguments).map(|wrapper| wrapper.args)
    }

    #[test]
    fn the_command_stands_behind_two_dashes() {
        let args = parse(&["deploy", "--ttl", "5s", "--", "sh", "-c", "--ttl"]).unwrap();
        assert_eq!(args.command, ["sh", "-c", "--ttl"]);
        assert_eq!(args.ttl, Duration::from_secs(5));
        assert_eq!(args.wait, None);
        assert!(
            parse(&["deploy", "--wait", "0s"])
                .unwrap()
                .command
                .is_empty()
        );
        for wrong in [
            &["deploy", "true"][..],
            &[""],
            &["deploy", "--show", "--", "true"],
            &["deploy", "--show", "--wait", "1s"],
            &["deploy", "--ttl", "10ms"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_holder_says_where_it_runs() {
        let me = myself();
        let (host, pid) = me.rsplit_once(" pid ").unwrap();
        assert!(!host.is_empty());
        assert_eq!(pid, std::process::id().to_string());
    }
}
