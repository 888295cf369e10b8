//! Stories: scripts that say what is done and what comes of it, run on every engine. After each
//! change the invariants are checked.

mod describe;
mod steps;
mod words;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::ops::Bound;

use super::*;
use crate::engine::tests::scripts;
use steps::{Step, bytes};
use words::Names;

#[derive(Default)]
struct Transaction {
    compare: Vec<Comparison>,
    then: Vec<Operation>,
    otherwise: Vec<Operation>,
}

struct Script {
    store: Store,
    held: Option<Vec<Request>>,
    transaction: Transaction,
    names: Names,
    page: Option<Bytes>,
    saved: BTreeMap<String, Vec<u8>>,
}

impl Script {
    fn new(store: Store) -> Self {
        Self {
            store,
            held: None,
            transaction: Transaction::default(),
            names: Names::default(),
            page: None,
            saved: BTreeMap::new(),
        }
    }

    fn change(&mut self, command: Command, tag: Option<Tag>) -> String {
        let request = Request {
            now: self.store.now,
            tag,
            command,
        };
        match &mut self.held {
            Some(held) => {
                held.push(request);
                String::new()
            }
            None => self.apply(&[request]),
        }
    }

    fn apply(&mut self, requests: &[Request]) -> String {
        let replies = self.store.run(requests);
        invariants::check(&**self.store.engine());
        replies
            .iter()
            .map(|reply| describe::reply(reply) + "\n")
            .collect()
    }

    fn fill(&mut self, namespace: &str, prefix: &str, count: u32, lifetime: Lifetime) -> String {
        let puts: Vec<_> = (0..count)
            .map(|number| Command::Put {
                namespace: namespace.to_owned(),
                key: bytes(&format!("{prefix}{number:04}")),
                value: bytes("x"),
                create_namespace: true,
                condition: None,
                lifetime,
                previous: false,
            })
            .collect();
        let replies = self.store.apply(&puts);
        invariants::check(&**self.store.engine());
        let refused = replies.iter().filter(|reply| reply.is_err()).count();
        format!("{} put, {refused} refused", replies.len() - refused)
    }

    /// A line of a transaction to come.
    fn lay_out(&mut self, line: &goldenscript::Command) -> Result<(), Box<dyn Error>> {
        let operations = match line.name.as_str() {
            "then" => &mut self.transaction.then,
            "else" => &mut self.transaction.otherwise,
            other => return Err(format!("no such step: {other}").into()),
        };
        operations.push(steps::operation(line, &self.names)?);
        Ok(())
    }

    fn list(&mut self, step: &Step) -> Result<String, Box<dyn Error>> {
        let Step::Ls {
            namespace,
            prefix,
            start,
            end,
            limit,
            bytes,
            reverse,
            keys_only,
            more,
        } = step
        else {
            unreachable!("not a listing");
        };
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
            writeln!(out, "{key} = {}", describe::entry(entry))?;
        }
        if page.next.is_some() {
            writeln!(out, "(more)")?;
        }
        self.page = page.next;
        Ok(out)
    }

    fn read(&self, step: &Step) -> Result<String, Box<dyn Error>> {
        let engine = &**self.store.engine();
        let mut out = String::new();
        match step {
            Step::Get { namespace, key } => match get(engine, namespace, key.as_bytes())? {
                Some(entry) => writeln!(out, "{}", describe::entry(&entry))?,
                None => writeln!(out, "not there")?,
            },
            Step::Count { namespace, prefix } => {
                let prefix = prefix.as_deref().unwrap_or_default();
                writeln!(out, "{}", count(engine, namespace, prefix.as_bytes())?)?;
            }
            Step::NsLs => {
                for info in namespaces(engine)? {
                    writeln!(out, "{}", describe::namespace(&info))?;
                }
                if has_dropped(engine)? {
                    writeln!(out, "(entries of deleted namespaces are left)")?;
                }
            }
            Step::NsDescribe(name) => {
                writeln!(out, "{}", describe::namespace(&describe(engine, name)?))?;
            }
            Step::LeaseLs { above, limit } => {
                let above = above.as_deref().map(|name| self.names.id(name));
                for info in leases(engine, above.transpose()?, limit.unwrap_or(1000))? {
                    writeln!(out, "{}", describe::lease(&info))?;
                }
            }
            Step::LeaseDescribe { name, limit } => {
                let id = self.names.id(name)?;
                match describe_lease(engine, id, limit.unwrap_or(1000))? {
                    None => writeln!(out, "not there")?,
                    Some((info, keys)) => {
                        writeln!(out, "{}", describe::lease(&info))?;
                        for (namespace, key) in keys {
                            writeln!(out, "  {namespace}/{}", key.escape_ascii())?;
                        }
                    }
                }
            }
            Step::Applied => match applied(engine)? {
                Some(at) => writeln!(out, "term {} index {}", at.term, at.index)?,
                None => writeln!(out, "nothing yet")?,
            },
            Step::Clock => {
                let at = |time: Option<u64>| time.map_or("never".to_owned(), |at| at.to_string());
                let (due, end) = (next_deadline(engine)?, next_end(engine)?);
                let (due, end) = (at(due), at(end));
                writeln!(out, "clock {}, due {due}, next end {end}", clock(engine)?)?;
            }
            Step::Hash => writeln!(out, "{:016x}", hash(engine)?)?,
            Step::Dump => {
                for found in engine.scan(Bound::Unbounded, Bound::Unbounded, false) {
                    let (key, value) = found?;
                    let key = keys::Key::decode(&key)?;
                    writeln!(out, "{key} = {}", describe::value(&value))?;
                }
            }
            _ => return Err("not a read".into()),
        }
        Ok(out)
    }
}

