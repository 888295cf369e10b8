//! The only place that changes the model.

pub(crate) mod browser;
pub(crate) mod cluster;
pub(crate) mod events;
pub(crate) mod lists;
pub(crate) mod namespaces;
pub(crate) mod raft;
pub(crate) mod watch;

use super::{
    app::App,
    message::{Effects, Message, Moment, Pane},
};

/// Takes a message in, and says what is to be done.
pub(crate) fn update(app: &mut App, message: Message, moment: Moment) -> Effects {
    app.now = moment.now;
    app.clock = moment.clock;
    match message {
        Message::Tick => {
            let mut effects = cluster::tick(app);
            effects.extend(namespaces::tick(app));
            effects.extend(browser::tick(app));
            effects.extend(watch::tick(app));
            effects.extend(raft::tick(app));
            effects
        }
        Message::Looked {
            address,
            took,
            answer,
        } => cluster::looked(app, address, took, answer),
        Message::Namespaces(answer) => namespaces::listed(app, answer),
        Message::Page {
            generation,
            side,
            answer,
        } => browser::page(app, generation, side, answer),
        Message::Counted { generation, answer } => browser::counted(app, generation, answer),
        Message::Got { key, answer } => browser::got(app, key, answer),
        Message::Changes {
            pane,
            generation,
            events,
        } => match pane {
            Pane::Browser => browser::changes(app, generation, events),
            Pane::Watch => watch::changes(app, generation, events),
        },
        Message::WatchState {
            pane,
            generation,
            state,
        } => match pane {
            Pane::Browser => browser::watch_state(app, generation, state),
            Pane::Watch => watch::watch_state(app, generation, state),
        },
        Message::WatchGap { pane, generation } => match pane {
            Pane::Browser => browser::gap(app, generation),
            Pane::Watch => watch::gap(app, generation),
        },
        _ => Effects::new(),
    }
}
