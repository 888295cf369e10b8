//! The commands, one file each: its arguments and `run`.

mod aged;
pub(crate) mod bench;
mod child;
pub(crate) mod completion;
mod condition;
pub(crate) mod count;
pub(crate) mod del;
mod dump;
pub(crate) mod edit;
pub(crate) mod elect;
mod entry;
pub(crate) mod export;
mod follow;
pub(crate) mod get;
pub(crate) mod health;
mod hold;
pub(crate) mod import;
pub(crate) mod incr;
mod input;
pub(crate) mod leader;
pub(crate) mod lease;
pub(crate) mod lifetime;
pub(crate) mod lock;
pub(crate) mod ls;
pub(crate) mod members;
pub(crate) mod ns;
pub(crate) mod put;
mod sink;
pub(crate) mod snapshot;
pub(crate) mod status;
pub(crate) mod touch;
pub(crate) mod tui;
pub(crate) mod txn;
pub(crate) mod version;
pub(crate) mod watch;

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    process::ExitCode,
    time::{Duration, Instant},
};

use bytes::Bytes;
use common::{Client, ClientConfig, Error};

use crate::{
    cli::{Cli, Command, Globals},
    failure::Failure,
    output::{Output, table::milliseconds},
    prompt::Prompt,
    survey::{self, Survey},
};

/// The longest time one connection attempt, or the question to one member, may take: with several
/// members one that is down must not use up the time of a request.
pub(crate) const PER_MEMBER: Duration = Duration::from_secs(1);

/// How a command reaches the cluster and the user.
pub(crate) struct Session {
    endpoints: Vec<String>,
    timeout: Duration,
    pub(crate) prompt: Prompt,
}

impl Session {
    fn new(globals: &Globals) -> Result<Self, Failure> {
        Ok(Self {
            endpoints: globals.endpoints()?,
            timeout: globals.timeout,
            prompt: Prompt::new(globals),
        })
    }

    fn per_member(&self) -> Duration {
        self.timeout.min(PER_MEMBER)
    }

    /// Connects to the cluster, beginning with the endpoint at `first`; see
    /// [`ClientConfig::exactly_once`].
    pub(crate) async fn connect_from(
        &self,
        first: usize,
        exactly_once: bool,
    ) -> Result<Client, Failure> {
        let mut endpoints = self.endpoints.clone();
        let count = endpoints.len();
        endpoints.rotate_left(first % count);
        let mut config = ClientConfig::new(endpoints);
        config.timeout = self.timeout;
        config.connect_timeout = self.per_member();
        config.exactly_once = exactly_once;
        match tokio::time::timeout(self.timeout, Client::connect(config)).await {
            Ok(connected) => Ok(connected?),
            Err(_) => Err(Failure::Api(Error::Unreachable {
                reason: format!("no endpoint answered within {:?}", self.timeout),
            })),
        }
    }

    /// Connects to the cluster.
    pub(crate) async fn connect(&self, output: &Output) -> Result<Client, Failure> {
        output.verbose(&format!("connecting to {}", self.endpoints.join(", ")));
        let client = self.connect_from(0, true).await?;
        for member in client.members() {
            output.verbose(&format!(
                "member {} (id {}) at {}",
                member.name, member.id, member.client_address
            ));
        }
        Ok(client)
    }

    /// Asks the endpoints, further addresses, and every member how they are doing.
    pub(crate) async fn look(&self, also: &[String]) -> Result<Survey, Error> {
        let mut addresses = self.endpoints.clone();
        for address in also {
            if !addresses.contains(address) {
                addresses.push(address.clone());
            }
        }
        survey::ask(&addresses, self.per_member()).await
    }

    /// Asks every member how it is doing.
    pub(crate) async fn survey(&self, output: &Output) -> Result<Survey, Failure> {
        output.verbose(&format!("asking {}", self.endpoints.join(", ")));
        let survey = self.look(&[]).await?;
        for remark in &survey.remarks {
            output.note(remark);
        }
        Ok(survey)
    }

