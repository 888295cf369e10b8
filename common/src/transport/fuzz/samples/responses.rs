//! One reply of each kind, as a member writes it.

use histogram::Histogram;
use tarpc::Response;

use super::{super::bytes_of, SOME_TIME, leader, member};
use crate::{
    Error,
    api::{ControlResponse, DataResponse},
    transport::Wire,
    types::*,
};

fn entry() -> Entry {
    Entry {
        key: "user:1".into(),
        value: "{\"uid\":1}".into(),
        size: 9,
        create_revision: 3,
        revision: 12,
        version: 4,
        ttl: Some(SOME_TIME),
        lease: Some(7),
    }
}

fn responses<T>(messages: impl IntoIterator<Item = T>) -> Vec<Vec<u8>>
where
    Response<T>: Wire,
{
    let messages = messages.into_iter().enumerate();
    messages
        .map(|(id, message)| {
            bytes_of(&Response {
                request_id: id as u64,
                message: Ok(message),
            })
        })
        .collect()
}

pub(in crate::transport::fuzz) fn data_responses() -> Vec<Vec<u8>> {
    let staleness = Some(Staleness {
        applied: 12,
        age: Some(SOME_TIME),
    });
    let event = Event {
        kind: EventKind::Put,
        key: "user:1".into(),
        revision: 13,
        value: "v".into(),
        size: 1,
        version: 2,
        create_revision: 3,
        previous: Some(PreviousValue {
            value: "w".into(),
            revision: 12,
            version: 1,
        }),
    };
    responses([
        DataResponse::Put(Ok(PutReply {
            revision: 12,
            version: 2,
            previous: Some(entry()),
        })),
        DataResponse::Get(Ok(GetReply {
            entry: Some(entry()),
            revision: 12,
            staleness,
        })),
        DataResponse::Txn(Ok(TxnReply {
            revision: 12,
            succeeded: true,
            results: vec![
                TxnResult::Get {
                    entry: Some(entry()),
                },
                TxnResult::Deleted {
                    count: 3,
                    previous: None,
                },
            ],
        })),
        DataResponse::List(Ok(ListReply {
            entries: vec![entry(), entry()],
            next: Some("z".into()),
            revision: 12,
            staleness,
        })),
        DataResponse::Watch(Ok(WatchReply {
            events: vec![event],
            next: Cursor::at(14),
            in_contact: true,
        })),
        DataResponse::ListNamespaces(Ok(vec![NamespaceInfo {
            name: "default".to_owned(),
            id: 1,
            create_revision: 0,
            keys: 12,
            bytes: 300,
            settings: NamespaceSettings {
                max_keys: Some(1000),
                default_ttl: Some(SOME_TIME),
                ..NamespaceSettings::default()
            },
        }])),
        DataResponse::DescribeLease(Ok(DescribeLeaseReply {
            lease: LeaseInfo {
                id: 7,
                ttl: SOME_TIME,
                remaining: SOME_TIME,
                keys: 1,
            },
            keys: vec![("default".to_owned(), "k".into())],
        })),
        DataResponse::Put(Err(Error::Overloaded {
            reason: "full".to_owned(),
            retry_after: SOME_TIME,
        })),
        DataResponse::Put(Err(Error::ConditionFailed {
            namespace: "default".to_owned(),
            key: "k".into(),
            current: Some(Current {
                version: 2,
                revision: 12,
            }),
        })),
        DataResponse::Get(Err(Error::NotLeader {
            leader: Some(leader()),
        })),
        DataResponse::Get(Err(Error::TooStale {
            age: Some(SOME_TIME),
            max_age: SOME_TIME,
        })),
    ])
}

pub(in crate::transport::fuzz) fn control_responses() -> Vec<Vec<u8>> {
    let mut counted = Histogram::with_config(&Latencies::config());
    for micros in [90, 95, 120, 4000] {
        let _ = counted.increment(micros);
    }
    let activity = Activity {
        operations: vec![
            OperationActivity {
                kind: OperationKind::Put,
                latencies: Latencies::of(&counted),
            },
            OperationActivity {
                kind: OperationKind::Get,
                latencies: Latencies::default(),
            },
        ],
        namespaces: vec![NamespaceActivity {
            name: "default".to_owned(),
            writes: 30,
            reads: 7,
        }],
        elections: vec![Election {
            term: 3,
            at_ms: 1_700_000_000_000,
            from: Some(1),
            to: 2,
            leaderless: SOME_TIME,
            cause: ElectionCause::ProcessEnded,
        }],
        log: vec![LogLine {
            index: 12,
            term: 3,
            operation: "put".to_owned(),
            namespace: Some("default".to_owned()),
            key: Some("user:1".into()),
            size: 80,
        }],
    };
    responses([
        ControlResponse::Status(Ok(status())),
        ControlResponse::Status(Err(Error::ShuttingDown)),
        ControlResponse::AddMember(Ok(member(2))),
        ControlResponse::AddMember(Err(Error::QuorumAtRisk {
            voters: 3,
            reachable: 1,
            quorum: 2,
        })),
        ControlResponse::ReadBackup(Ok(ReadBackupReply {
            bytes: "a piece".into(),
        })),
        ControlResponse::Activity(Ok(activity)),
    ])
}

fn status() -> MemberStatus {
    MemberStatus {
        cluster_id: "0123456789abcdef0123456789abcdef".to_owned(),
        id: 2,
        name: "n2".to_owned(),
        role: Role::Follower,
        term: 3,
        leader: Some(1),
        last_log: 14,
        commit: 13,
        applied: 12,
        snapshot: 5,
        purged: 4,
        store: "memory".to_owned(),
        durable: true,
        client_address: "127.0.0.1:7422".to_owned(),
        peer_address: "127.0.0.1:7432".to_owned(),
        version: "0.1.0".to_owned(),
        uptime: SOME_TIME,
        log_bytes: 4096,
        state_bytes: 1024,
        fsync_p99: SOME_TIME,
        since_quorum: None,
        since_leader: Some(SOME_TIME),
        ready: true,
        read_only: None,
        disk: Some(Disk {
            total: 1 << 30,
            free: 1 << 29,
        }),
        transfers: vec![SnapshotTransfer {
            direction: TransferDirection::Sending,
            peer: 3,
            bytes: 10,
            total: Some(100),
        }],
        lags: vec![Lag {
            id: 3,
            matched: Some(11),
            behind: SOME_TIME,
            last_contact: Some(SOME_TIME),
        }],
        formats: Formats::default(),
        alarms: vec!["an alarm".to_owned()],
        notices: Vec::new(),
        members: (1..4).map(member).collect(),
    }
}
