//! What a change will do, told before it is made, in the words of `raftctl members` where it has
//! them.

use bytes::Bytes;
use common::types::{NodeId, Revision};

use super::super::typed;
use crate::{
    commands::{
        leader::transfer,
        members::{
            effect::{Change as Membership, Effect},
            find,
        },
    },
    output::{
        table::{counted, grouped, size},
        time::exact,
    },
    survey::{Seen, Survey, label},
    tui::{
        app::{App, Dialog, Flash, Purpose},
        message::Change,
    },
};

/// What a dialog says.
#[derive(Default)]
pub(crate) struct Told {
    /// None: as it was said when the dialog was opened.
    pub(crate) effect: Option<Vec<String>>,
    pub(crate) warning: Option<String>,
}

impl Told {
    fn of(effect: Vec<String>, warning: Option<String>) -> Self {
        Self {
            effect: Some(effect),
            warning,
        }
    }
}

/// What is known to be under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Unknown,
    Absent,
    There {
        size: u64,
        version: u64,
        revision: Revision,
    },
}

/// By the rows of the browser, which a watch keeps true; else by what was looked up.
pub(crate) fn standing(app: &App, key: &Bytes) -> Standing {
    let rows = &app.browser.rows;
    if let Some(row) = rows.iter().find(|row| row.key == *key) {
        if matches!(row.flash, Some((Flash::Gone, _))) {
            return Standing::Absent;
        }
        return Standing::There {
            size: row.size,
            version: row.version,
            revision: row.revision,
        };
    }
    match app.target.as_ref().filter(|target| target.key == *key) {
        Some(target) => match target.found {
            Some((size, version, revision)) => Standing::There {
                size,
                version,
                revision,
            },
            None => Standing::Absent,
        },
        None => Standing::Unknown,
    }
}

fn there(size_: u64, version: u64, revision: Revision) -> String {
    format!(
        "{}, version {}, revision {}",
        size(size_),
        grouped(version),
        grouped(revision)
    )
}

pub(crate) fn describe(app: &App, dialog: &Dialog) -> Told {
    let field = |index: usize| {
        dialog
            .fields
            .get(index)
            .map_or("", |it| it.input.text.as_str())
    };
    match &dialog.purpose {
        Purpose::Put { .. } => put(app, field(0), field(1), field(2)),
        Purpose::Write { key, base, .. } => {
            let moved_on = match standing(app, key) {
                Standing::There { revision, .. } => revision > *base,
                _ => false,
            };
            let warning = "somebody else has written it meanwhile: this will be refused";
            Told {
                effect: None,
                warning: moved_on.then(|| warning.to_owned()),
            }
        }
        Purpose::EditAgain { .. } => Told::default(),
        Purpose::CreateNamespace => create(app, field(0).trim()),
        Purpose::AddMember => add(app, field(0).trim(), typed::yes(field(1))),
        Purpose::Transfer { .. } => hand_over(app, field(0).trim()),
        Purpose::Just(change) => just(app, change),
    }
}

fn just(app: &App, change: &Change) -> Told {
    match change {
        Change::Delete { namespace, key } => {
            let line = match standing(app, key) {
                Standing::There {
                    size,
                    version,
                    revision,
                } => there(size, version, revision),
                Standing::Absent => "it is not there any more".to_owned(),
                Standing::Unknown => "whatever is there now".to_owned(),
            };
            Told::of(vec![format!("in namespace {namespace}"), line], None)
        }
        Change::DeleteNamespace { name } => {
            let listed = app.namespaces.listed.iter().flatten();
            let line = match listed.into_iter().find(|it| it.name == *name) {
                Some(it) if it.keys == 0 => "it is empty".to_owned(),
                Some(it) => format!(
                    "{} go with it, {} in all",
                    counted(it.keys, "key"),
                    size(it.bytes)
                ),
                None => "it is not there any more".to_owned(),
            };
            Told::of(vec![line], Some("this cannot be undone".to_owned()))
        }
        Change::RemoveMember { id, .. } => of_member(app, *id, remove),
        Change::PromoteMember { id, .. } => of_member(app, *id, promote),
        // These have forms of their own.
        Change::Put { .. }
        | Change::CreateNamespace { .. }
        | Change::AddMember { .. }
        | Change::TransferLeader { .. } => Told::default(),
    }
}

fn put(app: &App, key: &str, value: &str, ttl: &str) -> Told {
    let mut effect = Vec::new();
    let key = match key {
        "" => None,
        key => Some(typed::key(key)),
    };
    match key {
        None => effect.push("the key is missing".to_owned()),
        Some(Err(reason)) => return Told::of(effect, Some(reason)),
        Some(Ok(key)) => effect.push(match standing(app, &key) {
            Standing::Unknown => "creates the key, or overwrites what is there".to_owned(),
            Standing::Absent => "creates the key".to_owned(),
            Standing::There {
                size,
                version,
                revision,
            } => format!("overwrites {}", there(size, version, revision)),
        }),
    }
    let lives = match typed::ttl(ttl) {
        Ok(None) => "lives as the namespace has it".to_owned(),
        Ok(Some(ttl)) => format!("lives {}", exact(ttl)),
        Err(reason) => return Told::of(effect, Some(reason)),
    };
    effect.push(format!("writes {}, {lives}", size(value.len() as u64)));
    Told::of(effect, None)
}

