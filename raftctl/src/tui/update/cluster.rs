//! What members tell.

use std::time::Duration;

use common::types::{Activity, MemberStatus};

use crate::tui::{app::App, message::Effects};

pub(crate) fn tick(_app: &mut App) -> Effects {
    Effects::new()
}

pub(crate) fn looked(
    _app: &mut App,
    _address: String,
    _took: Duration,
    _answer: Result<Box<(MemberStatus, Activity)>, String>,
) -> Effects {
    Effects::new()
}
