//! The readers of frames, greetings, requests and replies, with mutated bytes.

mod samples;

use std::time::Instant;

use bytes::BytesMut;
use fuzzing::{Answer, Target};
use serde::{Serialize, de::DeserializeOwned};
use tarpc::{ClientMessage, RequestName, Response};
use tokio_util::codec::Decoder;

use super::{Hello, HelloReply, MAX_TIMEOUT, MessageCodec, Wire, write_postcard};
use crate::{
    Error,
    api::{ControlRequest, ControlResponse, DataRequest, DataResponse},
    types::{Activity, Latencies},
};

/// The longest frame of these targets, in bytes.
const MAX_FRAME: usize = 64 << 10;

fn target(name: &'static str) -> Target {
    Target::new(name, env!("CARGO_MANIFEST_DIR"))
}

fn bytes_of(message: &impl Wire) -> Vec<u8> {
    let mut buffer = BytesMut::new();
    message.write(&mut buffer).expect("it can be encoded");
    buffer.to_vec()
}

fn postcard_of(value: &impl Serialize) -> Vec<u8> {
    let mut buffer = BytesMut::new();
    write_postcard(value, &mut buffer).expect("what was decoded can be encoded");
    buffer.to_vec()
}

/// What was read must be read again from what is written of it.
fn survives<T: Serialize + DeserializeOwned>(read: &T) -> Vec<u8> {
    let bytes = postcard_of(read);
    let again: T = super::read_postcard(&bytes).expect("what was encoded can be decoded");
    assert_eq!(postcard_of(&again), bytes);
    bytes
}

/// Letters for the first bytes of a message: which of the variants it is.
fn variant(bytes: &[u8]) -> String {
    let letters = bytes.iter().take(3);
    letters.map(|byte| char::from(b'A' + byte % 58)).collect()
}

fn refusal(error: std::io::Error) -> String {
    error.to_string()
}

fn greeting(bytes: &[u8]) -> Answer {
    let hello = Hello::read(bytes).map_err(refusal)?;
    assert_eq!(Hello::read(&bytes_of(&hello)).expect("read again"), hello);
    let ours = hello.protocol == super::PROTOCOL_VERSION;
    Ok(format!("{:?} {ours}", hello.service))
}

fn greeting_reply(bytes: &[u8]) -> Answer {
    let reply = HelloReply::read(bytes).map_err(refusal)?;
    assert_eq!(
        HelloReply::read(&bytes_of(&reply)).expect("read again"),
        reply
    );
    Ok(variant(bytes))
}

/// A request of a service. Its deadline must be one that timers can hold.
fn request<T: Serialize + DeserializeOwned + RequestName>(bytes: &[u8]) -> Answer {
    match ClientMessage::<T>::read(bytes).map_err(refusal)? {
        ClientMessage::Request(request) => {
            assert!(request.context.deadline <= Instant::now() + MAX_TIMEOUT);
            survives(&request.message);
            Ok(request.message.name().to_owned())
        }
        ClientMessage::Cancel { .. } => Ok("cancel".to_owned()),
        other => panic!(
            "{:?} is not made by the reader",
            std::mem::discriminant(&other)
        ),
    }
}

/// A reply of a service, and what was read of it.
fn response<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<(T, String), String> {
    let response = Response::<T>::read(bytes).map_err(refusal)?;
    match response.message {
        Ok(message) => {
            let encoded = survives(&message);
            Ok((message, variant(&encoded)))
        }
        Err(error) => Err(format!("tarpc says {error}")),
    }
}

/// An error must have words, whatever it holds.
fn worded(error: &Error) -> String {
    format!("{} {:?} {}", error, error.code(), error.is_retryable())
}

fn data_response(bytes: &[u8]) -> Answer {
    let (message, variant) = response::<DataResponse>(bytes)?;
    Ok(match message {
        DataResponse::Get(Err(error)) | DataResponse::Put(Err(error)) => worded(&error),
        _ => variant,
    })
}

/// What a dashboard makes of what a member did.
fn summed(activity: &Activity) -> String {
    let latencies = activity
        .operations
        .iter()
        .map(|operation| &operation.latencies);
    let sum = latencies.fold(Latencies::default(), |sum, each| {
        let _ = (each.count(), each.quantile(0.5), each.quantile(1.0));
        sum.since(each).and(each)
    });
    let kinds: Vec<_> = activity.operations.iter().map(|one| one.kind).collect();
    format!("{kinds:?} {}", sum.count() > 0)
}

fn control_response(bytes: &[u8]) -> Answer {
    let (message, variant) = response::<ControlResponse>(bytes)?;
    Ok(match message {
        ControlResponse::Activity(Ok(activity)) => summed(&activity),
        ControlResponse::Status(Err(error)) => worded(&error),
        _ => variant,
    })
}

/// Everything that a stream holds, and why it ends.
fn frames(stream: &[u8], pieces: usize) -> (Vec<Vec<u8>>, Result<usize, String>) {
    let mut codec =
        MessageCodec::<ClientMessage<DataRequest>, Response<DataResponse>>::new(MAX_FRAME);
    let (mut buffer, mut messages) = (BytesMut::new(), Vec::new());
    for piece in stream.chunks(pieces.max(1)) {
        buffer.extend_from_slice(piece);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(ClientMessage::Request(request))) => {
                    messages.push(postcard_of(&(request.id, &request.message)));
                }
                Ok(Some(_)) => messages.push(Vec::new()),
                Ok(None) => break,
                Err(error) => return (messages, Err(error.to_string())),
            }
        }
    }
    (messages, Ok(buffer.len()))
}

fn stream(bytes: &[u8]) -> Answer {
    let whole = frames(bytes, bytes.len());
    for pieces in [1, 7] {
        assert_eq!(frames(bytes, pieces), whole, "in pieces of {pieces} bytes");
    }
    let (messages, end) = whole;
    end.map(|left| format!("{} messages, more to come: {}", messages.len(), left > 0))
}

#[test]
fn hello() {
    target("hello").samples(samples::hellos()).run(greeting);
}

#[test]
fn hello_reply() {
    let target = target("hello-reply");
    target.samples(samples::hello_replies()).run(greeting_reply);
}

#[test]
fn frame() {
    let requests = samples::data_requests();
    let framed = requests.chunks(3).map(|some| {
        let frames = some.iter().map(|body| {
            let length = u32::try_from(body.len()).expect("a short one");
            [&length.to_be_bytes(), &body[..]].concat()
        });
        frames.collect::<Vec<_>>().concat()
    });
    // Each input is read three times, once byte by byte.
    target("frame").samples(framed).rounds(8_000).run(stream);
}

#[test]
fn data_requests() {
    let target = target("data-request");
    target
        .samples(samples::data_requests())
        .run(request::<DataRequest>);
}

#[test]
fn data_responses() {
    let target = target("data-response");
    target.samples(samples::data_responses()).run(data_response);
}

#[test]
fn control_requests() {
    let target = target("control-request");
    target
        .samples(samples::control_requests())
        .run(request::<ControlRequest>);
}

#[test]
fn control_responses() {
    let target = target("control-response");
    target
        .samples(samples::control_responses())
        .run(control_response);
}
