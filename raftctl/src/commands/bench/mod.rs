//! `raftctl bench`: throughput and latency from where the command runs.
//!
//! A closed loop: each of `--clients` tasks has one request under way and sends the next when it is
//! answered, over `--connections` connections shared among them in turn. Keys are drawn uniformly,
//! values are random bytes, so that no store can compress them away. Latencies go into HDR
//! histograms (within 0.1 %), one for each operation, shared by all clients: they run on one thread, and a
//! histogram of its own for each of hundreds would only miss the cache.
//!
//! Caveats. A closed loop sends less while the cluster stalls, so percentiles say what these
//! clients saw and not what an open stream of requests would have seen (coordinated omission). The
//! client runs on one thread, and beside members on the same machine it takes its share of them.

mod load;
mod report;

use std::{
    io::{self, IsTerminal},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clap::ValueEnum;
use common::{
    Client, Error,
    types::{Consistency, CountRequest, CreateNamespaceRequest},
};
use futures::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinSet;

use super::Session;
use crate::{
    cli::{ConsistencyArg, parse_duration},
    failure::Failure,
    output::{Output, table::grouped},
};
use load::{KEY_PREFIX, Plan, Tally, Window, lock};
use report::Report;

/// How many connections are opened at a time.
const CONNECTING: usize = 32;

/// How many writes are under way while the keys are loaded.
const FILLING: u64 = 256;

/// How often the progress bar moves.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

const DETAILS: &str = "\
The keys, k00000000000 and so on, stay in the namespace; `raftctl ns delete bench` removes them.
plain: OPERATION, COUNT, PER_SECOND, P50_US, P99_US, P999_US, MAX_US.";

#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    /// Writes alone
    #[command(after_help = DETAILS)]
    Put(PutArgs),
    /// Reads alone
    #[command(after_help = DETAILS)]
    Get(GetArgs),
    /// Reads and writes
    #[command(after_help = DETAILS)]
    Mixed(MixedArgs),
}

#[derive(clap::Args, Debug)]
pub(crate) struct LoadArgs {
    /// Requests under way at a time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    clients: u32,
    /// Connections they share; as many as clients unless given, and never more
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=16_384))]
    connections: Option<u32>,
    /// Bytes of a value
    #[arg(long, value_name = "BYTES", default_value_t = 256)]
    value_size: usize,
    /// How long to measure
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_length)]
    duration: Duration,
    /// How long to run before measuring
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = parse_duration)]
    warmup: Duration,
    /// How many different keys
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=99_999_999_999))]
    keys: u64,
    /// The namespace to use; created if it does not exist
    #[arg(long, value_name = "NS", default_value = "bench")]
    namespace: String,
}

#[derive(clap::Args, Debug)]
pub(crate) struct ReadLoadArgs {
    /// linearizable, or stale
    #[arg(
        long,
        value_enum,
        value_name = "LEVEL",
        default_value = "linearizable",
        hide_possible_values = true
    )]
    consistency: ConsistencyArg,
    /// Whether to load the keys first: auto does it when some are missing
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    fill: Fill,
}

#[derive(clap::Args, Debug)]
pub(crate) struct PutArgs {
    #[command(flatten)]
    load: LoadArgs,
}

#[derive(clap::Args, Debug)]
pub(crate) struct GetArgs {
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    read: ReadLoadArgs,
}

#[derive(clap::Args, Debug)]
pub(crate) struct MixedArgs {
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    read: ReadLoadArgs,
    /// How many of a hundred operations are reads
    #[arg(long, value_name = "PERCENT", default_value_t = 80, value_parser = clap::value_parser!(u8).range(0..=100))]
    ratio: u8,
}

/// When keys are loaded before reads are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Fill {
    Auto,
    Always,
    Never,
}

fn parse_length(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("must be longer than zero".to_owned()),
        length => Ok(length),
    }
}

pub(crate) async fn run(
    command: &Command,
    session: &Session,
    output: &mut Output,
) -> Result<(), Failure> {
    let (workload, load, read, reads_percent) = match command {
        Command::Put(args) => ("put", &args.load, None, 0),
        Command::Get(args) => ("get", &args.load, Some(&args.read), 100),
        Command::Mixed(args) => ("mixed", &args.load, Some(&args.read), args.ratio),
    };
    let plan = Arc::new(Plan {
        namespace: load.namespace.clone(),
        keys: load.keys,
        value_size: load.value_size,
        reads_percent,
        consistency: read.map_or(Consistency::Linearizable, |read| read.consistency.into()),
    });
    let connections = load.connections.unwrap_or(load.clients).min(load.clients);
    let clients = connect(session, connections).await?;
    prepare(&plan, read.map(|read| read.fill), &clients, output).await?;
    let tally = measure(&plan, load, &clients, output).await?;
    output.record(&Report::new(workload, &plan, load, connections, &tally))
}