impl goldenscript::Runner for Script {
    type Command = Step;

    fn run(
        &mut self,
        step: &Step,
        context: &goldenscript::Context,
    ) -> Result<String, Box<dyn Error>> {
        let prefix = context.prefix.as_deref();
        let tag = prefix.map(|prefix| self.names.tag(prefix)).transpose()?;
        if let Some(command) = steps::command(step, &self.names)? {
            let held = self.held.as_ref().map_or(0, Vec::len) as u64;
            self.names.give(step, self.store.index + held + 1);
            return Ok(self.change(command, tag));
        }
        let mut out = String::new();
        match step {
            Step::Fill {
                namespace,
                prefix,
                count,
                life,
            } => {
                let lifetime = self.names.lifetime(life)?;
                out = self.fill(namespace, prefix, *count, lifetime);
            }
            Step::Compare {
                namespace,
                key,
                target,
                operator,
                operand,
            } => {
                let words = (target.as_str(), operator.as_deref(), operand.as_deref());
                let comparison = steps::comparison(namespace, key, words)?;
                self.transaction.compare.push(comparison);
            }
            Step::Operation(line) => self.lay_out(line)?,
            Step::Txn { create } => {
                let Transaction {
                    compare,
                    then,
                    otherwise,
                } = std::mem::take(&mut self.transaction);
                let command = Command::Txn {
                    compare,
                    then,
                    otherwise,
                    create_namespaces: *create,
                };
                out = self.change(command, tag);
            }
            Step::At(now) => self.store.now = *now,
            Step::Pass(time) => self.store.now += time,
            Step::Begin => self.held = Some(Vec::new()),
            Step::Commit => {
                let held = self.held.take().ok_or("no batch")?;
                out = self.apply(&held);
            }
            Step::Events => {
                for event in std::mem::take(&mut self.store.events) {
                    writeln!(out, "{}", describe::event(&event))?;
                }
            }
            Step::Ls { .. } => out = self.list(step)?,
            Step::Save(name) => {
                let stream = self.store.save();
                out = format!("{} bytes", stream.len());
                self.saved.insert(name.clone(), stream);
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
                out = format!(
                    "index {at}, {records} records, {blocks} blocks, {bytes} bytes, {checksum:08x}"
                );
            }
            Step::Restore(name) => {
                let stream = self.saved.get(name).ok_or("no such snapshot")?;
                self.store.restore(stream)?;
                invariants::check(&**self.store.engine());
            }
            Step::Reopen => self.store.engine.reopen(),
            read => out = self.read(read)?,
        }
        Ok(out)
    }
}

#[test]
fn stories_read_the_same_on_every_engine() {
    for path in scripts("store") {
        for store in Store::on_every_engine() {
            goldenscript::run(&mut Script::new(store), &path).unwrap();
        }
    }
}
