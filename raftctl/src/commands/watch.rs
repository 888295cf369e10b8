//! `raftctl watch`.

mod exec;
mod record;

use std::{ffi::OsString, process::ExitCode};

use common::{
    client::{Start, Watch, WatchItem, WatchOptions},
    types::{Cursor, WatchTarget},
};

use super::{Session, argument_bytes, follow::Follow, optional_bytes};
use crate::{
    failure::{Exit, Failure},
    output::{Output, table::Table},
    signals::{self, Caught},
};
use exec::{Exec, Outcome};
use record::{COLUMNS, COLUMNS_WITH_PREVIOUS, Change, WIDTHS};

const DETAILS: &str = "\
Prints a record for each change, in the order in which the cluster made them, none twice and none
left out, until Ctrl-C. When the member it hears from is lost it goes on with another one; when none
answers it says so, and goes on as soon as one does. After Ctrl-C it says from which --from-rev a
later watch goes on; in the middle of a transaction that one begins with the whole transaction.

TYPE is put, delete, expire (its time to live or lease ended) or namespace_deleted (all keys at
once: one record without a key); with --initial also entry (a key as it was found) and, after the
last of them, ready; with --resync also resync: forget what was told before, the keys follow anew.
plain: TYPE, KEY, VALUE, REVISION, VERSION, CREATE_REVISION, and with --prev PREV_VALUE,
PREV_REVISION, PREV_VERSION; what a record does not have is -.

With --exec, sh -c CMD runs for each record, one at a time and in order, and nothing else is
printed; for ready and resync only with --resync. Its stdin is the value, which only entry and put
have. Its environment has RAFTNODE_TYPE, RAFTNODE_NAMESPACE,
RAFTNODE_KEY (not set for a key with a zero byte in it), RAFTNODE_KEY_B64, RAFTNODE_REVISION,
RAFTNODE_VERSION, and with --prev, where there was a value before, RAFTNODE_PREV_REVISION,
RAFTNODE_PREV_VERSION and, unless it has a zero byte or more than 64 KiB, RAFTNODE_PREV_VALUE. A
command that fails is reported, and the watch goes on; when --count ends it, it exits with 1 if
any failed. On Ctrl-C the command under way is waited for; a second Ctrl-C kills it.

Examples:
  raftctl watch default                          every key of the namespace
  raftctl watch default greeting --initial       its value now, and each one after it
  raftctl watch default --prefix user/ -o json
  raftctl watch default --from-rev 1204          go on where another watch ended
  raftctl watch config app.toml --initial --exec \\
    'case $RAFTNODE_TYPE in entry|put) cat > app.toml; esac'
  raftctl watch default ready --count 1          wait for one change";

#[derive(clap::Args, Debug)]
#[command(after_help = DETAILS)]
pub(crate) struct Args {
    /// The namespace; it need not exist yet
    #[arg(value_name = "NS")]
    namespace: String,
    /// Only this key
    key: Option<OsString>,
    /// Only keys that begin with this
    #[arg(
        long,
        value_name = "P",
        conflicts_with = "key",
        allow_hyphen_values = true
    )]
    prefix: Option<OsString>,
    /// Begin with the changes of this revision, instead of those from now on
    #[arg(long, value_name = "N", conflicts_with = "initial", value_parser = clap::value_parser!(u64).range(1..))]
    from_rev: Option<u64>,
    /// Begin with the keys as they are now
    #[arg(long)]
    initial: bool,
    /// Tell also what was there before each change
    #[arg(long)]
    prev: bool,
    /// Where changes are lost, begin anew with the keys as they are, instead of ending
    #[arg(long)]
    resync: bool,
    /// Run this with sh for each record, instead of printing it
    #[arg(long, value_name = "CMD")]
    exec: Option<OsString>,
    /// End after so many changes; what --initial tells is not counted
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

impl Args {
    fn options(&self) -> WatchOptions {
        WatchOptions {
            namespace: self.namespace.clone(),
            target: match &self.key {
                Some(key) => WatchTarget::Key(argument_bytes(key)),
                None => {
                    let prefix = optional_bytes(self.prefix.as_ref());
                    WatchTarget::Prefix(prefix.unwrap_or_default())
                }
            },
            start: match self.from_rev {
                Some(revision) => Start::At(Cursor::at(revision)),
                None if self.initial => Start::Initial,
                None => Start::Now,
            },
            previous: self.prev,
            keys_only: false,
            resync: self.resync,
        }
    }
}

/// Prints records.
struct Printer<'a> {
    namespace: &'a str,
    previous: bool,
    table: Table,
}

impl<'a> Printer<'a> {
    fn new(args: &'a Args) -> Self {
        let columns: &[_] = if args.prev {
            &COLUMNS_WITH_PREVIOUS
        } else {
            &COLUMNS
        };
        Self {
            namespace: &args.namespace,
            previous: args.prev,
            table: Table::new(columns).at_least(&WIDTHS),
        }
    }

