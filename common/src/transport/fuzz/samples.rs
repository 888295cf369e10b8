//! One message of each kind, as a member or a client writes it.

mod responses;

use std::time::{Duration, Instant};

use bytes::Bytes;
use tarpc::{ClientMessage, Request};

use super::bytes_of;
use crate::{
    api::{ControlRequest, DataRequest},
    transport::{
        AwaitLeader, Hello, HelloReply, Limits, PROTOCOL_VERSION, Service, Welcome, context_until,
    },
    types::*,
};
pub(super) use responses::{control_responses, data_responses};

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
