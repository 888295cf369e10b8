//! The command line as clap sees it: the global options, and one variant for each command.

use std::{env, ffi::OsString, net::Ipv6Addr, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use common::{transport::MAX_TIMEOUT, types::Consistency};

use crate::{
    commands::{
        bench, completion, count, del, edit, elect, export, get, import, incr, leader, lease, lock,
        ls, members, ns, put, snapshot, status, touch, tui, txn, watch,
    },
    failure::Failure,
    output::{Format, When},
};

/// Where a member listens unless it is told otherwise.
const DEFAULT_ENDPOINT: &str = "127.0.0.1:7420";

/// Names the members where no option does.
const ENDPOINTS_VARIABLE: &str = "RAFTCTL_ENDPOINTS";

/// The port of [`DEFAULT_ENDPOINT`], for endpoints given without one.
const DEFAULT_PORT: u16 = 7420;

const EXIT_CODES: &str = "\
Exit codes:
  0  success                            6  no leader or no quorum; nothing was applied
  1  error                              7  timed out; a write may or may not be applied
  2  wrong usage                        8  not permitted
  3  not found                          9  quota or limit exceeded, or disk full
  4  precondition failed, or exists     10 confirmation needed or declined
  5  no member reachable                130 interrupted";

const OUTPUT_FORMS: &str = "\
Output:
  Data goes to stdout, everything else to stderr.
  table  for people; on a terminal, control characters are escaped
  plain  for scripts: one line a record, fields separated by tabs, no header. In keys and values a
         backslash is \\\\, a tab \\t, a newline \\n, a carriage return \\r, and any other control
         character or byte that is not UTF-8 \\xNN. A field without a value is -.
  json   for programs: one object a line. 64-bit ids, terms, log indexes and revisions are strings;
         `key` and `value` where they are UTF-8, else `key_b64` and `value_b64`. Errors on stderr
         are {code, message, hint, retryable}; a failed condition adds `key` and `current`.";

const HEALTH: &str = "\
Exit codes:
  0  healthy: all members are up and well
  1  degraded: it works, and something wants attention. A member is down, starting, behind for more
     than 5 s, read-only, or raises an alarm; or its disk has less than 5 % and 10 GiB free
  6  no quorum: there is no leader, or no majority of the voters; nothing can be written
  5  no member answers";

/// Reads and writes a raftnode cluster, and shows how it is doing.
#[derive(Debug, Parser)]
#[command(
    name = "raftctl",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = EXIT_CODES,
    after_long_help = format!("{OUTPUT_FORMS}\n\n{EXIT_CODES}"),
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes, before it or after it.
#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// Members of the cluster, HOST:PORT with commas between; one that answers is enough
    /// [env: RAFTCTL_ENDPOINTS] [default: 127.0.0.1:7420]
    #[arg(
        short,
        long = "endpoints",
        global = true,
        value_name = "HOST:PORT,...",
        value_delimiter = ',',
        value_parser = parse_endpoint
    )]
    endpoints: Vec<String>,

    /// The form of the output
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        value_name = "FORM",
        default_value = "table"
    )]
    pub(crate) output: Format,

    /// How long a request may take, retries included
    #[arg(
        long,
        global = true,
        value_name = "DURATION",
        default_value = "5s",
        value_parser = parse_timeout
    )]
    pub(crate) timeout: Duration,

    /// Answer yes to every question
    #[arg(short, long, global = true)]
    pub(crate) yes: bool,

    /// Never ask; fail where an answer is needed
    #[arg(long, global = true)]
    pub(crate) no_input: bool,

    /// When to use colour; NO_COLOR, CLICOLOR_FORCE and TERM=dumb are honoured
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value = "auto"
    )]
    pub(crate) color: When,

    /// No confirmations, notes or progress
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Say on stderr what is done
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
}

impl Globals {
    /// The endpoints: the option, else the variable, else the default.
    ///
    /// # Errors
    /// [`Failure::Usage`] if the variable makes no sense.
    pub(crate) fn endpoints(&self) -> Result<Vec<String>, Failure> {
        // Not clap's `env`: it would put the option into the usage line of every other mistake.
        endpoints_from(&self.endpoints, env::var_os(ENDPOINTS_VARIABLE))
    }
}