    fn print(&mut self, item: &WatchItem, output: &mut Output) -> Result<(), Failure> {
        let change = Change::new(self.namespace, item, self.previous);
        output.more_rows(&mut self.table, &[change])
    }
}

pub(crate) async fn run(
    args: &Args,
    session: &Session,
    output: &mut Output,
) -> Result<ExitCode, Failure> {
    let client = session.connect(output).await?;
    let mut signals = signals::take()?;
    let mut follow = Follow::new(client.watch(args.options()));
    let mut printer = Printer::new(args);
    let mut exec = args
        .exec
        .as_deref()
        .map(|command| Exec::new(command, &args.namespace));
    let prints = exec.is_none();
    let gone = async {
        match prints {
            true => Output::reader_gone().await,
            false => std::future::pending().await,
        }
    };
    tokio::pin!(gone);
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 {
        let item = match follow.watch.next_ready() {
            Some(item) => item,
            None => {
                // Whoever reads has everything before the next one is waited for.
                output.flush()?;
                tokio::select! {
                    item = follow.next(output) => item?,
                    caught = signals.next() => {
                        say_where_to_go_on(&follow.watch, None, output);
                        return Ok(caught.exit());
                    }
                    () = &mut gone => return Ok(ExitCode::SUCCESS),
                }
            }
        };
        match &mut exec {
            None => printer.print(&item, output)?,
            // Whoever did not ask for such records has no use for them.
            Some(_) if is_mark(&item) && !args.resync => {}
            Some(exec) => {
                if let Outcome::Interrupted { caught, done } =
                    exec.run(&item, &mut signals, output).await?
                {
                    let again = Some(&item).filter(|_| !done);
                    say_where_to_go_on(&follow.watch, again, output);
                    return Ok(Caught::exit(caught));
                }
            }
        }
        if matches!(item, WatchItem::Event(_)) {
            left -= 1;
        }
    }
    match exec.map_or(0, |exec| exec.failed()) {
        0 => Ok(ExitCode::SUCCESS),
        failed => Err(Failure::Specific {
            exit: Exit::Error,
            code: "exec_failed",
            message: format!("the command of --exec failed {}", exec::times(failed)),
            hint: None,
        }),
    }
}

/// Whether it is about the stream of records, and about no key.
fn is_mark(item: &WatchItem) -> bool {
    matches!(item, WatchItem::Ready | WatchItem::Resync)
}

/// Tells how another watch goes on, `again` with an item that was not dealt with.
fn say_where_to_go_on(watch: &Watch, again: Option<&WatchItem>, output: &Output) {
    if let Some(place) = place_to_go_on(watch.cursor(), again) {
        output.note(&format!(
            "a watch goes on from here with --from-rev {place}"
        ));
    } else if watch.has_begun() {
        output.note("not all keys were told yet: begin again with --initial");
    }
}

fn place_to_go_on(cursor: Option<Cursor>, again: Option<&WatchItem>) -> Option<u64> {
    match again {
        Some(WatchItem::Event(event)) => Some(event.revision),
        // A key of the content: only the whole of it has it again.
        Some(_) => None,
        None => cursor.map(|cursor| cursor.revision),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Wrapper {
        #[command(flatten)]
        args: Args,
    }

    fn options(arguments: &[&str]) -> WatchOptions {
        let arguments = [&["watch", "default"], arguments].concat();
        Wrapper::try_parse_from(arguments).unwrap().args.options()
    }

    #[test]
    fn arguments_say_what_is_watched_and_from_where() {
        let all = options(&[]);
        assert_eq!(all.target, WatchTarget::Prefix("".into()));
        assert_eq!(all.start, Start::Now);
        assert!(!all.previous && !all.resync);
        let key = options(&["k", "--from-rev", "12", "--prev"]);
        assert_eq!(key.target, WatchTarget::Key("k".into()));
        assert_eq!(key.start, Start::At(Cursor::at(12)));
        assert!(key.previous);
        let prefix = options(&["--prefix", "-p", "--initial", "--resync"]);
        assert_eq!(prefix.target, WatchTarget::Prefix("-p".into()));
        assert_eq!(prefix.start, Start::Initial);
        assert!(prefix.resync);
        for wrong in [
            &["k", "--prefix", "p"][..],
            &["--initial", "--from-rev", "1"],
            &["--from-rev", "0"],
            &["--count", "0"],
        ] {
            let arguments = [&["watch", "default"], wrong].concat();
            assert!(Wrapper::try_parse_from(arguments).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_was_not_dealt_with_comes_again() {
        let cursor = Some(Cursor::at(8));
        assert_eq!(place_to_go_on(cursor, None), Some(8));
        assert_eq!(place_to_go_on(None, None), None);
        let event = WatchItem::Event(record::tests::put());
        assert_eq!(place_to_go_on(cursor, Some(&event)), Some(1200));
        assert_eq!(place_to_go_on(cursor, Some(&WatchItem::Ready)), None);
    }
}
