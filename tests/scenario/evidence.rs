//! What is kept of a run that failed: the history, the schedule, the report, and the members' logs
//! and data directories, in a directory that outlives the test.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::Plan;
use crate::{
    cluster::{Cluster, Member},
    workload::Shift,
};

/// What was done to the cluster, and when.
pub(super) struct Schedule {
    began: Instant,
    lines: Vec<(Duration, String)>,
}

impl Schedule {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            began: Instant::now(),
            lines: vec![(Duration::ZERO, format!("seed {seed}"))],
        }
    }

    /// Adds a line, and prints it.
    pub(super) fn note(&mut self, what: String) {
        let at = self.began.elapsed();
        eprintln!("{:8.3} s  {what}", at.as_secs_f64());
        self.lines.push((at, what));
    }

    fn write(&self, to: &mut impl Write) -> io::Result<()> {
        for (at, what) in &self.lines {
            writeln!(to, "{:8.3} s  {what}", at.as_secs_f64())?;
        }
        Ok(())
    }
}

/// Keeps everything. Returns where it is, and how to run the test again, in words. The members must
/// not run any more.
pub(super) fn keep(
    plan: &Plan,
    cluster: &Cluster,
    shift: &Shift,
    schedule: &Schedule,
    report: &str,
) -> String {
    let directory = place(plan.seed);
    let again = plan.again();
    match write_all(&directory, cluster, shift, schedule, report) {
        Ok(()) => format!(
            "history, schedule, logs and data are kept in {}\nrun it again: {again}",
            directory.display()
        ),
        Err(error) => format!(
            "not all could be kept in {}: {error}\nrun it again: {again}",
            directory.display()
        ),
    }
}

/// A directory that no other run has.
fn place(seed: u64) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("failed-runs");
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("test").replace("::", "-");
    let process = std::process::id();
    root.join(format!("{test}-seed-{seed}-{process}"))
}

fn write_all(
    directory: &Path,
    cluster: &Cluster,
    shift: &Shift,
    schedule: &Schedule,
    report: &str,
) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let mut history = BufWriter::new(File::create(directory.join("history.jsonl"))?);
    shift.write(&mut history)?;
    history.flush()?;
    let mut lines = File::create(directory.join("schedule.txt"))?;
    schedule.write(&mut lines)?;
    fs::write(directory.join("report.md"), report)?;
    let members = directory.join("members");
    copy(cluster.directory(), &members)?;
    // On a disk of its own.
    let elsewhere = |member: &&Member| !member.data().starts_with(cluster.directory());
    for member in cluster.members().iter().filter(elsewhere) {
        copy(member.data(), &members.join(member.name()))?;
    }
    Ok(())
}

/// Copies a directory with all that is in it; what is neither file nor directory is left out.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