fn create(app: &App, name: &str) -> Told {
    let mut listed = app.namespaces.listed.iter().flatten();
    let exists = listed.any(|it| it.name == name);
    let effect = "what is left empty has no bound; `raftctl ns set` changes it later".to_owned();
    Told::of(
        vec![effect],
        exists.then(|| format!("there is a namespace {name} already")),
    )
}

/// What is said of the members needs an answer of one.
fn surveyed(app: &App) -> Result<&Survey, Told> {
    let silence = "no member has answered yet";
    let survey = app.cluster.survey.as_ref();
    survey.ok_or_else(|| Told::of(Vec::new(), Some(silence.to_owned())))
}

fn of_member(app: &App, id: NodeId, tell: fn(&Seen, &Survey) -> Told) -> Told {
    let survey = match surveyed(app) {
        Ok(survey) => survey,
        Err(told) => return told,
    };
    match survey.member(id) {
        Some(seen) => tell(seen, survey),
        None => Told::of(Vec::new(), Some("it is no member any more".to_owned())),
    }
}

/// How a member is: "n3 is up and follows".
fn condition(seen: &Seen) -> String {
    let name = label(&seen.member);
    let detail = seen.detail();
    if !seen.is_up() {
        let detail = if detail.is_empty() {
            detail
        } else {
            format!(" ({detail})")
        };
        return format!("{name} is {}{detail}", seen.health.words());
    }
    let does = match (seen.leads(), seen.member.voter) {
        (true, _) => "leads",
        (false, true) => "follows the leader",
        (false, false) => "does not vote",
    };
    format!("{name} is up and {does}")
}

/// The numbers, and what is bad about them.
fn consequence(effect: &Effect) -> (Vec<String>, Option<String>) {
    // That a leader hands over first is how it goes, and nothing bad.
    let (orderly, bad): (Vec<&String>, Vec<&String>) = effect
        .warnings
        .iter()
        .partition(|warning| warning.contains("hands leadership over"));
    let mut lines = vec![effect.to_string()];
    lines.extend(orderly.into_iter().cloned());
    let mut bad: Vec<String> = bad.into_iter().cloned().collect();
    if effect.risk().is_some() {
        bad.insert(
            0,
            format!(
                "{} of {} voters will be up, and a quorum is {}: the cluster stops until others \
                 are back",
                effect.up, effect.after.voters, effect.after.quorum
            ),
        );
    } else if effect.before.tolerates > 0 && effect.after.tolerates == 0 {
        bad.insert(
            0,
            "after this, losing any one voter stops writes".to_owned(),
        );
    }
    (lines, (!bad.is_empty()).then(|| bad.join("; ")))
}

fn remove(seen: &Seen, survey: &Survey) -> Told {
    let effect = Effect::of(Membership::Remove(seen), survey);
    let (numbers, warning) = consequence(&effect);
    let mut lines = vec![condition(seen)];
    lines.extend(numbers);
    if seen.is_up() {
        lines.push("its process ends by itself; its data directory can be deleted".to_owned());
    }
    Told::of(lines, warning)
}

fn promote(seen: &Seen, survey: &Survey) -> Told {
    let effect = Effect::of(Membership::Promote(seen), survey);
    let (numbers, warning) = consequence(&effect);
    let behind = seen.entries_behind().map_or_else(String::new, |entries| {
        format!(
            ", {} behind",
            crate::output::table::counted_as(entries, "entry", "entries")
        )
    });
    let mut lines = vec![format!("{}{behind}", condition(seen))];
    lines.push("it votes as soon as it has caught up".to_owned());
    lines.extend(numbers);
    Told::of(lines, warning)
}

fn add(app: &App, address: &str, learner: Result<bool, String>) -> Told {
    let survey = match surveyed(app) {
        Ok(survey) => survey,
        Err(told) => return told,
    };
    let learner = match learner {
        Ok(learner) => learner,
        Err(reason) => return Told::of(Vec::new(), Some(reason)),
    };
    let who = if address.is_empty() {
        "the node"
    } else {
        address
    };
    let what = if learner {
        "joins as a learner, and stays one"
    } else {
        "joins as a learner, and votes as soon as it has caught up"
    };
    let effect = Effect::of(Membership::Add { learner }, survey);
    let (numbers, warning) = consequence(&effect);
    let mut lines = vec![format!("{who} {what}")];
    lines.extend(numbers);
    Told::of(lines, warning)
}

fn hand_over(app: &App, called: &str) -> Told {
    let survey = match surveyed(app) {
        Ok(survey) => survey,
        Err(told) => return told,
    };
    let Some(leader) = &survey.leader else {
        let reason = format!("nobody leads: {}", survey.without_leader());
        return Told::of(Vec::new(), Some(reason));
    };
    let mut lines = vec![format!(
        "{} leads in term {}",
        label(leader),
        grouped(survey.term)
    )];
    let to = match called {
        "" => None,
        called => match find(called, survey) {
            Ok(seen) => Some(seen),
            Err(failure) => return Told::of(lines, Some(failure.in_full())),
        },
    };
    if let Some(to) = to.filter(|to| to.member.id == leader.id) {
        let already = format!("{} leads already", label(&to.member));
        return Told::of(lines, Some(already));
    }
    if let Err(failure) = transfer::check(to, leader, survey) {
        return Told::of(lines, Some(failure.in_full()));
    }
    let whom = to.map_or("the voter furthest with the log", |to| label(&to.member));
    lines.push(format!("it hands leadership over to {whom}"));
    lines.push("writes wait for some milliseconds meanwhile; none is lost".to_owned());
    Told::of(lines, None)
}
