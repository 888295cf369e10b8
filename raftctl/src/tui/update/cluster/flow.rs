//! How much is done: what two answers of a member differ by.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use common::types::{Activity, Latencies, MemberStatus, OperationKind};

use crate::tui::app::{App, Cluster, OperationRate, Rates, Sample};

/// How many samples are kept: ten minutes.
const SAMPLES: usize = 600;

/// A sample is made so often.
const PERIOD: Duration = Duration::from_secs(1);

/// Takes in the counters of an answer that is not in the model yet: rates since the answer before,
/// and a share of the next sample.
pub(super) fn count(
    cluster: &mut Cluster,
    address: &str,
    status: &MemberStatus,
    activity: &Activity,
    now: Instant,
) {
    cluster.flow.since.get_or_insert(now);
    // The member may not have been known at this address until now.
    let counted_here = match cluster.main_address(status.id) {
        Some(main) => address <= main,
        None => true,
    };
    let Some(probe) = cluster.probes.get_mut(address) else {
        return;
    };
    let base = match (&probe.activity, &probe.status, probe.answered) {
        (Some(earlier), Some(known), Some(at))
            if same_process(known, earlier, status, activity) =>
        {
            Some((earlier, now.saturating_duration_since(at)))
        }
        _ => None,
    };
    let Some((earlier, time)) = base.filter(|(_, time)| !time.is_zero()) else {
        probe.rates = Rates::default();
        return;
    };
    let done = differences(earlier, activity);
    probe.rates = rates(&done, earlier, activity, time);
    if !counted_here {
        return;
    }
    let share = cluster.flow.shares.entry(address.to_owned()).or_default();
    share.time += time;
    for (kind, latencies) in done {
        if kind.is_write() {
            share.writes += latencies.count();
        } else {
            share.reads += latencies.count();
        }
        let sum = cluster.flow.latencies.entry(kind).or_default();
        *sum = sum.and(&latencies);
    }
}

/// Counters begin anew with a process.
fn same_process(
    known: &MemberStatus,
    earlier: &Activity,
    status: &MemberStatus,
    activity: &Activity,
) -> bool {
    known.id == status.id
        && known.uptime <= status.uptime
        && earlier
            .operations
            .iter()
            .all(|before| match latencies(activity, before.kind) {
                Some(now) => now.count() >= before.latencies.count(),
                None => before.latencies.count() == 0,
            })
}

fn latencies(activity: &Activity, kind: OperationKind) -> Option<&Latencies> {
    let found = activity.operations.iter().find(|it| it.kind == kind);
    found.map(|it| &it.latencies)
}

/// What was done between two answers.
fn differences(earlier: &Activity, later: &Activity) -> Vec<(OperationKind, Latencies)> {
    let since = |kind, all: &Latencies| match latencies(earlier, kind) {
        Some(before) => all.since(before),
        None => all.clone(),
    };
    let operations = later.operations.iter();
    operations
        .map(|it| (it.kind, since(it.kind, &it.latencies)))
        .collect()
}

fn rates(
    done: &[(OperationKind, Latencies)],
    earlier: &Activity,
    later: &Activity,
    time: Duration,
) -> Rates {
    let mut rates = Rates {
        namespaces: namespaces(earlier, later, time),
        ..Rates::default()
    };
    for (kind, latencies) in done {
        let rate = per_second(latencies.count(), time);
        if kind.is_write() {
            rates.writes += rate;
        } else {
            rates.reads += rate;
        }
        rates.operations.push(OperationRate {
            kind: *kind,
            rate,
            p50: latencies.quantile(0.5),
            p99: latencies.quantile(0.99),
        });
    }
    rates
}

/// Where both answers tell of namespaces.
fn namespaces(
    earlier: &Activity,
    later: &Activity,
    time: Duration,
) -> BTreeMap<String, (f64, f64)> {
    if earlier.namespaces.is_empty() {
        return BTreeMap::new();
    }
    let before: BTreeMap<&str, (u64, u64)> = earlier
        .namespaces
        .iter()
        .map(|it| (it.name.as_str(), (it.writes, it.reads)))
        .collect();
    let rate = |now: u64, before: u64| per_second(now.saturating_sub(before), time);
    let all = later.namespaces.iter();
    all.map(|it| {
        let (writes, reads) = before.get(it.name.as_str()).copied().unwrap_or_default();
        let rates = (rate(it.writes, writes), rate(it.reads, reads));
        (it.name.clone(), rates)
    })
    .collect()
}

#[allow(clippy::cast_precision_loss)]
fn per_second(count: u64, time: Duration) -> f64 {
    if time.is_zero() {
        return 0.0;
    }
    count as f64 / time.as_secs_f64()
}

/// Makes a sample of the second that is over, if one is; says whether it did.
pub(super) fn sample(app: &mut App) -> bool {
    let now = app.now;
    let Some(since) = app.cluster.flow.since else {
        return false;
    };
    let time = now.saturating_duration_since(since);
    if time < PERIOD {
        return false;
    }
    let cluster = &mut app.cluster;
    let flow = std::mem::take(&mut cluster.flow);
    // Seconds follow each other without a drift, unless the program stood still.
    cluster.flow.since = Some(if time < 2 * PERIOD {
        since + PERIOD
    } else {
        now
    });
    let rate = |count: fn(&crate::tui::app::Share) -> u64| {
        let shares = flow.shares.values();
        shares
            .map(|share| per_second(count(share), share.time))
            .sum()
    };
    let quantile = |kind, part| flow.latencies.get(&kind)?.quantile(part);
    let told = || {
        let probes = cluster.probes.values();
        probes.filter_map(|probe| probe.status.as_ref())
    };
    let sample = Sample {
        writes: rate(|share| share.writes),
        reads: rate(|share| share.reads),
        put_p50: quantile(OperationKind::Put, 0.5),
        put_p99: quantile(OperationKind::Put, 0.99),
        get_p50: quantile(OperationKind::Get, 0.5),
        get_p99: quantile(OperationKind::Get, 0.99),
        last_log: told().map(|status| status.last_log).max().unwrap_or(0),
        commit: told().map(|status| status.commit).max().unwrap_or(0),
    };
    // A chart of one value looks the same a second later, once it is full.
    let flat = cluster.samples.len() == SAMPLES && cluster.samples.iter().all(|it| *it == sample);
    cluster.samples.push_back(sample);
    while cluster.samples.len() > SAMPLES {
        cluster.samples.pop_front();
    }
    let idle = |it: &Sample| it.writes < 0.05 && it.reads < 0.05;
    let quiet = cluster.samples.iter().all(idle) && {
        let last = cluster.samples.back().map(|it| it.last_log);
        cluster.samples.iter().all(|it| Some(it.last_log) == last)
    };
    app.changed |= !flat && !quiet;
    true
}
