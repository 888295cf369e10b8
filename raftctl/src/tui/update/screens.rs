//! From screen to screen, and what is open on them.

use super::{browser, complain, lists, watch as stream};
use crate::{
    output::bytes::escape,
    tui::{
        app::{App, Screen},
        message::Effects,
    },
};

/// Shows a screen.
pub(crate) fn go(app: &mut App, screen: Screen) -> Effects {
    if app.screen == screen {
        return Effects::new();
    }
    let mut effects = leave(app);
    show(app, screen);
    let without = match screen {
        Screen::Browser => app.browser.namespace.is_none(),
        Screen::Watch => app.watch.namespace.is_none(),
        _ => false,
    };
    // What was selected or opened last is what one wants to see.
    match nearest_namespace(app).filter(|_| without) {
        Some(namespace) if screen == Screen::Browser => {
            effects.extend(browser::open(app, namespace, String::new()));
        }
        Some(namespace) => effects.extend(stream::open(app, namespace, String::new())),
        None => effects.extend(enter(app)),
    }
    effects
}

fn nearest_namespace(app: &App) -> Option<String> {
    let open = match app.screen {
        Screen::Browser => &app.watch.namespace,
        _ => &app.browser.namespace,
    };
    open.clone().or_else(|| {
        let listed = lists::namespaces(app);
        let selected = listed.get(app.namespaces.selection.at);
        selected.map(|namespace| namespace.name.clone())
    })
}

fn show(app: &mut App, screen: Screen) {
    app.screen = screen;
    app.changed = true;
    // Where things are on this screen is not known before it is drawn.
    app.areas.list = None;
    app.areas.pane = None;
}

fn leave(app: &mut App) -> Effects {
    match app.screen {
        Screen::Browser => browser::leave(app),
        Screen::Watch => stream::leave(app),
        Screen::Raft => {
            app.raft.in_elections = false;
            Effects::new()
        }
        _ => Effects::new(),
    }
}

/// The screen is shown again.
pub(crate) fn enter(app: &mut App) -> Effects {
    match app.screen {
        Screen::Browser => browser::enter(app),
        Screen::Watch => stream::enter(app),
        _ => Effects::new(),
    }
}

/// Enter: whatever the selected row leads to.
pub(crate) fn open(app: &mut App) -> Effects {
    match app.screen {
        Screen::Overview => {
            if lists::members(app).is_empty() {
                return Effects::new();
            }
            go(app, Screen::Members)
        }
        Screen::Members => Effects::new(),
        Screen::Raft if app.raft.in_elections => Effects::new(),
        Screen::Raft => {
            let log = lists::log(app);
            let entry = log.get(app.raft.selection.at).and_then(|line| {
                let key = line.key.as_deref().unwrap_or_default();
                Some((line.namespace.clone()?, escape(key)))
            });
            match entry {
                Some((namespace, prefix)) => browse(app, namespace, prefix),
                None => {
                    complain(app, "this entry is about no key");
                    Effects::new()
                }
            }
        }
        Screen::Namespaces => match selected_namespace(app) {
            Some(namespace) => browse(app, namespace, String::new()),
            None => Effects::new(),
        },
        Screen::Browser => {
            if browser::selected(app).is_some() && !app.browser.in_value {
                app.browser.in_value = true;
                app.changed = true;
            }
            Effects::new()
        }
        Screen::Watch => {
            let key = stream::selected(app).map(|line| escape(&line.key));
            match app.watch.namespace.clone().zip(key) {
                Some((namespace, prefix)) => browse(app, namespace, prefix),
                None => Effects::new(),
            }
        }
    }
}

fn selected_namespace(app: &App) -> Option<String> {
    let listed = lists::namespaces(app);
    let selected = listed.get(app.namespaces.selection.at);
    selected.map(|namespace| namespace.name.clone())
}

/// `w`: the stream of what is selected.
pub(crate) fn watch(app: &mut App) -> Effects {
    let (namespace, prefix) = if app.screen == Screen::Browser {
        let prefix = app.browser.narrowing.filter.clone();
        (app.browser.namespace.clone(), prefix)
    } else {
        (selected_namespace(app), String::new())
    };
    match namespace {
        Some(namespace) => watch_keys(app, namespace, prefix),
        None => Effects::new(),
    }
}

/// Opens a namespace in the browser; the prefix as it is typed.
pub(crate) fn browse(app: &mut App, namespace: String, prefix: String) -> Effects {
    let mut effects = leave(app);
    show(app, Screen::Browser);
    app.browser.in_value = false;
    effects.extend(browser::open(app, namespace, prefix));
    effects
}

/// Watches a namespace; the prefix as it is typed.
pub(crate) fn watch_keys(app: &mut App, namespace: String, prefix: String) -> Effects {
    let mut effects = leave(app);
    show(app, Screen::Watch);
    effects.extend(stream::open(app, namespace, prefix));
    effects
}
