//! Pages read.

use bytes::Bytes;
use common::Client;
use tokio::sync::mpsc::Sender;

use crate::tui::message::{Message, Side};

pub(crate) fn namespaces(_client: Client, _sender: Sender<Message>) {}

#[allow(clippy::too_many_arguments)]
pub(crate) fn page(
    _client: Client,
    _generation: u64,
    _side: Side,
    _namespace: String,
    _prefix: Bytes,
    _key: Option<Bytes>,
    _limit: u32,
    _sender: Sender<Message>,
) {
}

pub(crate) fn count(
    _client: Client,
    _generation: u64,
    _namespace: String,
    _prefix: Bytes,
    _sender: Sender<Message>,
) {
}

pub(crate) fn get(_client: Client, _namespace: String, _key: Bytes, _sender: Sender<Message>) {}
