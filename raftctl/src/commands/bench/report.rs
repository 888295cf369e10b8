//! What a measurement prints.

use std::{collections::BTreeMap, time::Duration};

use common::types::Consistency;
use serde::Serialize;

use super::{
    args::LoadArgs,
    load::{Latencies, Plan, Tally},
    watchers::{Told, Watched},
};
use crate::output::{
    Record, Style, plain,
    table::{Cell, Column, Table, Tone, counted, grouped, milliseconds, number, size, text},
};

const COLUMNS: [Column; 7] = [
    text("OPERATION"),
    number("COUNT"),
    number("PER SECOND"),
    number("P50"),
    number("P99"),
    number("P99.9"),
    number("MAX"),
];

/// One kind of operation.
#[derive(Debug, Serialize)]
struct Line {
    #[serde(skip)]
    name: &'static str,
    operations: u64,
    per_second: f64,
    p50_us: u128,
    p99_us: u128,
    p999_us: u128,
    max_us: u128,
    #[serde(skip)]
    shown: [Duration; 4],
}

impl Line {
    fn new(name: &'static str, latencies: &Latencies, seconds: f64) -> Option<Self> {
        if latencies.count() == 0 {
            return None;
        }
        let shown = [
            latencies.quantile(0.5),
            latencies.quantile(0.99),
            latencies.quantile(0.999),
            latencies.max(),
        ];
        let [p50, p99, p999, max] = shown.map(|latency| latency.as_micros());
        Some(Self {
            name,
            operations: latencies.count(),
            per_second: tenths(latencies.count() as f64 / seconds),
            p50_us: p50,
            p99_us: p99,
            p999_us: p999,
            max_us: max,
            shown,
        })
    }

    fn cells(&self) -> Vec<Cell> {
        let mut cells = vec![
            Cell::new(self.name),
            Cell::number(self.operations),
            Cell::toned(grouped(self.per_second.round() as u64), Tone::Accent),
        ];
        cells.extend(
            self.shown
                .iter()
                .map(|latency| Cell::new(milliseconds(*latency))),
        );
        cells
    }

    fn fields(&self) -> Vec<String> {
        vec![
            self.name.to_owned(),
            self.operations.to_string(),
            format!("{:.1}", self.per_second),
            self.p50_us.to_string(),
            self.p99_us.to_string(),
            self.p999_us.to_string(),
            self.max_us.to_string(),
        ]
    }
}

/// A measurement.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    workload: &'static str,
    namespace: String,
    clients: u32,
    connections: u32,
    value_bytes: usize,
    keys: u64,
    duration_seconds: f64,
    consistency: Option<&'static str>,
    operations: u64,
    per_second: f64,
    put: Option<Line>,
    get: Option<Line>,
    missing: u64,
    errors: BTreeMap<&'static str, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    txn: Option<Line>,
    /// Of a transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    puts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    watch: Option<Watch>,
}

/// What was told to watchers.
#[derive(Debug, Serialize)]
struct Watch {
    watchers: u32,
    keys: Watched,
    events: u64,
    per_second: f64,
}

impl Report {
    pub(super) fn new(
        workload: &'static str,
        plan: &Plan,
        load: &LoadArgs,
        connections: u32,
        tally: &Tally,
        told: Option<Told>,
    ) -> Self {
        let seconds = load.duration.as_secs_f64();
        Self {
            workload,
            namespace: plan.namespace.clone(),
            clients: load.clients,
            connections,
            value_bytes: plan.value_size,
            keys: plan.keys,
            duration_seconds: seconds,
            consistency: (plan.reads_percent > 0).then_some(match plan.consistency {
                Consistency::Linearizable => "linearizable",
                Consistency::Stale { .. } => "stale",
            }),
            operations: tally.operations(),
            per_second: tenths(tally.operations() as f64 / seconds),
            put: Line::new("put", &tally.puts, seconds),
            get: Line::new("get", &tally.gets, seconds),
            missing: tally.missing,
            errors: tally.errors.clone(),
            txn: Line::new("txn", &tally.txns, seconds),
            puts: plan.txn,
            watch: told.map(|told| Watch {
                watchers: told.watchers,
                keys: told.watched,
                events: told.events,
                per_second: tenths(told.events as f64 / seconds),
            }),
        }
    }

    fn lines(&self) -> impl Iterator<Item = &Line> {
        self.put.iter().chain(&self.get).chain(&self.txn)
    }
}

impl Record for Report {
    fn table(&self, style: Style) -> String {
        let mut what = vec![
            format!(
                "{} on {}",
                counted(self.clients.into(), "client"),
                counted(self.connections.into(), "connection")
            ),
            format!("values of {}", size(self.value_bytes as u64)),
            counted(self.keys, "key"),
            format!("{} s", self.duration_seconds),
        ];
        what.extend(self.puts.map(|puts| format!("{puts} puts a transaction")));
        what.extend(self.consistency.map(|level| format!("{level} reads")));
        let mut rows: Vec<_> = self.lines().map(Line::cells).collect();
        if self.put.is_some() && self.get.is_some() {
            rows.push(vec![
                Cell::new("both"),
                Cell::number(self.operations),
                Cell::toned(grouped(self.per_second.round() as u64), Tone::Accent),
            ]);
        }
        let mut text = format!("{}\n\n", what.join(", "));
        text.push_str(&Table::new(&COLUMNS).part(&rows, style.color, style.width));
        if let Some(watch) = &self.watch {
            text.push_str(&format!(
                "\n{} of {}: {}, {} a second\n",
                counted(watch.watchers.into(), "watcher"),
                match watch.keys {
                    Watched::Same => "the same keys",
                    Watched::Other => "other keys",
                },
                counted(watch.events, "event"),
                grouped(watch.per_second.round() as u64)
            ));
        }
        if self.missing > 0 {
            text.push_str(&format!(
                "\n{} found no key\n",
                counted(self.missing, "read")
            ));
        }
        if !self.errors.is_empty() {
            let errors: Vec<String> = self
                .errors
                .iter()
                .map(|(code, count)| format!("{code} {}", grouped(*count)))
                .collect();
            let errors = format!("errors: {}", errors.join(", "));
            text.push_str(&format!("\n{}\n", Tone::Bad.paint(&errors, style.color)));
        }
        text
    }

