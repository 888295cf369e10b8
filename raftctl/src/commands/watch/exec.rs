//! `--exec`: a command for each record.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    process::Command,
};

use common::client::WatchItem;
use rustix::process::Signal;

use super::record::word;
use crate::{
    commands::child::{Child, ending},
    failure::Failure,
    output::{
        Output,
        bytes::{base64, quote},
        table::grouped,
    },
    signals::{Caught, Taken},
};

/// The longest former value that is put into the environment: Linux refuses to run a command with
/// a longer one than 128 KiB.
const MAX_VARIABLE: usize = 64 * 1024;

/// The command, and how often it failed.
pub(super) struct Exec<'a> {
    command: &'a OsStr,
    namespace: &'a str,
    failed: u64,
}

/// How a run ended.
pub(super) enum Outcome {
    /// Whether it failed or not: the next record may come.
    Ran,
    /// The program is to end. Whether the record was dealt with.
    Interrupted { caught: Caught, done: bool },
}

impl<'a> Exec<'a> {
    pub(super) fn new(command: &'a OsStr, namespace: &'a str) -> Self {
        Self {
            command,
            namespace,
            failed: 0,
        }
    }

    /// How often it failed.
    pub(super) fn failed(&self) -> u64 {
        self.failed
    }

    /// Runs it for a record and waits for its end. A signal is passed on to it, the second one kills
    /// it.
    ///
    /// # Errors
    /// [`Failure::Runtime`] if it cannot be started at all.
    pub(super) async fn run(
        &mut self,
        item: &WatchItem,
        signals: &mut Taken,
        output: &Output,
    ) -> Result<Outcome, Failure> {
        let mut command = Command::new("sh");
        command.arg("-c").arg(self.command);
        command.envs(environment(self.namespace, item));
        let mut child = Child::start_with(command, value(item)).map_err(Failure::Runtime)?;
        let mut asked = None;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status.map_err(Failure::Runtime)?,
                caught = signals.next() => {
                    match asked {
                        None => child.pass_on(caught),
                        Some(_) => child.send(Signal::KILL),
                    }
                    asked = Some(caught);
                }
            }
        };
        if let Some(caught) = asked {
            let done = status.success();
            return Ok(Outcome::Interrupted { caught, done });
        }
        if !status.success() {
            self.failed += 1;
            output.warning(&format!(
                "the command for {} {}",
                name(item),
                ending(status)
            ));
        }
        Ok(Outcome::Ran)
    }
}

/// How often: "once", "3 times".
pub(super) fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{} times", grouped(count)),
    }
}

/// What a record is called in a message.
fn name(item: &WatchItem) -> String {
    let word = word(item);
    match item {
        WatchItem::Entry(entry) => format!("{word} of {}", quote(&entry.key)),
        WatchItem::Event(event) => {
            let of = match event.key.is_empty() {
                true => String::new(),
                false => format!(" of {}", quote(&event.key)),
            };
            format!("{word}{of} at revision {}", grouped(event.revision))
        }
        WatchItem::Ready | WatchItem::Resync => word.to_owned(),
    }
}

fn value(item: &WatchItem) -> &[u8] {
    match item {
        WatchItem::Entry(entry) => &entry.value,
        WatchItem::Event(event) => &event.value,
        WatchItem::Ready | WatchItem::Resync => &[],
    }
}

fn environment(namespace: &str, item: &WatchItem) -> Vec<(&'static str, OsString)> {
    let mut variables: Vec<(&'static str, OsString)> = vec![
        ("RAFTNODE_TYPE", word(item).into()),
        ("RAFTNODE_NAMESPACE", namespace.into()),
    ];
    let (key, revision, version) = match item {
        WatchItem::Entry(entry) => (&entry.key, entry.revision, entry.version),
        WatchItem::Event(event) => (&event.key, event.revision, event.version),
        WatchItem::Ready | WatchItem::Resync => return variables,
    };
    variables.extend(bytes("RAFTNODE_KEY", key));
    variables.push(("RAFTNODE_KEY_B64", base64(key).into()));
    variables.push(("RAFTNODE_REVISION", revision.to_string().into()));
    variables.push(("RAFTNODE_VERSION", version.to_string().into()));
    if let WatchItem::Event(event) = item
        && let Some(before) = &event.previous
    {
        variables.extend(bytes("RAFTNODE_PREV_VALUE", &before.value));
        variables.push(("RAFTNODE_PREV_REVISION", before.revision.to_string().into()));
        variables.push(("RAFTNODE_PREV_VERSION", before.version.to_string().into()));
    }
    variables
}

/// A variable with these bytes, if the environment can hold them.
fn bytes(name: &'static str, bytes: &[u8]) -> Option<(&'static str, OsString)> {
    let fits = bytes.len() <= MAX_VARIABLE && !bytes.contains(&0);
    fits.then(|| (name, OsStr::from_bytes(bytes).to_owned()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::commands::watch::record::tests::{delete, put};

    fn variables(item: &WatchItem) -> String {
        let variables = environment("default", item);
        let lines: Vec<String> = variables
            .iter()
            .map(|(name, value)| format!("{}={}", name, value.to_string_lossy()))
            .collect();
        lines.join(" ").replace("RAFTNODE_", "")
    }

    #[test]
    fn the_environment_names_the_change() {
        assert_eq!(
            variables(&WatchItem::Event(delete())),
            "TYPE=delete NAMESPACE=default KEY=k KEY_B64=aw== REVISION=1201 VERSION=0 \
             PREV_VALUE=before PREV_REVISION=1200 PREV_VERSION=2"
        );
        assert_eq!(variables(&WatchItem::Ready), "TYPE=ready NAMESPACE=default");
    }

    #[test]
    fn what_the_environment_cannot_hold_is_left_out() {
        let mut event = delete();
        event.key = Bytes::from_static(b"a\0b");
        event.previous.as_mut().unwrap().value = vec![b'x'; MAX_VARIABLE + 1].into();
        assert_eq!(
            variables(&WatchItem::Event(event)),
            "TYPE=delete NAMESPACE=default KEY_B64=YQBi REVISION=1201 VERSION=0 \
             PREV_REVISION=1200 PREV_VERSION=2"
        );
    }

    #[test]
    fn messages_name_the_record() {
        assert_eq!(
            name(&WatchItem::Event(put())),
            "put of \"k\" at revision 1 200"
        );
        assert_eq!(name(&WatchItem::Resync), "resync");
        assert_eq!((times(1).as_str(), times(3).as_str()), ("once", "3 times"));
    }
}
