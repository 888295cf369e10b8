//! `raftnoded restore` and `raftnoded recover`: their arguments, their words, and the question asked.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;
use tokio::runtime::Builder;

use super::{complain, say, start};
use crate::{
    config::Config,
    offline::{
        DEFAULT_BUMP, OfflineError,
        recover::Recovery,
        restore::{Request, restore},
    },
    store::Position,
};

/// The exit code for a question that was answered with no.
const EXIT_DECLINED: u8 = 1;

const RESTORE_DETAILS: &str = "\
The file is read and checked to its end first: one that is damaged, cut off, no snapshot, or of a
newer raftnode is refused, and nothing is written. The new cluster has an id of its own and one
member; members of the old cluster are refused by it. Its revisions are beyond all of the old one,
so a watcher that goes on from an old revision is told that it must read anew. Leases live their
rest, beginning with the first start.

Example:
  raftnoded restore monday.snap --data-dir /var/lib/raftnoded --name n1
  raftnoded --data-dir /var/lib/raftnoded --name n1";

const RECOVER_DETAILS: &str = "\
For a cluster that lost most of its members for good, and for nothing else: while a majority can come
back, start it instead. Without --confirm it looks, says what would be done and what may be lost, and
changes nothing; on a terminal it then asks for the name. The old directory is kept.

If several members survive, look at each and recover the one whose last log entry has the highest
term, and among those the highest index. Then let the others join with empty directories.

Example:
  raftnoded recover --data-dir /var/lib/raftnoded
  raftnoded recover --data-dir /var/lib/raftnoded --confirm n1";

#[derive(Args)]
#[command(after_help = RESTORE_DETAILS)]
pub(super) struct RestoreArguments {
    /// The backup, as `raftctl snapshot save` wrote it
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// By how much the new revisions are beyond the saved ones. It must be more than the old cluster
    /// wrote after the backup
    #[arg(long, value_name = "N", default_value_t = DEFAULT_BUMP, value_parser = clap::value_parser!(u64).range(1..))]
    bump_revision: u64,
}

#[derive(Args)]
#[command(after_help = RECOVER_DETAILS)]
pub(super) struct RecoverArguments {
    /// Carry it out; NAME is the survivor's
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,

    /// By how much the new revisions are beyond the survivor's. It must be more than the lost members
    /// may have had beyond it
    #[arg(long, value_name = "N", default_value_t = DEFAULT_BUMP, value_parser = clap::value_parser!(u64).range(1..))]
    bump_revision: u64,
}

/// Runs `raftnoded restore`.
pub(super) fn run_restore(arguments: &RestoreArguments, config: &Config) -> ExitCode {
    let request = Request {
        file: arguments.file.clone(),
        data_dir: config.data_dir.clone(),
        name: config
            .name
            .clone()
            .unwrap_or_else(|| config.default_name.clone()),
        store: config.store.unwrap_or_default(),
        bump: arguments.bump_revision,
    };
    let restored = match restore(&request) {
        Ok(restored) => restored,
        Err(error) => return failed(&error),
    };
    let directory = restored.data_dir.display();
    let name = &request.name;
    say(&format!(
        "restored {} records ({} bytes) of cluster {:032x} at revision {} into {directory}\n\
         new cluster {:032x}, its revisions are beyond {}; its one member is {name}, id 1\n\
         start it: raftnoded --data-dir {directory} --name {name}\n",
        restored.records,
        restored.bytes,
        restored.from,
        restored.saved.map_or(0, |saved| saved.index),
        restored.cluster_id,
        restored.beyond,
    ));
    ExitCode::SUCCESS
}

