use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::ops::Bound;

use super::*;
use crate::engine::tests::scripts;

/// A line of a script. What changes the state takes the next log index.
#[derive(goldenscript::Command)]
enum Step {
    /// put NAMESPACE KEY VALUE: refused if the namespace does not exist, unless `create=true`.
    Put {
        namespace: String,
        key: String,
        value: String,
        #[arg(key, optional)]
        create: bool,
    },
    /// Puts `count` keys made of `prefix` and a number.
    Fill {
        namespace: String,
        prefix: String,
        count: u32,
    },
    Del {
        namespace: String,
        keys: Vec<String>,
    },
    DelPrefix {
        namespace: String,
        prefix: String,
    },
    NsCreate(String),
    NsDelete {
        name: String,
        #[arg(key, optional)]
        only_if_empty: bool,
    },
    Reclaim(u32),
    /// Holds commands back, to be applied in one batch.
    Begin,
    Commit,
    Get {
        namespace: String,
        key: String,
    },
    Ls {
        namespace: String,
        #[arg(key)]
        prefix: Option<String>,
        #[arg(key)]
        start: Option<String>,
        #[arg(key)]
        end: Option<String>,
        #[arg(key)]
        limit: Option<usize>,
        #[arg(key)]
        bytes: Option<usize>,
        #[arg(key, optional)]
        reverse: bool,
        #[arg(key, optional)]
        keys_only: bool,
        /// Goes on where the last listing ended.
        #[arg(key, optional)]
        more: bool,
    },
    Count {
        namespace: String,
        #[arg(key)]
        prefix: Option<String>,
    },
    NsLs,
    NsDescribe(String),
    Applied,
    Hash,
    /// Every record of the engine, decoded.
    Dump,
    /// Takes a snapshot under a name, restores it, verifies it, writes what verifying says.
    Save(String),
    Restore(String),
    Verify(String),
    Reopen,
}

struct Script {
    store: Store,
    held: Option<Vec<Command>>,
    page: Option<Bytes>,
    saved: BTreeMap<String, Vec<u8>>,
}

impl Script {
    fn change(&mut self, command: Command) -> String {
        match &mut self.held {
            Some(held) => {
                held.push(command);
                String::new()
            }
            None => self.apply(vec![command]),
        }
    }

    fn apply(&mut self, commands: Vec<Command>) -> String {
        let replies = self.store.apply(&commands);
        self.store.check_counts();
        replies
            .iter()
            .map(|reply| describe_reply(reply) + "\n")
            .collect()
    }

    fn read(&self, step: &Step) -> Result<String, Box<dyn Error>> {
        let engine = &**self.store.engine();
        let mut out = String::new();
        match step {
            Step::Get { namespace, key } => match get(engine, namespace, key.as_bytes())? {
                Some(entry) => writeln!(out, "{}", describe_entry(&entry))?,
                None => writeln!(out, "not there")?,
            },
            Step::Count { namespace, prefix } => {
                let prefix = prefix.as_deref().unwrap_or_default();
                writeln!(out, "{}", count(engine, namespace, prefix.as_bytes())?)?;
            }
            Step::NsLs => {
                for info in namespaces(engine)? {
                    writeln!(out, "{}", describe_namespace(&info))?;
                }
                if has_dropped(engine)? {
                    writeln!(out, "(entries of deleted namespaces are left)")?;
                }
            }
            Step::NsDescribe(name) => {
                writeln!(out, "{}", describe_namespace(&describe(engine, name)?))?;
            }
            Step::Applied => match applied(engine)? {
                Some(at) => writeln!(out, "term {} index {}", at.term, at.index)?,
                None => writeln!(out, "nothing yet")?,
            },
            Step::Hash => writeln!(out, "{:016x}", hash(engine)?)?,
            Step::Dump => {
                for found in engine.scan(Bound::Unbounded, Bound::Unbounded, false) {
                    let (key, value) = found?;
                    let key = keys::Key::decode(&key)?;
                    writeln!(out, "{key} = {}", value.escape_ascii())?;
                }
            }
            _ => unreachable!("not a read"),
        }
        Ok(out)
    }
}

fn describe_reply(reply: &Result<Outcome, Rejection>) -> String {
    match reply {
        Ok(Outcome::Put {
            revision,
            version,
            namespace_created,
        }) => {
            let created = if *namespace_created {
                ", namespace created"
            } else {
                ""
            };
            format!("revision {revision}, version {version}{created}")
        }
        Ok(Outcome::Deleted { revision, count }) => format!("revision {revision}, {count} deleted"),
        Ok(Outcome::NamespaceCreated { revision, id }) => {
            format!("revision {revision}, namespace {id} created")
        }
        Ok(Outcome::NamespaceDeleted { revision, keys }) => {
            format!("revision {revision}, namespace with {keys} keys deleted")
        }
        Ok(Outcome::Reclaimed { removed, left }) => {
            format!(
                "{removed} removed, {}",
                if *left { "more left" } else { "nothing left" }
            )
        }
        Err(rejection) => format!("refused: {rejection}"),
    }
}