async fn connect(session: &Session, connections: u32) -> Result<Vec<Client>, Failure> {
    // Each begins with another endpoint: stale reads stay with the member that was reached first.
    stream::iter(0..connections as usize)
        .map(|index| session.connect_from(index))
        .buffered(CONNECTING)
        .try_collect()
        .await
}

/// Makes sure that the namespace is there, and the keys if they are to be read.
async fn prepare(
    plan: &Arc<Plan>,
    fill: Option<Fill>,
    clients: &[Client],
    output: &Output,
) -> Result<(), Failure> {
    let client = &clients[0];
    let counted = client
        .count(CountRequest {
            namespace: plan.namespace.clone(),
            prefix: KEY_PREFIX.into(),
            consistency: Consistency::Linearizable,
        })
        .await;
    let present = match counted {
        Ok(reply) => reply.count,
        Err(Error::NamespaceNotFound { .. }) => {
            let request = CreateNamespaceRequest {
                name: plan.namespace.clone(),
            };
            match client.create_namespace(request).await {
                Ok(_) | Err(Error::NamespaceExists { .. }) => 0,
                Err(error) => return Err(error.into()),
            }
        }
        Err(error) => return Err(error.into()),
    };
    match fill {
        Some(Fill::Always) => load_keys(plan, clients, output).await,
        Some(Fill::Auto) if present < plan.keys || !load::sample(client, plan).await? => {
            load_keys(plan, clients, output).await
        }
        _ => Ok(()),
    }
}

async fn load_keys(plan: &Arc<Plan>, clients: &[Client], output: &Output) -> Result<(), Failure> {
    output.verbose(&format!("loading {} keys", grouped(plan.keys)));
    let bar = progress_bar(
        output,
        plan.keys,
        "loading keys {wide_bar} {human_pos}/{human_len}",
    );
    let next = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for index in 0..FILLING.min(plan.keys) {
        let client = clients[index as usize % clients.len()].clone();
        tasks.spawn(load::fill(client, plan.clone(), index, next.clone()));
    }
    let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
    loop {
        tokio::select! {
            done = tasks.join_next() => match done {
                Some(done) => done.map_err(|error| Failure::Runtime(io::Error::other(error)))??,
                None => break,
            },
            _ = ticks.tick(), if !bar.is_hidden() => {
                bar.set_position(next.load(Ordering::Relaxed).min(plan.keys));
            }
        }
    }
    bar.finish_and_clear();
    Ok(())
}

async fn measure(
    plan: &Arc<Plan>,
    load: &LoadArgs,
    clients: &[Client],
    output: &Output,
) -> Result<Tally, Failure> {
    let begin = Instant::now();
    let window = Window {
        from: begin + load.warmup,
        until: begin + load.warmup + load.duration,
    };
    let finished = Arc::new(AtomicU64::new(0));
    let shared = Arc::new(Mutex::new(Tally::default()));
    let mut tasks = JoinSet::new();
    for index in 0..u64::from(load.clients) {
        let client = clients[index as usize % clients.len()].clone();
        tasks.spawn(load::run(
            client,
            plan.clone(),
            index,
            window,
            finished.clone(),
            shared.clone(),
        ));
    }
    let length = load.warmup + load.duration;
    let bar = progress_bar(
        output,
        length.as_millis().try_into().unwrap_or(u64::MAX),
        "{wide_bar} {msg}",
    );
    let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
    let (mut before, mut since) = (0, begin);
    loop {
        tokio::select! {
            done = tasks.join_next() => match done {
                Some(done) => {
                    done.map_err(|error| Failure::Runtime(io::Error::other(error)))?;
                }
                None => break,
            },
            _ = ticks.tick(), if !bar.is_hidden() => {
                let now = Instant::now();
                let count = finished.load(Ordering::Relaxed);
                let rate = (count - before) as f64 / (now - since).as_secs_f64().max(1e-3);
                (before, since) = (count, now);
                let phase = if now < window.from { "warming up" } else { "measuring" };
                bar.set_message(format!("{phase}  {}/s", grouped(rate as u64)));
                bar.set_position((now - begin).min(length).as_millis() as u64);
            }
        }
    }
    bar.finish_and_clear();
    let mut tally = std::mem::take(&mut *lock(&shared));
    match tally.first_error.take() {
        Some(error) if tally.operations() == 0 => Err(error.into()),
        _ => Ok(tally),
    }
}

/// On stderr, where that is a terminal.
fn progress_bar(output: &Output, length: u64, template: &str) -> ProgressBar {
    if output.is_quiet() || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    bar.with_style(style)
}