    fn plain(&self) -> Vec<String> {
        // Two lines for a mix: the record is already made of lines.
        let mut lines: Vec<String> = self
            .lines()
            .map(|line| plain::line(&line.fields()))
            .collect();
        lines.extend(self.watch.iter().map(|watch| {
            let mut fields = vec![
                "watch".to_owned(),
                watch.events.to_string(),
                format!("{:.1}", watch.per_second),
            ];
            fields.resize(COLUMNS.len(), plain::ABSENT.to_owned());
            plain::line(&fields)
        }));
        vec![lines.concat().trim_end().to_owned()]
    }
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::output::{Format, tests::printed};

    #[derive(Parser)]
    struct Wrapper {
        #[command(flatten)]
        load: LoadArgs,
    }

    fn report() -> Report {
        let load = Wrapper::parse_from(["bench", "--clients", "64", "--duration", "5s"]).load;
        let plan = Plan {
            namespace: load.namespace.clone(),
            keys: load.keys,
            value_size: load.value_size,
            reads_percent: 80,
            txn: None,
            consistency: Consistency::Linearizable,
        };
        let mut tally = Tally::default();
        tally.puts.fill(1000, Duration::from_micros(1500));
        tally.gets.fill(4000, Duration::from_micros(250));
        tally.missing = 1;
        tally.errors.insert("overloaded", 7);
        Report::new("mixed", &plan, &load, 16, &tally, None)
    }

    fn transactions() -> Report {
        let told = Told {
            watchers: 3,
            watched: Watched::Same,
            events: 30_000,
        };
        let load = Wrapper::parse_from(["bench", "--duration", "5s"]).load;
        let plan = Plan {
            namespace: load.namespace.clone(),
            keys: load.keys,
            value_size: load.value_size,
            reads_percent: 0,
            txn: Some(10),
            consistency: Consistency::Linearizable,
        };
        let mut tally = Tally::default();
        tally.txns.fill(1000, Duration::from_micros(1500));
        Report::new("txn", &plan, &load, 16, &tally, Some(told))
    }

    #[test]
    fn transactions_and_watchers_are_told_too() {
        let show = |format| printed(format, false, |output| output.record(&transactions()));
        assert_eq!(
            show(Format::Table),
            "\
16 clients on 16 connections, values of 256 B, 100 000 keys, 5 s, 10 puts a transaction

OPERATION  COUNT  PER SECOND      P50      P99    P99.9      MAX
txn        1 000         200  1.50 ms  1.50 ms  1.50 ms  1.50 ms

3 watchers of the same keys: 30 000 events, 6 000 a second
"
        );
        assert_eq!(
            show(Format::Plain),
            "txn\t1000\t200.0\t1500\t1500\t1500\t1500\nwatch\t30000\t6000.0\t-\t-\t-\t-\n"
        );
        let json = show(Format::Json);
        assert!(
            json.ends_with(
                "\"put\":null,\"get\":null,\"missing\":0,\"errors\":{},\
                 \"txn\":{\"operations\":1000,\"per_second\":200.0,\"p50_us\":1500,\
                 \"p99_us\":1500,\"p999_us\":1500,\"max_us\":1500},\"puts\":10,\
                 \"watch\":{\"watchers\":3,\"keys\":\"same\",\"events\":30000,\
                 \"per_second\":6000.0}}\n"
            ),
            "{json}"
        );
    }

    #[test]
    fn a_mix_tells_reads_and_writes_apart() {
        let text = printed(Format::Table, false, |output| output.record(&report()));
        assert_eq!(
            text,
            "\
64 clients on 16 connections, values of 256 B, 100 000 keys, 5 s, linearizable reads

OPERATION  COUNT  PER SECOND      P50      P99    P99.9      MAX
put        1 000         200  1.50 ms  1.50 ms  1.50 ms  1.50 ms
get        4 000         800  0.25 ms  0.25 ms  0.25 ms  0.25 ms
both       5 000       1 000

1 read found no key

errors: overloaded 7
"
        );
    }

    #[test]
    fn scripts_get_microseconds() {
        let text = printed(Format::Plain, false, |output| output.record(&report()));
        assert_eq!(
            text,
            "put\t1000\t200.0\t1500\t1500\t1500\t1500\nget\t4000\t800.0\t250\t250\t250\t250\n"
        );
    }

    #[test]
    fn programs_get_one_object() {
        let text = printed(Format::Json, false, |output| output.record(&report()));
        assert_eq!(
            text,
            "{\"workload\":\"mixed\",\"namespace\":\"bench\",\"clients\":64,\"connections\":16,\
             \"value_bytes\":256,\"keys\":100000,\"duration_seconds\":5.0,\
             \"consistency\":\"linearizable\",\"operations\":5000,\"per_second\":1000.0,\
             \"put\":{\"operations\":1000,\"per_second\":200.0,\"p50_us\":1500,\"p99_us\":1500,\
             \"p999_us\":1500,\"max_us\":1500},\
             \"get\":{\"operations\":4000,\"per_second\":800.0,\"p50_us\":250,\"p99_us\":250,\
             \"p999_us\":250,\"max_us\":250},\"missing\":1,\"errors\":{\"overloaded\":7}}\n"
        );
    }
}
