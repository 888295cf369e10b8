//! The only place that changes the model.

pub(crate) mod lists;

use super::{
    app::App,
    message::{Effects, Message, Moment},
};

/// Takes a message in, and says what is to be done.
pub(crate) fn update(app: &mut App, message: Message, moment: Moment) -> Effects {
    app.now = moment.now;
    app.clock = moment.clock;
    let _ = message;
    Effects::new()
}
