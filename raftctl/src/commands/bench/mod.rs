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

mod args;
mod load;
mod report;
mod watchers;

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use common::{
    Client, Error,
    types::{Consistency, CountRequest, CreateNamespaceRequest},
};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::task::JoinSet;

use super::Session;
use crate::{
    failure::Failure,
    output::{Output, progress, table::grouped},
};
pub(crate) use args::Command;
use args::{Fill, LoadArgs, Workload};
use load::{KEY_PREFIX, Plan, Tally, Window, lock};
use report::Report;
use watchers::{Told, Watchers};

/// How many connections are opened at a time.
const CONNECTING: usize = 32;

/// How many writes are under way while the keys are loaded.
const FILLING: u64 = 256;

pub(crate) async fn run(
    command: &Command,
    session: &Session,
    output: &mut Output,
) -> Result<(), Failure> {
    let Workload {
        name,
        load,
        read,
        reads_percent,
        txn,
        exactly_once,
    } = command.workload();
    let plan = Arc::new(Plan {
        namespace: load.namespace.clone(),
        keys: load.keys,
        value_size: load.value_size,
        reads_percent,
        txn,
        consistency: read.map_or(Consistency::Linearizable, |read| read.consistency.into()),
    });
    let connections = load.connections.unwrap_or(load.clients).min(load.clients);
    let clients = connect(session, connections, exactly_once).await?;
    prepare(&plan, read.map(|read| read.fill), &clients, output).await?;
    let watchers = match command {
        Command::Put(args) if args.watchers > 0 => {
            let namespace = &load.namespace;
            Some(Watchers::open(args.watchers, args.watch, namespace, &clients).await?)
        }
        _ => None,
    };
    let (tally, told) = measure(&plan, load, &clients, watchers, output).await?;
    output.record(&Report::new(name, &plan, load, connections, &tally, told))
}

async fn connect(
    session: &Session,
    connections: u32,
    exactly_once: bool,
) -> Result<Vec<Client>, Failure> {
    // Each begins with another endpoint: stale reads stay with the member that was reached first.
    stream::iter(0..connections as usize)
        .map(|index| session.connect_from(index, exactly_once))
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
                ..CreateNamespaceRequest::default()
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
    let bar = progress::bar(
        output,
        Some(plan.keys),
        "loading keys {wide_bar} {human_pos}/{human_len}",
    );
    let next = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for index in 0..FILLING.min(plan.keys) {
        let client = clients[index as usize % clients.len()].clone();
        tasks.spawn(load::fill(client, plan.clone(), index, next.clone()));
    }
    let mut ticks = tokio::time::interval(progress::INTERVAL);
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
    watchers: Option<Watchers>,
    output: &Output,
) -> Result<(Tally, Option<Told>), Failure> {
    let begin = Instant::now();
    let window = Window {
        from: begin + load.warmup,
        until: begin + load.warmup + load.duration,
    };
    let watching = watchers.map(|watchers| tokio::spawn(watchers.follow(window)));
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
    let bar = progress::bar(
        output,
        length.as_millis().try_into().ok(),
        "{wide_bar} {msg}",
    );
    let mut ticks = tokio::time::interval(progress::INTERVAL);
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
    let told = match watching {
        Some(watching) => Some(
            watching
                .await
                .map_err(|error| Failure::Runtime(io::Error::other(error)))?,
        ),
        None => None,
    };
    let mut tally = std::mem::take(&mut *lock(&shared));
    match tally.first_error.take() {
        Some(error) if tally.operations() == 0 => Err(error.into()),
        _ => Ok((tally, told)),
    }
}
