//! `raftctl edit`: a value in an editor, and back by compare-and-swap.

pub(crate) mod editor;
pub(crate) mod scratch;

use std::{ffi::OsString, time::Duration};

use bytes::Bytes;
use common::{
    Client, Error,
    types::{Condition, Consistency, Current, Entry, GetRequest, Lifetime, PutRequest},
};
use serde::Serialize;
use similar::TextDiff;

use super::{Session, argument_bytes};
use crate::{
    failure::{Conflict, Failure},
    output::{Format, Output, Record, Style, bytes::escape, json, plain, table::grouped},
};
use scratch::Scratch;

/// How long a difference may be looked for; what is not found by then is shown less finely.
const DIFF_TIME: Duration = Duration::from_secs(1);

const DETAILS: &str = "\
Opens $VISUAL, else $EDITOR, else vi, on the value in a temporary file. What is saved is written only
if nobody else wrote the key meanwhile; a key that does not exist is created, if it still does not.
The key lives on as it did. Text that was not changed is not written. Where a value does not end in a
newline, one that the editor adds is left out again. A value that is not UTF-8 is refused.

If somebody else wrote the key meanwhile nothing is written: the exit code is 4, the difference
between what is there now and your text is on stderr, and your text is kept in a file that is named
there. On a terminal you can go on with the new value at once.

Prints the revision and the version of the key; plain: `changed` or `unchanged`, REVISION, VERSION.

Examples:
  raftctl edit default app/config.json
  EDITOR='sed -i s/debug/info/' raftctl edit default app/config.json --yes    also after conflicts";

#[derive(clap::Args, Debug)]
#[command(after_help = DETAILS)]
pub(crate) struct Args {
    /// The namespace
    #[arg(value_name = "NS")]
    namespace: String,
    /// The key
    key: OsString,
}

/// What became of the key.
#[derive(Serialize)]
struct Edited<'a> {
    namespace: &'a str,
    #[serde(flatten)]
    key: json::Key<'a>,
    changed: bool,
    #[serde(serialize_with = "json::as_optional_string")]
    revision: Option<u64>,
    version: Option<u64>,
}

impl Record for Edited<'_> {
    fn table(&self, _: Style) -> String {
        match (self.changed, self.revision, self.version) {
            (true, Some(revision), Some(version)) => format!(
                "OK  revision {}  version {}\n",
                grouped(revision),
                grouped(version)
            ),
            _ => "OK  unchanged: nothing was written\n".to_owned(),
        }
    }

    fn plain(&self) -> Vec<String> {
        vec![
            if self.changed { "changed" } else { "unchanged" }.to_owned(),
            plain::optional(self.revision),
            plain::optional(self.version),
        ]
    }
}

/// The key that is edited, as the command line names it.
struct Subject<'a> {
    namespace: &'a str,
    key: Bytes,
}