    /// The same, of a cluster that has a leader with a majority: waits for one as long as a request
    /// may take.
    pub(crate) async fn led_survey(&self, output: &Output) -> Result<Survey, Failure> {
        let survey = self.led_again(&[], output).await?;
        for remark in &survey.remarks {
            output.note(remark);
        }
        Ok(survey)
    }

    /// Likewise, with further addresses to ask.
    pub(crate) async fn led_again(
        &self,
        also: &[String],
        output: &Output,
    ) -> Result<Survey, Failure> {
        output.verbose(&format!("asking {}", self.endpoints.join(", ")));
        let deadline = Instant::now() + self.timeout;
        loop {
            let asked = self.look(also).await;
            let error = match asked {
                Ok(survey) if survey.has_quorum() && survey.leader.is_some() => return Ok(survey),
                Ok(survey) => Error::NoLeader {
                    reason: survey.without_leader(),
                },
                Err(error) => error,
            };
            // A cluster that cannot have a leader, or one that nobody can reach, will not do by
            // waiting; an election will.
            let passes = matches!(&error, Error::NoLeader { .. }) || !also.is_empty();
            if !passes || Instant::now() >= deadline {
                return Err(error.into());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// The pause between two looks for a leader.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Runs the command that was asked for.
pub(crate) async fn run(cli: &Cli, output: &mut Output) -> Result<ExitCode, Failure> {
    let session = Session::new(&cli.globals)?;
    let began = Instant::now();
    let exit = dispatch(&cli.command, &session, output).await?;
    output.verbose(&format!("took {}", milliseconds(began.elapsed())));
    Ok(exit)
}

async fn dispatch(
    command: &Command,
    session: &Session,
    output: &mut Output,
) -> Result<ExitCode, Failure> {
    match command {
        Command::Put(args) => put::run(args, session, output).await,
        Command::Get(args) => get::run(args, session, output).await,
        Command::Del(args) => del::run(args, session, output).await,
        Command::Ls(args) => ls::run(args, session, output).await,
        Command::Count(args) => count::run(args, session, output).await,
        Command::Touch(args) => touch::run(args, session, output).await,
        Command::Incr(args) => incr::run(args, session, output).await,
        Command::Edit(args) => edit::run(args, session, output).await,
        Command::Watch(args) => return watch::run(args, session, output).await,
        Command::Txn(args) => return txn::run(args, session, output).await.map(ExitCode::from),
        Command::Export(args) => export::run(args, session, output).await,
        Command::Import(args) => return import::run(args, session, output).await,
        Command::Lease(command) => lease::run(command, session, output).await,
        Command::Lock(args) => return lock::run(args, session, output).await,
        Command::Elect(args) => return elect::run(args, session, output).await,
        Command::Ns(command) => ns::run(command, session, output).await,
        Command::Status(args) => return status::run(args, session, output).await,
        Command::Health => return health::run(session, output).await.map(ExitCode::from),
        Command::Tui(args) => return tui::run(args, session, output).await,
        Command::Members(command) => members::run(command, session, output).await,
        Command::Leader(command) => leader::run(command, session, output).await,
        Command::Snapshot(command) => return snapshot::run(command, session, output).await,
        Command::Bench(command) => bench::run(command, session, output).await,
        Command::Completion(args) => completion::run(args, output),
        Command::Version => version::run(output),
    }
    .map(|()| ExitCode::SUCCESS)
}

/// An argument as the bytes it was given in: keys need not be UTF-8.
fn argument_bytes(argument: &OsStr) -> Bytes {
    Bytes::copy_from_slice(argument.as_bytes())
}

/// Likewise, or nothing.
fn optional_bytes(argument: Option<&OsString>) -> Option<Bytes> {
    argument.map(|argument| Bytes::from(argument.clone().into_vec()))
}