/// Runs `raftnoded recover`.
pub(super) fn run_recover(arguments: &RecoverArguments, config: &Config) -> ExitCode {
    let runtime = match start(&mut Builder::new_current_thread()) {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    let recovery = match runtime.block_on(Recovery::examine(&config.data_dir)) {
        Ok(recovery) => recovery,
        Err(error) => return failed(&error),
    };
    say(&plan(&recovery, arguments.bump_revision));
    let name = recovery.name().to_owned();
    let confirmed = match &arguments.confirm {
        Some(given) => given.clone(),
        None if io::stdin().is_terminal() && io::stderr().is_terminal() => {
            let typed = dialoguer::Input::<String>::new()
                .with_prompt(format!("Type {name} to carry it out, or Enter to leave it"))
                .allow_empty(true)
                .interact_text();
            match typed {
                Ok(typed) if typed == name => typed,
                Ok(_) => {
                    complain(&"not confirmed; nothing was changed");
                    return ExitCode::from(EXIT_DECLINED);
                }
                Err(error) => {
                    complain(&error);
                    return ExitCode::from(EXIT_DECLINED);
                }
            }
        }
        None => {
            say(&format!(
                "nothing was changed; to carry it out: raftnoded recover --data-dir {} --confirm \
                 {name}\n",
                config.data_dir.display()
            ));
            return ExitCode::SUCCESS;
        }
    };
    match recovery.carry_out(&confirmed, arguments.bump_revision) {
        Ok(recovered) => {
            let directory = config.data_dir.display();
            say(&format!(
                "recovered: new cluster {:032x} in {directory}, its revisions are beyond {}\n\
                 the old directory is kept as {}\n\
                 start it: raftnoded --data-dir {directory} --name {name}\n",
                recovered.cluster_id,
                recovered.beyond,
                recovered.kept.display(),
            ));
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

fn failed(error: &OfflineError) -> ExitCode {
    complain(error);
    ExitCode::from(error.exit_code())
}

/// What was found, what it means, and what would be made.
fn plan(recovery: &Recovery, bump: u64) -> String {
    let found = recovery.salvaged();
    let (name, own) = (recovery.name(), recovery.node_id());
    let place = |position: Option<Position>| {
        position.map_or_else(
            || "none".to_owned(),
            |position| format!("index {}, term {}", position.index, position.term),
        )
    };
    let others: Vec<String> = found
        .members
        .iter()
        .filter(|(id, _)| *id != own)
        .map(|(id, member)| {
            let kind = if member.voter { "" } else { ", learner" };
            format!(
                "{} (id {id}, {}{kind})",
                member.info.name, member.info.peer_address
            )
        })
        .collect();
    let others = if others.is_empty() {
        "no other member is known".to_owned()
    } else {
        others.join(", ")
    };
    let uncertain = found.uncertain();
    let kept = match uncertain {
        0 => "Nothing in the log is beyond the last known commit.".to_owned(),
        1 => {
            "1 log entry beyond the last known commit is kept: the write in it may or may not have \
              been acknowledged."
                .to_owned()
        }
        count => format!(
            "{count} log entries beyond the last known commit are kept: each write in them may or \
             may not have been acknowledged."
        ),
    };
    let mut text = String::new();
    // Writing into memory does not fail.
    let _ = write!(
        text,
        "member           {name}, id {own}, store {}\n\
         cluster          {:032x}\n\
         given up         {others}\n\
         state on disk    {}\n\
         known committed  {}\n\
         last log entry   {}\n\n\
         What it means:\n\
         - {kept}\n\
         - Writes that were acknowledged and never reached {name} are lost. Nobody can tell from here \
         how many. If another member survives whose last log entry has a higher term or index, recover \
         that one.\n\
         - The members given up are refused from then on: they join again only with empty \
         directories.\n\
         - Watchers of the old cluster are told to read anew: revisions go on beyond {}.\n\n\
         What is made: a new cluster of one, {name} with id 1, in place of the directory, which is \
         kept as {}.\n",
        recovery.store(),
        recovery.cluster_id(),
        place(found.applied),
        place(found.committed),
        place(found.last),
        found.last.map_or(0, |last| last.index).saturating_add(bump),
        recovery.kept().display(),
    );
    text
}
