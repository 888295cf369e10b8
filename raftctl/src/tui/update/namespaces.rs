//! Screen 4: the namespaces, and what is done in them.

use std::time::Duration;

use common::types::NamespaceInfo;

use super::lists;
use crate::tui::{
    app::{App, Cluster, Overlay, Screen},
    message::{Effect, Effects},
};

/// They are listed so often while somebody looks.
const PERIOD: Duration = Duration::from_secs(1);

/// Lists them while the screen is shown, and until they are known: the palette offers their names.
pub(crate) fn tick(app: &mut App) -> Effects {
    let looks =
        app.screen == Screen::Namespaces || matches!(app.overlay, Some(Overlay::Palette(_)));
    let known = app.namespaces.listed.is_some();
    let rests = app
        .namespaces
        .asked
        .is_some_and(|asked| app.now.saturating_duration_since(asked) < PERIOD);
    if app.namespaces.asking || rests || app.frozen.is_some() || (known && !looks) {
        return Effects::new();
    }
    app.namespaces.asking = true;
    app.namespaces.asked = Some(app.now);
    vec![Effect::ListNamespaces]
}

/// Takes the answer in.
pub(crate) fn listed(app: &mut App, answer: Result<Vec<NamespaceInfo>, String>) -> Effects {
    app.namespaces.asking = false;
    if app.frozen.is_some() {
        return Effects::new();
    }
    match answer {
        Err(reason) => {
            app.changed |= app.namespaces.error.as_ref() != Some(&reason);
            app.namespaces.error = Some(reason);
        }
        Ok(mut listed) => {
            listed.sort_by(|one, other| one.name.cmp(&other.name));
            app.changed |= app.namespaces.error.is_some();
            app.namespaces.error = None;
            app.namespaces.at = Some(app.now);
            if app.namespaces.listed.as_ref() != Some(&listed) {
                let place = lists::place(app, Screen::Namespaces);
                app.namespaces.listed = Some(listed);
                lists::stay(app, Screen::Namespaces, place);
                app.changed = true;
            }
        }
    }
    Effects::new()
}

/// Writes and reads a second in a namespace, by all members together; none before two answers.
pub(crate) fn rates(cluster: &Cluster, name: &str) -> Option<(f64, f64)> {
    let counted = cluster.probes.iter().filter_map(|(address, probe)| {
        let id = probe.status.as_ref()?.id;
        // One at two addresses counts once.
        (cluster.main_address(id)? == address).then_some(&probe.rates.namespaces)
    });
    let known = counted.filter_map(|namespaces| namespaces.get(name));
    known
        .copied()
        .reduce(|(writes, reads), (more_writes, more_reads)| {
            (writes + more_writes, reads + more_reads)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::{
        app::{Member, Rates},
        update::{
            cluster::tests::{app, later},
            lists::tests::namespace,
        },
    };

    #[test]
    fn namespaces_are_listed_once_and_then_while_they_are_shown() {
        let mut app = app();
        assert_eq!(tick(&mut app).len(), 1);
        assert!(tick(&mut app).is_empty());
        listed(&mut app, Err("no leader".to_owned()));
        assert_eq!(app.namespaces.error.as_deref(), Some("no leader"));
        later(&mut app, 999);
        assert!(tick(&mut app).is_empty());
        later(&mut app, 1);
        assert_eq!(tick(&mut app).len(), 1);
        listed(&mut app, Ok(vec![namespace("b", 1), namespace("a", 2)]));
        let names = |app: &App| {
            let listed = app.namespaces.listed.as_ref().unwrap();
            listed.iter().map(|it| it.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&app), ["a", "b"]);
        assert_eq!(app.namespaces.error, None);
        later(&mut app, 5000);
        assert!(tick(&mut app).is_empty());
        app.screen = Screen::Namespaces;
        assert_eq!(tick(&mut app).len(), 1);
        app.changed = false;
        listed(&mut app, Ok(vec![namespace("a", 2), namespace("b", 1)]));
        assert!(!app.changed);
        // The selection stays on its name.
        app.namespaces.selection.at = 1;
        let more = ["0", "a", "b"].map(|name| namespace(name, 1));
        listed(&mut app, Ok(more.to_vec()));
        assert!(app.changed);
        assert_eq!(app.namespaces.selection.at, 2);
    }

    #[test]
    fn rates_are_of_all_members_together() {
        let mut app = app();
        for id in 1..=2 {
            let mut rates = Rates::default();
            rates.namespaces.insert("a".to_owned(), (2.0, 0.5));
            let status = crate::survey::tests::status(id, common::types::Role::Follower, None);
            let probe = Member {
                status: Some(status),
                rates,
                ..Member::default()
            };
            for alias in 0..id {
                let address = format!("address {id} {alias}");
                app.cluster.probes.insert(address, probe.clone());
            }
        }
        assert_eq!(super::rates(&app.cluster, "a"), Some((4.0, 1.0)));
        assert_eq!(super::rates(&app.cluster, "b"), None);
    }
}
