//! Members asked how they are.

use common::types::ActivityRequest;
use tokio::sync::mpsc::Sender;

use crate::tui::message::Message;

#[derive(Default)]
pub(crate) struct Observers {}

impl Observers {
    pub(crate) fn look(
        &mut self,
        _address: String,
        _request: ActivityRequest,
        _sender: Sender<Message>,
    ) {
    }
}
