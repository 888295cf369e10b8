//! Watches followed.

use bytes::Bytes;
use common::{Client, types::Cursor};
use tokio::sync::mpsc::Sender;

use crate::tui::message::{Message, Pane};

#[derive(Default)]
pub(crate) struct Watches {}

impl Watches {
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn follow(
        &mut self,
        _client: Client,
        _pane: Pane,
        _generation: u64,
        _namespace: String,
        _prefix: Bytes,
        _from: Option<Cursor>,
        _sender: Sender<Message>,
    ) {
    }

    pub(crate) fn stop(&mut self, _pane: Pane) {}
}
