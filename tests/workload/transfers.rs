//! Transfers: transactions that move an amount between two accounts, if both still hold what was
//! read. No transfer makes or loses anything, and every read of all accounts shows one moment.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use checker::{
    models::{
        Bank,
        bank::{Change, Operation as BankOperation, Outcome as BankOutcome},
    },
    revisions,
};
use common::{
    Error,
    types::{
        Comparison, Consistency, Entry, Lifetime, ListRequest, Operation, Operator, Revision,
        Target, TxnRequest, TxnResult,
    },
};
use rand::RngExt;

use super::{
    Caller, Checked, Evidence, Workload,
    check::{call, linearizable, writes},
};
use crate::history::{History, Outcome, Recorder};

/// How many accounts there are.
const ACCOUNTS: usize = 5;

/// What each holds at first.
const INITIAL: i64 = 100;

/// What all accounts hold.
type Balances = [i64; ACCOUNTS];

/// An amount that moves, and what both accounts held before.
#[derive(Clone, Copy, Debug)]
struct Transfer {
    from: (usize, i64),
    to: (usize, i64),
    amount: i64,
}

impl Transfer {
    fn changes(&self) -> [Change<i64>; 2] {
        let change = |(account, before): (usize, i64), by| Change {
            account,
            before,
            after: before + by,
        };
        [
            change(self.from, -self.amount),
            change(self.to, self.amount),
        ]
    }
}

/// What is asked of all accounts together.
#[derive(Clone, Debug)]
enum Asked {
    Read,
    Transfer(Transfer),
}

/// What came back.
#[derive(Clone, Debug)]
enum Answer {
    Balances(Balances),
    Transferred(Revision),
    /// An account did not hold what was read before.
    NotTransferred,
}

/// The workload and its history.
pub(super) struct Transfers {
    namespace: String,
    /// Whether the accounts are known to exist.
    open: AtomicBool,
    history: History<Asked, Answer>,
}

fn key(account: usize) -> Bytes {
    format!("account{account}").into()
}

/// What all accounts hold, from their entries in order.
fn balances(entries: &[Entry]) -> Balances {
    let mut balances = Balances::default();
    assert_eq!(entries.len(), ACCOUNTS, "accounts are opened together");
    for (balance, entry) in balances.iter_mut().zip(entries) {
        let text = std::str::from_utf8(&entry.value).expect("a balance of ours");
        *balance = text.parse().expect("a balance of ours");
    }
    balances
}

