//! The run of a scenario: a cluster, clients at work on it, somebody who watches its members, and
//! the checks that end it.
//!
//! A scenario is written against [`Run`]: it says which fault [begins](Run::begins), shows that it
//! really [happened](Run::happened), lets it [heal](Run::healed), and [finishes](Run::finish) with
//! the least number of acknowledged calls that make the run worth something. A fault that was begun
//! and not seen to happen fails the run: a test of nothing must not pass.
//!
//! ```text
//! plan         what the run is made of, and its seed
//! observer     terms, leaders, applied indexes and memory of each member
//! state        whether all members hold the same state
//! report       what was done and found, to be printed
//! evidence     what is kept of a run that failed
//! ```

mod evidence;
mod observer;
mod plan;
mod report;
mod state;

use std::{
    fmt::Display,
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use rand::{SeedableRng, rngs::StdRng};

pub(crate) use plan::Plan;
pub(crate) use report::Report;

use crate::{
    cluster::{Cluster, Member},
    faults::links::Links,
    history::Recorder,
    workload::Shift,
};
use observer::Observers;

/// The longest time that a leader may take to be there again after a fault.
pub(crate) const LEADER_WITHIN: Duration = Duration::from_secs(10);

/// The longest time that all members may take to hold the same state after a fault.
pub(crate) const EQUAL_WITHIN: Duration = Duration::from_secs(30);

/// The longest time that clients may take to go on with their work.
const WORK_WITHIN: Duration = Duration::from_secs(60);

/// So many calls are acknowledged after every fault before the states are compared.
const CALLS_AFTER_A_FAULT: usize = 20;

/// How often something is looked at that takes a moment.
const POLL: Duration = Duration::from_millis(20);

/// A cluster with clients at work, while faults are injected.
pub(crate) struct Run {
    /// The members. What is done to them past this type's methods is to be told by
    /// [`Run::begins`] and [`Run::happened`].
    pub(crate) cluster: Cluster,
    /// The ways between the members, if the plan has them.
    pub(crate) links: Option<Links>,
    /// What the schedule is chosen by: the same seed, the same choices.
    pub(crate) rng: StdRng,
    plan: Plan,
    recorder: Arc<Recorder>,
    observers: Observers,
    shift: Shift,
    shifts: usize,
    schedule: evidence::Schedule,
    report: Report,
    /// Where the report is written to, if anywhere.
    report_file: Option<PathBuf>,
    /// Whether what a failure leaves is kept already.
    kept: bool,
}

impl Run {
    /// Starts a cluster as the plan has it, with clients at work.
    pub(crate) async fn start(plan: Plan) -> Self {
        if plan.links {
            let (cluster, links) = plan.prepare_behind_links();
            return Self::start_behind_links(cluster, links, plan).await;
        }
        Self::begin(plan.prepare(), None, plan).await
    }

    /// Likewise with members that somebody has prepared behind links, and not yet started.
    pub(crate) async fn start_behind_links(cluster: Cluster, links: Links, plan: Plan) -> Self {
        Self::begin(cluster, Some(links), plan).await
    }

    /// Likewise without links of the run.
    pub(crate) async fn start_prepared(cluster: Cluster, plan: Plan) -> Self {
        Self::begin(cluster, None, plan).await
    }

    async fn begin(mut cluster: Cluster, links: Option<Links>, plan: Plan) -> Self {
        cluster.start_all();
        cluster.leader().await;
        let recorder = Arc::new(Recorder::default());
        let mut observers = Observers::default();
        observers.watch(&cluster);
        let shift = Shift::start(&cluster, &recorder, 0, plan.seed).await;
        let mut run = Self {
            cluster,
            links,
            rng: StdRng::seed_from_u64(plan.seed),
            report: Report::new(&plan),
            schedule: evidence::Schedule::new(plan.seed),
            plan,
            recorder,
            observers,
            shift,
            shifts: 1,
            report_file: None,
            kept: false,
        };
        run.work(CALLS_AFTER_A_FAULT).await;
        run
    }

    /// How many calls were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> usize {
        self.recorder.progress().total()
    }

    /// Lets a fault last for a time that the seed has chosen.
    pub(crate) async fn hold(&mut self, time: Duration) {
        self.note(format!("for {time:?}"));
        tokio::time::sleep(time).await;
    }

    /// Waits until so many further calls are acknowledged.
    pub(crate) async fn work(&mut self, calls: usize) {
        let goal = self.acknowledged() + calls;
        let deadline = Instant::now() + WORK_WITHIN;
        while self.acknowledged() < goal {
            if Instant::now() > deadline {
                let missing = goal - self.acknowledged();
                self.fail(format!(
                    "{missing} of {calls} calls were not acknowledged within {WORK_WITHIN:?}"
                ));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits for a leader that a majority follows. To be called when a majority is there: that it
    /// takes longer than [`LEADER_WITHIN`] from now fails the run.
    pub(crate) async fn leader(&mut self) -> usize {
        let began = Instant::now();
        loop {
            if let Some(leader) = self.cluster.leader_now().await {
                self.report.leader_after(began.elapsed());
                return leader;
            }
            if began.elapsed() > LEADER_WITHIN {
                self.fail(format!("no leader within {LEADER_WITHIN:?}"));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// A fault begins. `fault` names its kind, `detail` says where and how.
    pub(crate) fn begins(&mut self, fault: &'static str, detail: impl Display) {
        self.schedule.note(format!("{fault}: {detail}"));
        self.report.begins(fault);
        self.recorder.progress().begins(fault);
    }

    /// The effect of a fault was seen.
    pub(crate) fn happened(&mut self, fault: &'static str) {
        self.schedule.note(format!("{fault}: happened"));
        self.report.happened(fault);
    }

    /// Something is not done here, for a reason that lies in this machine. Said aloud.
    pub(crate) fn skipped(&mut self, what: &str, why: &str) {
        eprintln!("SKIPPED: {what}: {why}");
        self.schedule.note(format!("skipped {what}: {why}"));
        self.report.skipped(what, why);
    }

    /// Notes in the schedule what is no fault: that something was started, resumed, mended.
    pub(crate) fn note(&mut self, what: impl Display) {
        self.schedule.note(what.to_string());
    }

    /// The faults have ended: there is a leader within [`LEADER_WITHIN`], clients go on, and all
    /// running members hold the same state within [`EQUAL_WITHIN`].
    pub(crate) async fn healed(&mut self) {
        let began = Instant::now();
        self.observers.watch(&self.cluster);
        self.leader().await;
        self.work(CALLS_AFTER_A_FAULT).await;
        let comparing = state::equal(&self.cluster, EQUAL_WITHIN);
        let compared = self.shift.silent(comparing).await;
        match compared {
            Ok(state) => {
                let took = began.elapsed();
                self.note(format!("healed after {took:?}: {state}"));
                self.report.equal_after(took);
            }
            Err(differing) => self.fail(differing),
        }
        self.recorder.progress().healed();
    }

    /// Reads a register through every member, again and again and without waiting for the answers,
    /// until the shift ends.
    pub(crate) async fn sound_out(&mut self) {
        self.shift.sound_out(&self.cluster).await;
    }

    /// Ends the shift of the clients, checks what they recorded, forgets it, and puts new ones to
    /// work on new keys. For long runs; to be called after [`Run::healed`].
    pub(crate) async fn next_shift(&mut self) {
        self.end_shift().await;
        let (number, seed) = (self.shifts, self.plan.seed);
        self.shifts += 1;
        let next = Shift::start(&self.cluster, &self.recorder, number, seed).await;
        let last = std::mem::replace(&mut self.shift, next);
        last.clear(&self.cluster).await;
        self.work(CALLS_AFTER_A_FAULT).await;
    }

    async fn end_shift(&mut self) {
        let mut violations = self.shift.stop(&self.cluster).await;
        violations.extend(self.shift.read_back(&self.cluster).await);
        let began = Instant::now();
        let checked = self.shift.check();
        self.note(format!(
            "checked {} calls of {} keys, and {} changes told to watchers, in {:?}",
            checked.calls,
            checked.keys,
            checked.changes,
            began.elapsed()
        ));
        self.report.checked(&checked);
        violations.extend(checked.violations);
        let faults = self.recorder.progress().take_faults();
        let falsely = |error: String| format!("a failure that no fault excuses: {error}");
        violations.extend(faults.into_iter().map(falsely));
        violations.extend(self.observers.violations());
        violations.extend(self.cluster.members().iter().filter_map(panicked));
        if !violations.is_empty() {
            self.fail(violations.join("\n"));
        }
    }

    /// Ends the run: heals, stops the clients, reads everything back through every member, checks
    /// all that was recorded and seen. `minimum` is the least number of acknowledged calls.
    pub(crate) async fn finish(mut self, minimum: usize) -> Report {
        self.healed().await;
        self.end_shift().await;
        for member in self.cluster.members() {
            self.observers.take_log(member);
        }
        let mut violations = self.observers.violations();
        violations.extend(self.report.not_happened());
        let acknowledged = self.acknowledged();
        if acknowledged < minimum {
            let few = format!("only {acknowledged} calls were acknowledged, not {minimum}");
            violations.push(few);
        }
        if !violations.is_empty() {
            self.fail(violations.join("\n"));
        }
        self.complete_report();
        eprintln!("{}", self.report);
        self.report.clone()
    }

    /// Writes the report to a file, too, however the run ends.
    pub(crate) fn report_to(&mut self, file: PathBuf) {
        self.report_file = Some(file);
    }

    fn complete_report(&mut self) {
        self.report
            .complete(&self.recorder.progress(), self.observers.memory());
        if let Some(file) = &self.report_file
            && let Err(error) = fs::write(file, self.report.to_string())
        {
            eprintln!("the report is not written to {}: {error}", file.display());
        }
    }

    /// Whether the run is to fail: what it leaves is then of no use to anybody, and not kept.
    pub(crate) fn is_to_fail(&mut self, fails: bool) {
        self.kept = fails;
    }

    /// Keeps what there is, and fails the test with the place and the way to run it again.
    fn fail(&mut self, what: impl Display) -> ! {
        self.report.violation(what.to_string());
        let kept = if self.kept {
            "nothing is kept: it was to fail".to_owned()
        } else {
            self.keep()
        };
        panic!("{what}\n{kept}");
    }

    /// Keeps history, schedule, report, logs and data; says where, and how to run it again.
    fn keep(&mut self) -> String {
        self.kept = true;
        self.complete_report();
        self.cluster.kill_all();
        let report = self.report.to_string();
        evidence::keep(
            &self.plan,
            &self.cluster,
            &self.shift,
            &self.schedule,
            &report,
        )
    }
}

/// The panic of a member that had one: it may go on as if nothing had been.
fn panicked(member: &Member) -> Option<String> {
    let said = member.stderr();
    let mut lines = said.lines();
    let place = lines.find(|line| line.contains("panicked at"))?;
    let why = lines.next().unwrap_or_default();
    Some(format!("{} panicked: {place} {why}", member.name()))
}

impl Drop for Run {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.kept {
            let kept = self.keep();
            eprintln!("{kept}");
        }
    }
}