impl<'a> Subject<'a> {
    async fn read(&self, client: &Client) -> Result<Option<Entry>, Failure> {
        let request = GetRequest::new(self.namespace, self.key.clone(), Consistency::Linearizable);
        match client.get(request).await {
            Ok(reply) => Ok(reply.entry),
            // Writing the key creates it, or says why not.
            Err(Error::NamespaceNotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn edited(&self, changed: bool, current: Option<Current>) -> Edited<'_> {
        Edited {
            namespace: self.namespace,
            key: json::Key::new(&self.key),
            changed,
            revision: current.map(|current| current.revision),
            version: current.map(|current| current.version),
        }
    }
}

/// How one round ended that did not fail.
enum Round {
    Written(Current),
    Unchanged(Option<Current>),
    /// Somebody else wrote the key meanwhile.
    Conflict(Conflict),
}

pub(crate) async fn run(
    args: &Args,
    session: &Session,
    output: &mut Output,
) -> Result<(), Failure> {
    let editor = editor::chosen()?;
    let subject = Subject {
        namespace: &args.namespace,
        key: argument_bytes(&args.key),
    };
    let client = session.connect(output).await?;
    loop {
        match round(&subject, &editor, &client).await? {
            Round::Written(current) => {
                return output.confirmation(&subject.edited(true, Some(current)));
            }
            Round::Unchanged(current) => {
                return output.confirmation(&subject.edited(false, current));
            }
            Round::Conflict(conflict) => {
                if output.format() != Format::Json {
                    // As JSON the failure has both in its object.
                    output.difference(&conflict.difference);
                    output.warning(&scratch::kept(&conflict.kept));
                }
                let question = "Somebody else wrote the key meanwhile. Edit the new value?";
                if !session.prompt.agrees(question.to_owned()).await? {
                    return Err(Failure::Conflict(Box::new(conflict)));
                }
            }
        }
    }
}

/// Reads, edits and writes once.
async fn round(
    subject: &Subject<'_>,
    editor: &OsString,
    client: &Client,
) -> Result<Round, Failure> {
    let base = subject.read(client).await?;
    let original = text(subject, base.as_ref())?;
    let mut scratch = Scratch::new(&subject.key, &original)?;
    let closed = editor::open(editor, scratch.path()).await;
    let edited = scratch.read(&original);
    // An editor that failed may have been used for hours: what is in the file is worth keeping.
    if let Ok(edited) = &edited
        && *edited != original
    {
        scratch.hold(edited);
    }
    closed?;
    let edited = edited?;
    if edited == original {
        return Ok(Round::Unchanged(base.as_ref().map(current)));
    }
    let condition = match &base {
        Some(entry) => Condition::Revision(entry.revision),
        None => Condition::Absent,
    };
    let written = client
        .put(PutRequest {
            condition: Some(condition),
            lifetime: Lifetime::Keep,
            ..PutRequest::new(subject.namespace, subject.key.clone(), edited.clone())
        })
        .await;
    match written {
        Ok(reply) => {
            scratch.let_go();
            Ok(Round::Written(Current {
                version: reply.version,
                revision: reply.revision,
            }))
        }
        Err(Error::ConditionFailed { .. }) => {
            let theirs = subject.read(client).await?;
            if theirs.as_ref().is_some_and(|entry| entry.value == edited) {
                // The same text: it is there already.
                scratch.let_go();
                return Ok(Round::Unchanged(theirs.as_ref().map(current)));
            }
            Ok(Round::Conflict(Conflict {
                namespace: subject.namespace.to_owned(),
                key: subject.key.to_vec(),
                difference: difference(&subject.key, theirs.as_ref(), &edited),
                current: theirs.as_ref().map(current),
                kept: scratch.keep(),
            }))
        }
        Err(error) => Err(error.into()),
    }
}

/// The value as it is to be edited; empty for a new key.
fn text(subject: &Subject<'_>, base: Option<&Entry>) -> Result<Bytes, Failure> {
    let Some(entry) = base else {
        return Ok(Bytes::new());
    };
    if std::str::from_utf8(&entry.value).is_err() {
        return Err(Failure::NotText {
            namespace: subject.namespace.to_owned(),
            key: subject.key.to_vec(),
            revision: entry.revision,
        });
    }
    Ok(entry.value.clone())
}

fn current(entry: &Entry) -> Current {
    Current {
        version: entry.version,
        revision: entry.revision,
    }
}

/// From what somebody else wrote to what the user wrote.
fn difference(key: &[u8], theirs: Option<&Entry>, ours: &[u8]) -> String {
    let key = escape(key);
    let now = match theirs {
        Some(entry) => format!("{key} as it is now, revision {}", entry.revision),
        None => format!("{key} is not there any more"),
    };
    let theirs = theirs.map_or_else(Bytes::new, |entry| entry.value.clone());
    let (theirs, ours) = (
        String::from_utf8_lossy(&theirs),
        String::from_utf8_lossy(ours),
    );
    TextDiff::configure()
        .timeout(DIFF_TIME)
        .diff_lines(&theirs, &ours)
        .unified_diff()
        .header(&now, &format!("{key} as you wrote it"))
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::printed;

    fn entry(value: &'static [u8]) -> Entry {
        Entry {
            key: "k".into(),
            value: value.into(),
            create_revision: 3,
            size: 0,
            revision: 1200,
            version: 2,
            ttl: None,
            lease: None,
        }
    }

    #[test]
    fn what_became_of_the_key_in_each_form() {
        let subject = Subject {
            namespace: "default",
            key: "k".into(),
        };
        let show = |format, changed, current| {
            printed(format, false, |output| {
                output.confirmation(&subject.edited(changed, current))
            })
        };
        let now = Some(current(&entry(b"v")));
        assert_eq!(
            show(Format::Table, true, now),
            "OK  revision 1 200  version 2\n"
        );
        assert_eq!(show(Format::Plain, true, now), "changed\t1200\t2\n");
        assert_eq!(
            show(Format::Json, true, now),
            "{\"namespace\":\"default\",\"key\":\"k\",\"changed\":true,\"revision\":\"1200\",\
             \"version\":2}\n"
        );
        assert_eq!(
            show(Format::Table, false, now),
            "OK  unchanged: nothing was written\n"
        );
        assert_eq!(show(Format::Plain, false, None), "unchanged\t-\t-\n");
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_another_way() {
        let subject = Subject {
            namespace: "default",
            key: "k".into(),
        };
        assert_eq!(text(&subject, None).unwrap(), "");
        assert_eq!(
            text(&subject, Some(&entry(b"a\x00\x1b\r\n"))).unwrap(),
            "a\x00\x1b\r\n"
        );
        let failure = text(&subject, Some(&entry(b"\xff"))).unwrap_err();
        assert_eq!(failure.exit() as u8, 1);
        assert!(failure.hint().unwrap().contains("--if-revision 1200"));
    }

    #[test]
    fn the_difference_is_from_theirs_to_ours() {
        let shown = difference(b"k", Some(&entry(b"a\nb\nc\n")), b"a\nB\nc\n");
        assert_eq!(
            shown,
            "--- k as it is now, revision 1200\n\
             +++ k as you wrote it\n\
             @@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"
        );
        let gone = difference(b"k", None, b"a");
        assert!(gone.starts_with("--- k is not there any more\n"), "{gone}");
        assert!(
            gone.contains("\n+a\n\\ No newline at end of file"),
            "{gone}"
        );
    }
}