fn endpoints_from(option: &[String], variable: Option<OsString>) -> Result<Vec<String>, Failure> {
    if !option.is_empty() {
        return Ok(option.to_vec());
    }
    let variable = variable.unwrap_or_default();
    let listed: Vec<String> = variable
        .to_string_lossy()
        .split(',')
        .filter(|text| !text.trim().is_empty())
        .map(parse_endpoint)
        .collect::<Result<_, _>>()
        .map_err(|message| Failure::Usage {
            message: format!("{ENDPOINTS_VARIABLE}: {message}"),
            hint: Some("set it to HOST:PORT,... or unset it".to_owned()),
        })?;
    if listed.is_empty() {
        return Ok(vec![DEFAULT_ENDPOINT.to_owned()]);
    }
    Ok(listed)
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Store a value under a key
    Put(put::Args),
    /// Print the value of a key
    Get(get::Args),
    /// Delete keys
    Del(del::Args),
    /// List keys and values in order
    Ls(ls::Args),
    /// Count keys
    Count(count::Args),
    /// Set how long a key lives
    Touch(touch::Args),
    /// Add to a number
    Incr(incr::Args),
    /// Edit a value, and write it only if nobody else did meanwhile
    Edit(edit::Args),
    /// Print changes as they happen
    Watch(watch::Args),
    /// Compare, then do one thing or another, all or nothing
    Txn(txn::Args),
    /// Write a namespace to a file or stdout
    Export(export::Args),
    /// Read a namespace from a file or stdin
    Import(import::Args),
    /// Grant, keep alive, revoke and show leases
    #[command(subcommand)]
    Lease(lease::Command),
    /// Hold a lock while a command runs
    Lock(lock::Args),
    /// Campaign for an office, or observe who holds it
    Elect(elect::Args),
    /// Create, list, describe, set and delete namespaces
    #[command(subcommand)]
    Ns(ns::Command),
    /// Show every member: role, log, lag, disk, health
    ///
    /// Below the table stand what is wrong, what may go wrong, and what helps. A narrow terminal
    /// shows fewer columns, --details and -o json show everything. LAG counts the entries a member
    /// is behind, with the time where it is a second or more; FSYNC is how long the slowest of a
    /// hundred log syncs took.
    ///
    /// plain: NAME, ID, ROLE, TERM, LAST_LOG, COMMIT, APPLIED, LAG, STORE, ADDRESS, HEALTH, REASON,
    /// NOTICES, KIND (voter, learner or joining), VERSION, DISK_TOTAL, DISK_FREE, FSYNC_P99_US,
    /// ENTRIES_BEHIND (as the leader knows, also of a member that is down), BEHIND_MS,
    /// LAST_CONTACT_MS, CAUGHT_UP_PERCENT.
    Status(status::Args),
    /// Say whether the cluster is healthy, and what to do if not
    ///
    /// A line of plain is HEALTH (healthy, degraded or no_quorum), REASONS.
    #[command(after_help = HEALTH)]
    Health,
    /// Watch and change the cluster on a full screen
    Tui(tui::Args),
    /// Show and change the members
    #[command(subcommand)]
    Members(members::Command),
    /// Show the leader, or hand leadership over
    #[command(subcommand)]
    Leader(leader::Command),
    /// Save and verify backups, and trigger snapshots
    #[command(subcommand)]
    Snapshot(snapshot::Command),
    /// Measure throughput and latency
    #[command(subcommand)]
    Bench(bench::Command),
    /// Print a completion script for a shell
    Completion(completion::Args),
    /// Print the version
    Version,
}

/// How recent the answer to a read must be.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct ReadArgs {
    /// linearizable: sees all that was acknowledged before; stale: what the member asked has, also
    /// without a leader
    #[arg(
        long,
        value_enum,
        value_name = "LEVEL",
        default_value = "linearizable",
        hide_possible_values = true
    )]
    consistency: ConsistencyArg,

    /// With --consistency stale: no answer of a member that last heard from a leader longer ago
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    max_age: Option<Duration>,
}

impl ReadArgs {
    /// What may be returned.
    ///
    /// # Errors
    /// [`Failure::Usage`] for an age of an answer that has none.
    pub(crate) fn consistency(&self) -> Result<Consistency, Failure> {
        match (self.consistency, self.max_age) {
            (ConsistencyArg::Stale, max_age) => Ok(Consistency::Stale { max_age }),
            (ConsistencyArg::Linearizable, None) => Ok(Consistency::Linearizable),
            (ConsistencyArg::Linearizable, Some(_)) => Err(Failure::Usage {
                message: "--max-age is for stale reads; a linearizable one is never old".to_owned(),
                hint: Some("add --consistency stale, or leave --max-age out".to_owned()),
            }),
        }
    }
}

/// [`Consistency`] on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConsistencyArg {
    Linearizable,
    Stale,
}

impl From<ConsistencyArg> for Consistency {
    fn from(arg: ConsistencyArg) -> Self {
        match arg {
            ConsistencyArg::Linearizable => Self::Linearizable,
            ConsistencyArg::Stale => Self::STALE,
        }
    }
}

/// Completes an endpoint with the default port.
pub(crate) fn parse_endpoint(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("an endpoint is empty; an endpoint is HOST:PORT".to_owned());
    }
    if text.contains("://") || text.contains('/') {
        return Err("an endpoint is HOST:PORT, without a scheme or path".to_owned());
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Ok(format!("[{text}]:{DEFAULT_PORT}"));
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => {
            if host.is_empty() {
                return Err("the host is missing; an endpoint is HOST:PORT".to_owned());
            }
            match port.parse::<u16>() {
                Ok(port) if port > 0 => Ok(text.to_owned()),
                _ => Err(format!("{port:?} is not a port")),
            }
        }
        _ => Ok(format!("{text}:{DEFAULT_PORT}")),
    }
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    let timeout = parse_duration(text)?;
    if timeout.is_zero() {
        return Err("must be longer than zero".to_owned());
    }
    if timeout > MAX_TIMEOUT {
        return Err(format!(
            "must be at most {}",
            humantime::format_duration(MAX_TIMEOUT)
        ));
    }
    Ok(timeout)
}

/// Parses "500ms", "5s", "1m 30s".
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; write it like 500ms or 5s"))
}

/// clap's complaint in one line, and its tip as the hint, for `-o json`.
pub(crate) fn usage_failure(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let mut message = Vec::new();
    let mut hint = None;
    for line in text.lines().map(str::trim) {
        if line.starts_with("Usage:") {
            break;
        }
        if let Some(tip) = line.strip_prefix("tip: ") {
            hint.get_or_insert(tip);
        } else if !line.is_empty() {
            message.push(line.strip_prefix("error: ").unwrap_or(line));
        }
    }
    Failure::Usage {
        message: message.join(" "),
        hint: Some(hint.unwrap_or("see `raftctl --help`").to_owned()),
    }
}

#[cfg(test)]
mod tests;
