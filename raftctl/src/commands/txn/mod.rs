//! `raftctl txn`: a transaction, written as a JSON document.

mod document;
mod fields;
#[cfg(test)]
mod fuzz;
mod report;

use std::{
    ffi::OsStr,
    io::{self, IsTerminal},
    path::PathBuf,
};

use bytes::Bytes;
use common::types::TxnReply;

use super::{Session, input};
use crate::{
    failure::{Exit, Failure},
    output::Output,
};
use document::Transaction;
use report::Report;

/// What a source of a document holds.
const WHAT: &str = "transaction";

/// Where a document comes from that is not in a file.
const STDIN: &str = "standard input";

const DETAILS: &str = r#"The transaction is a JSON object of
  compare    what must hold, all of it; an empty list always holds
  then       what is done if it holds: in order, all of it or nothing
  else       what is done if it does not hold; likewise
  namespace  for each comparison and operation that does not name one itself

A comparison is an object of a key and one or more of
  exists           true or false
  value            what is stored; no value compares with a key that does not exist, except by ne
  version          how often the key was written since it was created; 0 if it does not exist
  revision         the revision that last wrote it; likewise
  create_revision  the revision that created it; likewise
each with what it must be, or with an object of eq, ne, lt, le, gt, ge: {"version": {"ge": 3}}.

An operation is one of
  {"put": {"key": K, "value": V}}     also "ttl": "30s", "lease": ID, "keep_ttl": true or
                                      "no_ttl": true; and "prev": true for what was there before
  {"get": {"key": K}}
  {"delete": {"key": K}}              also "prev": true
  {"delete_prefix": {"prefix": P}}

Bytes that are not UTF-8 stand as base64 in key_b64, value_b64 and prefix_b64. A number of 64 bits
may be a string, as raftctl prints it. A field that is not known here is an error.

Prints which list was carried out, the revision, and what each operation gave. plain: a line with
`then`, `else` or `none`, and REVISION; then a line for each operation with OPERATION, NAMESPACE,
KEY (or the prefix), RESULT (the new version, or how many keys were found or deleted), and VALUE,
REVISION, VERSION, CREATE_REVISION, TTL_MS, LEASE of what was found or was there before. json:
{succeeded, revision, results: [{op, namespace, key, ...}]}.

The exit code is 0 if one of the lists was carried out, also if it was `else`. A comparison that
does not hold where there is no `else` is exit code 4; with "else": [] it is 0.

Examples:
  raftctl txn -f transfer.json
  raftctl txn <<'END'
  {"namespace": "bank",
   "compare": [{"key": "alice", "version": 3}, {"key": "bob", "exists": true}],
   "then": [{"put": {"key": "alice", "value": "90"}},
            {"put": {"key": "bob", "value": "60", "prev": true}}],
   "else": [{"get": {"key": "alice"}}]}
  END"#;

#[derive(clap::Args, Debug)]
#[command(after_help = DETAILS)]
pub(crate) struct Args {
    /// The file with the transaction; - or nothing is stdin
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
}

pub(crate) async fn run(
    args: &Args,
    session: &Session,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let (source, json) = read(args).await?;
    let transaction = document::parse(&json).map_err(|mistake| {
        let place = match mistake.place {
            Some((line, column)) => format!(":{line}:{column}"),
            None => String::new(),
        };
        Failure::Usage {
            message: format!("{source}{place}: {mistake}"),
            hint: Some("`raftctl txn --help` describes the document".to_owned()),
        }
    })?;
    let client = session.connect(output).await?;
    let reply = client.txn(transaction.request.clone()).await?;
    Report::new(&transaction, &reply).print(output)?;
    Ok(exit(&transaction, &reply))
}

fn exit(transaction: &Transaction, reply: &TxnReply) -> Exit {
    if reply.succeeded || transaction.has_else {
        Exit::Ok
    } else {
        Exit::Precondition
    }
}

/// The document, and the name of where it stands.
async fn read(args: &Args) -> Result<(String, Bytes), Failure> {
    match args.file.as_deref() {
        Some(path) if path.as_os_str() != OsStr::new("-") => {
            let json = input::file(path, WHAT).await?;
            Ok((path.display().to_string(), json))
        }
        None if io::stdin().is_terminal() || !input::stdin_offers() => Err(Failure::Usage {
            message: "the transaction is missing".to_owned(),
            hint: Some(
                "give it with --file or through a pipe; `raftctl txn --help` describes it"
                    .to_owned(),
            ),
        }),
        _ => Ok((STDIN.to_owned(), input::stdin(WHAT).await?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_in_the_help_is_a_transaction() {
        let (_, example) = DETAILS.split_once("<<'END'\n").unwrap();
        let (example, _) = example.split_once("  END").unwrap();
        let transaction = document::parse(example.as_bytes()).unwrap();
        assert_eq!(transaction.request.compare.len(), 2);
        assert_eq!(transaction.request.then.len(), 2);
        assert!(transaction.has_else);
    }

    #[test]
    fn only_what_was_neither_done_nor_provided_for_is_exit_code_4() {
        let code = |succeeded, has_else| {
            let transaction = Transaction {
                request: Default::default(),
                has_else,
            };
            let reply = TxnReply {
                revision: 1,
                succeeded,
                results: Vec::new(),
            };
            exit(&transaction, &reply) as u8
        };
        assert_eq!(code(true, false), 0);
        assert_eq!(code(true, true), 0);
        assert_eq!(code(false, true), 0);
        assert_eq!(code(false, false), 4);
    }
}
