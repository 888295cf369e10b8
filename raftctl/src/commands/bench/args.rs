//! What can be measured, and how much of it.

use std::time::Duration;

use clap::ValueEnum;

use super::watchers::Watched;
use crate::cli::{ConsistencyArg, parse_duration};

const DETAILS: &str = "\
The keys, k00000000000 and so on, stay in the namespace; `raftctl ns delete bench` removes them.
A transaction counts as one operation. plain: OPERATION, COUNT, PER_SECOND, P50_US, P99_US, P999_US,
MAX_US; a line \"watch\" counts the changes that --watchers were told of, and has - for latencies.";

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
    /// Transactions of several writes
    #[command(after_help = DETAILS)]
    Txn(TxnArgs),
}

#[derive(clap::Args, Debug)]
pub(crate) struct LoadArgs {
    /// Requests under way at a time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(super) clients: u32,
    /// Connections they share; as many as clients unless given, and never more
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=16_384))]
    pub(super) connections: Option<u32>,
    /// Bytes of a value
    #[arg(long, value_name = "BYTES", default_value_t = 256)]
    pub(super) value_size: usize,
    /// How long to measure
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_length)]
    pub(super) duration: Duration,
    /// How long to run before measuring
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = parse_duration)]
    pub(super) warmup: Duration,
    /// How many different keys
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=99_999_999_999))]
    pub(super) keys: u64,
    /// The namespace to use; created if it does not exist
    #[arg(long, value_name = "NS", default_value = "bench")]
    pub(super) namespace: String,
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
    pub(super) consistency: ConsistencyArg,
    /// Whether to load the keys first: auto does it when some are missing
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    pub(super) fill: Fill,
}

#[derive(clap::Args, Debug)]
pub(crate) struct WriteLoadArgs {
    /// Carry each write out once, however often it is sent, as the other commands do
    #[arg(long)]
    pub(super) exactly_once: bool,
}

#[derive(clap::Args, Debug)]
pub(crate) struct PutArgs {
    #[command(flatten)]
    pub(super) load: LoadArgs,
    #[command(flatten)]
    pub(super) write: WriteLoadArgs,
    /// Watches held open meanwhile, each over a connection of its own
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=16_384))]
    pub(super) watchers: u32,
    /// What they watch: same, the keys that are written; other, keys that nobody writes
    #[arg(
        long,
        value_enum,
        value_name = "KEYS",
        default_value = "same",
        hide_possible_values = true
    )]
    pub(super) watch: Watched,
}

#[derive(clap::Args, Debug)]
pub(crate) struct TxnArgs {
    #[command(flatten)]
    pub(super) load: LoadArgs,
    #[command(flatten)]
    pub(super) write: WriteLoadArgs,
    /// Writes of a transaction
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) ops: u32,
}

#[derive(clap::Args, Debug)]
pub(crate) struct GetArgs {
    #[command(flatten)]
    pub(super) load: LoadArgs,
    #[command(flatten)]
    pub(super) read: ReadLoadArgs,
}

#[derive(clap::Args, Debug)]
pub(crate) struct MixedArgs {
    #[command(flatten)]
    pub(super) load: LoadArgs,
    #[command(flatten)]
    pub(super) read: ReadLoadArgs,
    #[command(flatten)]
    pub(super) write: WriteLoadArgs,
    /// How many of a hundred operations are reads
    #[arg(long, value_name = "PERCENT", default_value_t = 80, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(super) ratio: u8,
}

/// When keys are loaded before reads are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Fill {
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

/// What a command measures.
pub(super) struct Workload<'a> {
    pub(super) name: &'static str,
    pub(super) load: &'a LoadArgs,
    pub(super) read: Option<&'a ReadLoadArgs>,
    pub(super) reads_percent: u8,
    pub(super) txn: Option<u32>,
    pub(super) exactly_once: bool,
}

impl Command {
    pub(super) fn workload(&self) -> Workload<'_> {
        let writes = |name, load, write: &WriteLoadArgs| Workload {
            name,
            load,
            read: None,
            reads_percent: 0,
            txn: None,
            exactly_once: write.exactly_once,
        };
        match self {
            Self::Put(args) => writes("put", &args.load, &args.write),
            Self::Get(args) => Workload {
                name: "get",
                load: &args.load,
                read: Some(&args.read),
                reads_percent: 100,
                txn: None,
                exactly_once: false,
            },
            Self::Mixed(args) => Workload {
                read: Some(&args.read),
                reads_percent: args.ratio,
                ..writes("mixed", &args.load, &args.write)
            },
            Self::Txn(args) => Workload {
                txn: Some(args.ops),
                ..writes("txn", &args.load, &args.write)
            },
        }
    }
}
