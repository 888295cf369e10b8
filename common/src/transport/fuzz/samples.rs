//! One message of each kind, as a member or a client writes it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use histogram::Histogram;
use tarpc::{ClientMessage, Request, Response};

use super::bytes_of;
use crate::{
    Error,
    api::{ControlRequest, ControlResponse, DataRequest, DataResponse},
    transport::{
        AwaitLeader, Hello, HelloReply, Limits, PROTOCOL_VERSION, Service, Welcome, context_until,
    },
    types::*,
};

const SOME_TIME: Duration = Duration::from_millis(1_500);

fn member(id: NodeId) -> Member {
    Member {
        id,
        name: format!("n{id}"),
        voter: id != 3,
        stays_learner: false,
        replaces: (id == 2).then_some(9),
        client_address: format!("127.0.0.1:742{id}"),
        peer_address: format!("127.0.0.1:743{id}"),
    }
}

fn leader() -> Leader {
    Leader {
        id: 1,
        name: "n1".to_owned(),
        address: "127.0.0.1:7421".to_owned(),
    }
}

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

fn tag() -> Option<Tag> {
    Some(Tag {
        session: 17,
        seq: 3,
        first_unacked: 2,
    })
}

pub(super) fn hellos() -> Vec<Vec<u8>> {
    let waiting = AwaitLeader {
        patience: SOME_TIME,
        other_than: Some("127.0.0.1:7421".to_owned()),
    };
    let hellos = [
        Hello::new(Service::Data, true),
        Hello::new(Service::Control, false),
        Hello {
            await_leader: Some(waiting),
            ..Hello::new(Service::Data, true)
        },
    ];
    hellos.iter().map(bytes_of).collect()
}

pub(super) fn hello_replies() -> Vec<Vec<u8>> {
    let replies = [
        HelloReply::Welcome(Welcome {
            protocol: PROTOCOL_VERSION,
            cluster_id: "0123456789abcdef0123456789abcdef".to_owned(),
            node_id: 1,
            leader: Some(leader()),
            members: (1..4).map(member).collect(),
            limits: Limits {
                max_key_bytes: 4096,
                max_value_bytes: 1 << 20,
                max_request_bytes: 2 << 20,
            },
        }),
        HelloReply::Refused {
            message: "another version".to_owned(),
        },
        HelloReply::Busy {
            message: "full".to_owned(),
            retry_after: SOME_TIME,
        },
    ];
    replies.iter().map(bytes_of).collect()
}

fn requests<T>(messages: impl IntoIterator<Item = T>) -> Vec<Vec<u8>>
where
    ClientMessage<T>: super::Wire,
{
    let context = context_until(Instant::now() + Duration::from_secs(5));
    let messages = messages.into_iter().enumerate();
    let requests = messages.map(|(id, message)| {
        ClientMessage::Request(Request {
            context,
            id: id as u64,
            message,
        })
    });
    let cancel = ClientMessage::Cancel {
        trace_context: tarpc::trace::Context::default(),
        request_id: 3,
    };
    requests
        .chain([cancel])
        .map(|request| bytes_of(&request))
        .collect()
}

pub(super) fn data_requests() -> Vec<Vec<u8>> {
    let space = || "default".to_owned();
    let key = || Bytes::from_static(b"user:1");
    let stale = Consistency::Stale {
        max_age: Some(SOME_TIME),
    };
    requests([
        DataRequest::Put {
            tag: tag(),
            request: PutRequest {
                condition: Some(Condition::Revision(9)),
                lifetime: Lifetime::Ttl(SOME_TIME),
                previous: true,
                ..PutRequest::new("default", "k", "value")
            },
        },
        DataRequest::Get {
            request: GetRequest::new("default", "k", stale),
        },
        DataRequest::Delete {
            tag: None,
            request: DeleteRequest::new("default", vec![key(), Bytes::new(), key()]),
        },
        DataRequest::DeletePrefix {
            tag: tag(),
            request: DeletePrefixRequest {
                namespace: space(),
                prefix: key(),
            },
        },
        DataRequest::Touch {
            tag: None,
            request: TouchRequest {
                namespace: space(),
                key: key(),
                lifetime: Lifetime::Lease(4),
            },
        },
        DataRequest::Increment {
            tag: tag(),
            request: IncrementRequest {
                namespace: space(),
                key: key(),
                by: -3,
                lifetime: Lifetime::Keep,
            },
        },
        DataRequest::Txn {
            tag: tag(),
            request: txn(),
        },
        DataRequest::List {
            request: ListRequest {
                namespace: space(),
                prefix: key(),
                start: Some(key()),
                limit: 100,
                page: Some(key()),
                consistency: stale,
                view: Some(3),
                ..ListRequest::default()
            },
        },
        DataRequest::SetNamespace {
            tag: None,
            request: SetNamespaceRequest {
                name: space(),
                max_keys: Change::Set(100),
                max_bytes: Change::Clear,
                max_value_bytes: Change::Keep,
                default_ttl: Change::Set(SOME_TIME),
            },
        },
        DataRequest::GrantLease {
            tag: tag(),
            request: GrantLeaseRequest { ttl: SOME_TIME },
        },
        DataRequest::OpenSession {
            request: OpenSessionRequest { ttl: SOME_TIME },
        },
        DataRequest::Watch {
            request: WatchRequest {
                namespace: space(),
                target: WatchTarget::Prefix(key()),
                from: Cursor {
                    revision: 12,
                    seen: 2,
                },
                previous: true,
                keys_only: false,
                max_wait: SOME_TIME,
            },
        },
    ])
}

fn txn() -> TxnRequest {
    let namespace = || "default".to_owned();
    TxnRequest {
        compare: vec![
            Comparison {
                namespace: namespace(),
                key: "a".into(),
                target: Target::Value(Operator::NotEqual, "1".into()),
            },
            Comparison {
                namespace: namespace(),
                key: "b".into(),
                target: Target::Version(Operator::Less, 7),
            },
        ],
        then: vec![
            Operation::Put {
                namespace: namespace(),
                key: "a".into(),
                value: "2".into(),
                lifetime: Lifetime::Forever,
                previous: false,
            },
            Operation::DeletePrefix {
                namespace: namespace(),
                prefix: "b".into(),
            },
        ],
        otherwise: vec![Operation::Get {
            namespace: namespace(),
            key: "a".into(),
        }],
    }
}

pub(super) fn control_requests() -> Vec<Vec<u8>> {
    requests([
        ControlRequest::Status {},
        ControlRequest::AddMember {
            request: AddMemberRequest {
                address: "127.0.0.1:7439".to_owned(),
                learner: true,
                replaces: Some(2),
            },
        },
        ControlRequest::SetMember {
            request: SetMemberRequest {
                id: 2,
                voter: Some(true),
                client_address: Some("127.0.0.1:7429".to_owned()),
                peer_address: None,
                force: false,
            },
        },
        ControlRequest::ReadBackup {
            request: ReadBackupRequest {
                backup: 77,
                offset: 1 << 20,
            },
        },
        ControlRequest::Activity {
            request: ActivityRequest {
                log_tail: 30,
                namespaces: true,
            },
        },
    ])
}

fn responses<T>(messages: impl IntoIterator<Item = T>) -> Vec<Vec<u8>>
where
    Response<T>: super::Wire,
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

pub(super) fn data_responses() -> Vec<Vec<u8>> {
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

pub(super) fn control_responses() -> Vec<Vec<u8>> {
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
