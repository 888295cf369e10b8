use bytes::{BufMut, BytesMut};
use proptest::prelude::*;
use std::time::Instant;
use tarpc::{ClientMessage, Request, Response};
use tokio_util::codec::{Decoder, Encoder};

use super::{codec::WireRequest, *};
use crate::api::{DataRequest, DataResponse};
use crate::types::PutRequest;

type ServerEnd = MessageCodec<ClientMessage<DataRequest>, Response<DataResponse>>;
type ClientEnd = MessageCodec<Response<DataResponse>, ClientMessage<DataRequest>>;

fn put(timeout: Duration) -> ClientMessage<DataRequest> {
    let context = context_until(Instant::now() + timeout);
    ClientMessage::Request(Request {
        context,
        id: 7,
        message: DataRequest::Put {
            tag: None,
            request: PutRequest::new("default", "k", "v"),
        },
    })
}

#[test]
fn a_request_survives_the_wire_in_any_fragmentation() {
    let mut bytes = BytesMut::new();
    ClientEnd::new(1024)
        .encode(put(Duration::from_secs(5)), &mut bytes)
        .unwrap();
    for cut in 0..bytes.len() {
        let mut server = ServerEnd::new(1024);
        let mut received = BytesMut::from(&bytes[..cut]);
        assert!(server.decode(&mut received).unwrap().is_none());
        received.extend_from_slice(&bytes[cut..]);
        let Some(ClientMessage::Request(request)) = server.decode(&mut received).unwrap() else {
            panic!("not a request");
        };
        assert_eq!(request.id, 7);
        let DataRequest::Put { request, .. } = request.message else {
            panic!("not a put");
        };
        assert_eq!(request, PutRequest::new("default", "k", "v"));
        assert!(received.is_empty());
    }
}

#[test]
fn an_absurd_deadline_is_clamped() {
    let mut bytes = BytesMut::new();
    write_postcard(
        &WireRequest::Request {
            id: 1,
            timeout_ms: u64::MAX,
            message: DataRequest::Put {
                tag: None,
                request: PutRequest::new("default", "k", "v"),
            },
        },
        &mut bytes,
    )
    .unwrap();
    let ClientMessage::Request(request) = ClientMessage::<DataRequest>::read(&bytes).unwrap()
    else {
        panic!("not a request");
    };
    assert!(request.context.deadline <= Instant::now() + MAX_TIMEOUT);
}

#[test]
fn a_frame_beyond_the_limit_is_refused_before_it_is_read() {
    let mut head = BytesMut::from(&1025u32.to_be_bytes()[..]);
    let error = ServerEnd::new(1024).decode(&mut head).err().unwrap();
    assert!(
        error
            .to_string()
            .contains("1025 bytes exceeds the limit of 1024")
    );
}

#[test]
fn a_message_beyond_the_limit_is_not_sent_and_the_ones_around_it_are() {
    let mut client = ClientEnd::new(1024);
    let mut whole = BytesMut::new();
    client
        .encode(put(Duration::from_secs(5)), &mut whole)
        .unwrap();
    client.limit_sent(whole.len() - 4);
    let mut bytes = BytesMut::new();
    client
        .encode(put(Duration::from_secs(5)), &mut bytes)
        .unwrap();
    let before = bytes.clone();
    client.limit_sent(whole.len() - 5);
    let error = client
        .encode(put(Duration::from_secs(5)), &mut bytes)
        .unwrap_err();
    let found = error.get_ref().and_then(|inner| inner.downcast_ref());
    let expected = OversizedMessage {
        size: whole.len() - 4,
        limit: whole.len() - 5,
    };
    assert_eq!(found, Some(&expected));
    assert_eq!(bytes, before);
}

proptest! {
    #[test]
    fn garbage_is_an_error_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let mut framed = BytesMut::new();
        framed.put_u32(bytes.len() as u32);
        framed.extend_from_slice(&bytes);
        let _ = ServerEnd::new(1024).decode(&mut framed);
        let _ = Hello::read(&bytes);
        let _ = HelloReply::read(&bytes);
    }
}

#[test]
fn a_greeting_that_a_later_version_made_longer_is_still_understood() {
    let hello = Hello {
        protocol: PROTOCOL_VERSION + 1,
        ..Hello::new(Service::Control, true)
    };
    let mut bytes = BytesMut::new();
    write_postcard(&(&hello, "and more"), &mut bytes).unwrap();
    assert_eq!(Hello::read(&bytes).unwrap(), hello);
    // Of this version every byte has its meaning.
    let mut bytes = BytesMut::new();
    write_postcard(&(Hello::new(Service::Control, true), 1_u8), &mut bytes).unwrap();
    assert!(Hello::read(&bytes).is_err());
}
