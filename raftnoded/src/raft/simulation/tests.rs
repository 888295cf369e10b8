//! Runs of many seeds, and of broken clusters.

use std::time::Instant;

use super::{
    invariants::Property,
    plan::{Plan, Sabotage},
    run::Report,
    simulate,
};

/// The seeds of an ordinary test run.
const SEEDS: std::ops::Range<u64> = 0..10;

fn seeds() -> std::ops::Range<u64> {
    let Ok(range) = std::env::var("RAFTNODE_SEEDS") else {
        return SEEDS;
    };
    let parsed = range.split_once("..").and_then(|(from, to)| {
        let numbers = (from.trim().parse().ok()?, to.trim().parse().ok()?);
        Some(numbers.0..numbers.1)
    });
    parsed.unwrap_or_else(|| panic!("RAFTNODE_SEEDS is {range}, not like 0..100"))
}

fn run(plan: Plan) -> Report {
    let whole_trace = std::env::var_os("RAFTNODE_TRACE").is_some();
    simulate(Plan {
        whole_trace,
        ..plan
    })
}

/// How to have a run again.
fn again(report: &Report) -> String {
    let seed = report.seed;
    format!(
        "{}\nseed {seed}: RAFTNODE_SEEDS={seed}..{} RAFTNODE_TRACE=1 cargo test -p raftnoded \
         simulation::tests::seeds_keep_all_invariants",
        report.trace,
        seed + 1
    )
}

#[test]
fn seeds_keep_all_invariants() {
    let mut faults = std::collections::BTreeMap::<&str, u64>::new();
    let (mut steps, mut committed, mut answered, mut elections) = (0, 0, 0, 0);
    for seed in seeds() {
        let report = run(Plan::new(seed));
        if let Some(violation) = &report.violation {
            panic!("{}\n{violation}", again(&report));
        }
        for (fault, times) in &report.faults {
            *faults.entry(fault).or_default() += times;
        }
        steps += report.steps;
        committed += report.committed;
        answered += report.answered;
        elections += report.elections;
    }
    println!(
        "{steps} steps, {committed} entries committed, {answered} calls answered, {elections} \
         leaders; faults: {faults:?}"
    );
}

#[test]
fn a_seed_run_twice_gives_the_same_trace() {
    for seed in [1, 2, 3] {
        let plan = Plan {
            whole_trace: true,
            ..Plan::new(seed)
        };
        let (first, second) = (simulate(plan.clone()), simulate(plan));
        assert!(first.violation.is_none(), "{:?}", first.violation);
        let mut lines = first.trace.lines().zip(second.trace.lines()).enumerate();
        let differs = lines.find(|(_, (one, other))| one != other);
        assert!(differs.is_none(), "seed {seed}: {differs:?}");
        assert_eq!((first.hash, first.lines), (second.hash, second.lines));
    }
    let (first, other) = (run(Plan::new(1)), run(Plan::new(2)));
    assert_ne!(first.hash, other.hash);
}

/// What breaks must be noticed, in one of some seeds, as what it is.
fn is_caught(sabotage: Sabotage, as_one_of: &[Property]) {
    for seed in 0..40 {
        let plan = Plan {
            sabotage: Some(sabotage),
            ..Plan::new(seed)
        };
        let report = run(plan);
        if let Some(violation) = &report.violation {
            assert!(
                as_one_of.contains(&violation.property),
                "{}\n{violation}",
                report.trace
            );
            println!(
                "{sabotage:?}, seed {seed}, step {}: {violation}",
                report.steps
            );
            return;
        }
    }
    panic!("{sabotage:?} was not noticed");
}

#[test]
fn synced_entries_that_are_lost_are_noticed() {
    is_caught(
        Sabotage::SyncedIsLost,
        &[Property::Durability, Property::HardState],
    );
}

#[test]
fn a_vote_that_is_not_saved_is_noticed() {
    is_caught(
        Sabotage::VoteIsNotSaved,
        &[Property::HardState, Property::ElectionSafety],
    );
}

#[test]
fn an_acknowledgement_before_the_sync_is_noticed() {
    is_caught(Sabotage::AcknowledgedBeforeSync, &[Property::Durability]);
}

#[test]
fn forged_votes_are_noticed() {
    is_caught(
        Sabotage::VotesAreForged,
        &[Property::ElectionSafety, Property::LeaderCompleteness],
    );
}

#[test]
fn forged_entries_are_noticed() {
    is_caught(Sabotage::EntriesAreForged, &[Property::LogMatching]);
}

#[test]
fn forgotten_replies_are_noticed() {
    // What a member remembers of replies is part of its state.
    is_caught(
        Sabotage::RepliesAreForgotten,
        &[Property::ExactlyOnce, Property::EqualReplicas],
    );
}

#[test]
fn entries_applied_twice_are_noticed() {
    is_caught(
        Sabotage::AppliesTwice,
        &[Property::EqualReplicas, Property::ExactlyOnce],
    );
}

#[test]
fn writes_that_are_duplicated_are_noticed() {
    is_caught(Sabotage::WritesAreDuplicated, &[Property::ExactlyOnce]);
}

#[test]
fn a_state_that_drifts_is_noticed() {
    is_caught(Sabotage::StateDrifts, &[Property::EqualReplicas]);
}

#[test]
fn reads_without_the_barrier_are_noticed() {
    is_caught(Sabotage::ReadsSkipTheBarrier, &[Property::Linearizable]);
}

/// Run by name: `cargo test -p raftnoded simulation_speed -- --ignored --nocapture`.
#[test]
#[ignore = "measures; run it by name"]
fn simulation_speed() {
    let began = Instant::now();
    let (mut steps, mut millis) = (0, 0);
    for seed in 0..10 {
        let report = run(Plan {
            steps: 20_000,
            ..Plan::new(seed)
        });
        assert!(report.violation.is_none(), "{}", again(&report));
        steps += report.steps;
        millis += report.millis;
    }
    let took = began.elapsed().as_secs_f64();
    println!(
        "{steps} steps in {took:.1} s: {:.0} steps/s; {:.0} s of simulated time",
        steps as f64 / took,
        millis as f64 / 1000.0
    );
}