impl Transfers {
    pub(super) fn new(shift: usize, recorder: &Arc<Recorder>) -> Self {
        Self {
            namespace: format!("transfers-{shift}"),
            open: AtomicBool::new(false),
            history: History::new("transfers", Arc::clone(recorder)),
        }
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    fn put(&self, account: usize, balance: i64) -> Operation {
        Operation::Put {
            namespace: self.namespace.clone(),
            key: key(account),
            value: balance.to_string().into(),
            lifetime: Lifetime::Default,
            previous: false,
        }
    }

    fn comparison(&self, account: usize, target: Target) -> Comparison {
        Comparison {
            namespace: self.namespace.clone(),
            key: key(account),
            target,
        }
    }

    /// Makes the accounts, unless they are there. Every client tries until one of them knows: it is
    /// no part of the history, and carried out later it does nothing.
    async fn open(&self, caller: &mut Caller) -> bool {
        let request = TxnRequest {
            compare: vec![self.comparison(0, Target::Exists(false))],
            then: (0..ACCOUNTS)
                .map(|account| self.put(account, INITIAL))
                .collect(),
            otherwise: Vec::new(),
        };
        let well = caller.txn(request).await.is_ok();
        if well {
            self.open.store(true, Ordering::Relaxed);
        }
        well
    }

    /// Reads all accounts by a transaction.
    async fn read_by_transaction(&self, caller: &mut Caller) -> Result<Balances, Error> {
        let get = |account| Operation::Get {
            namespace: self.namespace.clone(),
            key: key(account),
        };
        let request = TxnRequest {
            then: (0..ACCOUNTS).map(get).collect(),
            ..TxnRequest::default()
        };
        let results = caller.txn(request).await?.results;
        let entries: Vec<Entry> = results
            .into_iter()
            .filter_map(|result| match result {
                TxnResult::Get { entry } => entry,
                _ => None,
            })
            .collect();
        Ok(balances(&entries))
    }

    /// Reads all accounts by a listing, one page of which shows one moment.
    async fn read_by_listing(&self, caller: &mut Caller) -> Result<Balances, Error> {
        let request = ListRequest {
            namespace: self.namespace.clone(),
            consistency: Consistency::Linearizable,
            ..ListRequest::default()
        };
        Ok(balances(&caller.list(request).await?.entries))
    }

    async fn read(&self, caller: &mut Caller) -> Option<Balances> {
        let client = caller.id;
        let answer = if caller.rng.random_bool(0.5) {
            let call = async { Ok(Answer::Balances(self.read_by_transaction(caller).await?)) };
            self.history
                .record(client, "read by transaction", Asked::Read, call)
                .await
        } else {
            let call = async { Ok(Answer::Balances(self.read_by_listing(caller).await?)) };
            self.history
                .record(client, "read by listing", Asked::Read, call)
                .await
        };
        match answer? {
            Answer::Balances(balances) => Some(balances),
            _ => None,
        }
    }

    async fn transfer(&self, caller: &mut Caller, transfer: Transfer) -> bool {
        let changes = transfer.changes();
        let holds = |change: &Change<i64>| {
            let value = change.before.to_string().into();
            self.comparison(change.account, Target::Value(Operator::Equal, value))
        };
        let request = TxnRequest {
            compare: changes.iter().map(holds).collect(),
            then: changes
                .iter()
                .map(|change| self.put(change.account, change.after))
                .collect(),
            otherwise: Vec::new(),
        };
        let client = caller.id;
        let call = async {
            let reply = caller.txn(request).await?;
            Ok(if reply.succeeded {
                Answer::Transferred(reply.revision)
            } else {
                Answer::NotTransferred
            })
        };
        let asked = Asked::Transfer(transfer);
        let answer = self.history.record(client, "transfer", asked, call).await;
        answer.is_some()
    }

    /// Reads all accounts through one member. Returns whether they could be read.
    pub(super) async fn read_back(&self, caller: &mut Caller) -> bool {
        !self.open.load(Ordering::Relaxed) || self.read(caller).await.is_some()
    }
}

impl Workload for Transfers {
    async fn work(&self, caller: &mut Caller) -> bool {
        if !self.open.load(Ordering::Relaxed) && !self.open(caller).await {
            return false;
        }
        let Some(balances) = self.read(caller).await else {
            return false;
        };
        let from = caller.rng.random_range(0..ACCOUNTS);
        let to = (from + caller.rng.random_range(1..ACCOUNTS)) % ACCOUNTS;
        if balances[from] == 0 {
            return true;
        }
        let transfer = Transfer {
            from: (from, balances[from]),
            to: (to, balances[to]),
            amount: caller.rng.random_range(1..=balances[from]),
        };
        self.transfer(caller, transfer).await
    }
}

/// A call on the accounts as the model has it; none for one that tells nothing.
fn operation(asked: &Asked, answer: Option<&Answer>) -> Option<BankOperation<i64>> {
    match (asked, answer) {
        (Asked::Read, Some(Answer::Balances(balances))) => Some(BankOperation::Read {
            accounts: balances.to_vec(),
        }),
        (Asked::Transfer(transfer), answer) => Some(BankOperation::Transfer {
            changes: transfer.changes().to_vec(),
            outcome: match answer {
                Some(Answer::NotTransferred) => BankOutcome::Refused { found: Vec::new() },
                _ => BankOutcome::Applied,
            },
        }),
        _ => None,
    }
}

impl Evidence for Transfers {
    fn check(&self) -> Checked {
        let calls = self.history.calls();
        let mut violations = Vec::new();
        for call in &calls {
            if let Some(Outcome::Acknowledged(Answer::Balances(balances))) = &call.outcome
                && balances.iter().sum::<i64>() != INITIAL * ACCOUNTS as i64
            {
                violations.push(format!("money was made or lost: {balances:?}"));
            }
        }
        let history: Vec<_> = calls
            .iter()
            .filter_map(|recorded| call(recorded, operation))
            .collect();
        let bank = Bank::new(vec![INITIAL; ACCOUNTS]);
        let mut checked = linearizable("the accounts", &bank, &history);
        checked.violations.extend(violations);
        checked
    }

    fn written(&self) -> Vec<revisions::Write<String>> {
        writes(&self.history.calls(), |answer| match answer {
            Answer::Transferred(revision) => Some(*revision),
            _ => None,
        })
    }

    fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        self.history.write(to)
    }
}