fn describe_entry(entry: &Entry) -> String {
    let Entry {
        value,
        create_revision,
        mod_revision,
        version,
    } = entry;
    let value = value.escape_ascii();
    format!("\"{value}\" created {create_revision} modified {mod_revision} version {version}")
}

fn describe_namespace(info: &NamespaceInfo) -> String {
    let NamespaceInfo {
        name,
        id,
        create_revision,
        keys,
        bytes,
    } = info;
    format!("{name}: id {id}, created {create_revision}, {keys} keys, {bytes} bytes")
}

impl goldenscript::Runner for Script {
    type Command = Step;

    fn run(&mut self, step: &Step, _: &goldenscript::Context) -> Result<String, Box<dyn Error>> {
        let bytes = |text: &String| Bytes::copy_from_slice(text.as_bytes());
        Ok(match step {
            Step::Put {
                namespace,
                key,
                value,
                create,
            } => self.change(Command::Put {
                namespace: namespace.clone(),
                key: bytes(key),
                value: bytes(value),
                create_namespace: *create,
            }),
            Step::Fill {
                namespace,
                prefix,
                count,
            } => {
                let key = |number| format!("{prefix}{number:04}");
                let puts = (0..*count).map(|n| put(namespace, key(n).as_bytes(), b"x"));
                let puts: Vec<_> = puts.collect();
                let replies = self.store.apply(&puts);
                let refused = replies.iter().filter(|reply| reply.is_err()).count();
                format!("{} put, {refused} refused", replies.len() - refused)
            }
            Step::Del { namespace, keys } => self.change(Command::Delete {
                namespace: namespace.clone(),
                keys: keys.iter().map(bytes).collect(),
            }),
            Step::DelPrefix { namespace, prefix } => self.change(Command::DeletePrefix {
                namespace: namespace.clone(),
                prefix: bytes(prefix),
            }),
            Step::NsCreate(name) => self.change(Command::CreateNamespace { name: name.clone() }),
            Step::NsDelete {
                name,
                only_if_empty,
            } => self.change(Command::DeleteNamespace {
                name: name.clone(),
                only_if_empty: *only_if_empty,
            }),
            Step::Reclaim(limit) => self.change(Command::Reclaim { limit: *limit }),
            Step::Begin => {
                self.held = Some(Vec::new());
                String::new()
            }
            Step::Commit => {
                let held = self.held.take().ok_or("no batch")?;
                self.apply(held)
            }
            Step::Ls {
                namespace,
                prefix,
                start,
                end,
                limit,
                bytes,
                reverse,
                keys_only,
                more,
            } => {
                let page = if *more { self.page.take() } else { None };
                if *more && page.is_none() {
                    return Err("the last listing was complete".into());
                }
                let request = List {
                    prefix: prefix.as_deref().unwrap_or_default().as_bytes(),
                    start: start.as_deref().map(str::as_bytes),
                    end: end.as_deref().map(str::as_bytes),
                    reverse: *reverse,
                    keys_only: *keys_only,
                    limit: limit.unwrap_or(1000),
                    max_bytes: bytes.unwrap_or(1 << 20),
                    page: page.as_deref(),
                };
                let page = list(&**self.store.engine(), namespace, &request)?;
                let mut out = String::new();
                for (key, entry) in &page.entries {
                    let key = key.escape_ascii();
                    writeln!(out, "{key} = {}", describe_entry(entry))?;
                }
                if page.next.is_some() {
                    writeln!(out, "(more)")?;
                }
                self.page = page.next;
                out
            }
            Step::Save(name) => {
                let stream = self.store.save();
                let bytes = stream.len();
                self.saved.insert(name.clone(), stream);
                format!("{bytes} bytes")
            }
            Step::Verify(name) => {
                let stream = self.saved.get(name).ok_or("no such snapshot")?;
                let (header, summary) = verify(&stream[..])?;
                let Summary {
                    records,
                    blocks,
                    bytes,
                    checksum,
                } = summary;
                let at = header.applied.map_or(0, |position| position.index);
                format!(
                    "index {at}, {records} records, {blocks} blocks, {bytes} bytes, {checksum:08x}"
                )
            }
            Step::Restore(name) => {
                let stream = self.saved.get(name).ok_or("no such snapshot")?;
                self.store.restore(stream)?;
                self.store.check_counts();
                String::new()
            }
            Step::Reopen => {
                self.store.engine.reopen();
                String::new()
            }
            read => self.read(read)?,
        })
    }
}

#[test]
fn stories_read_the_same_on_every_engine() {
    for path in scripts("store") {
        for store in Store::on_every_engine() {
            let mut script = Script {
                store,
                held: None,
                page: None,
                saved: BTreeMap::new(),
            };
            goldenscript::run(&mut script, &path).unwrap();
        }
    }
}
