//! The dialogs: which there are. What they say of their effect is in [`describe`], and the change that
//! comes of what was filled in is in [`mod@change`].

mod change;
pub(crate) mod describe;

use bytes::Bytes;
use common::types::{NodeId, Revision};

use super::{browser, complain, dialog, lists};
use crate::{
    commands::members::effect::{Change as Membership, Effect as Consequence},
    output::table::{grouped, size},
    survey::{Seen, Survey, label},
    tui::{
        app::{App, Button, Dialog, DialogState, Field, Focus, Input, Purpose, Screen},
        message::{Change, Effects},
        text,
    },
};
pub(super) use change::{change, is_of, look_up, put_key};

/// Cells that a key takes in a title.
const TITLE: usize = 40;

/// A key in a sentence.
pub(super) fn name(key: &[u8]) -> String {
    text::line(key, TITLE, "...")
}

fn plain(title: String, confirm: &'static str, purpose: Purpose) -> Dialog {
    Dialog {
        title,
        effect: Vec::new(),
        warning: None,
        fields: Vec::new(),
        word: None,
        confirm,
        focus: Focus::Button(Button::Cancel),
        purpose,
        state: DialogState::Open,
    }
}

fn form(
    title: String,
    confirm: &'static str,
    purpose: Purpose,
    fields: &[(&'static str, &'static str)],
) -> Dialog {
    let fields = fields.iter().map(|(label, hint)| Field {
        label,
        input: Input::default(),
        hint,
    });
    Dialog {
        fields: fields.collect(),
        focus: Focus::Field(0),
        ..plain(title, confirm, purpose)
    }
}

/// `a`: whatever the screen lists.
pub(super) fn add(app: &mut App) -> Effects {
    let asked = match app.screen {
        Screen::Overview | Screen::Members => form(
            "Add a member".to_owned(),
            "Add",
            Purpose::AddMember,
            &[
                (
                    "address",
                    "HOST:PORT of a node that was started with --wait",
                ),
                ("learner", "yes: it receives everything and does not vote"),
            ],
        ),
        Screen::Namespaces => form(
            "Create a namespace".to_owned(),
            "Create",
            Purpose::CreateNamespace,
            &[
                ("name", "letters, digits . _ -"),
                ("time to live", "of its keys, like 10m; empty: for ever"),
                ("most keys", "a number; empty: no bound"),
                ("most bytes", "like 64MiB; empty: no bound"),
            ],
        ),
        _ => {
            let Some(namespace) = app.browser.namespace.clone() else {
                complain(app, "no namespace is open; 4 shows those there are");
                return Effects::new();
            };
            let mut put = form(
                format!("Put a key in {namespace}"),
                "Put",
                Purpose::Put { namespace },
                &[
                    (
                        "key",
                        "as it is listed: \\n \\t \\xNN, and \\\\ for a backslash",
                    ),
                    ("value", "as it stands here"),
                    ("time to live", "like 5m; empty: as the namespace has it"),
                ],
            );
            // One mostly adds to what one looks at.
            put.fields[0].input = Input::of(app.browser.narrowing.filter.clone());
            put
        }
    };
    dialog::open(app, asked);
    Effects::new()
}

/// `Ctrl-d`: what is selected.
pub(super) fn delete(app: &mut App) -> Effects {
    let asked = match app.screen {
        Screen::Overview | Screen::Members => remove_member(app),
        Screen::Namespaces => {
            let listed = lists::namespaces(app);
            let selected = listed.get(app.namespaces.selection.at);
            selected.map(|it| it.name.clone()).map(|name| Dialog {
                word: Some((name.clone(), Input::default())),
                ..plain(
                    format!("Delete namespace {name}"),
                    "Delete",
                    Purpose::Just(Change::DeleteNamespace { name }),
                )
            })
        }
        _ => {
            let key = browser::selected(app).map(|row| row.key.clone());
            let selected = app.browser.namespace.clone().zip(key);
            selected.map(|(namespace, key)| {
                plain(
                    format!("Delete {}", name(&key)),
                    "Delete",
                    Purpose::Just(Change::Delete { namespace, key }),
                )
            })
        }
    };
    match asked {
        Some(asked) => dialog::open(app, asked),
        None if app.notice.as_ref().is_none_or(|notice| !notice.bad) => {
            complain(app, "nothing is selected");
        }
        None => {}
    }
    Effects::new()
}

/// The selected member, as it is known now, and the cluster.
fn selected_member(app: &App) -> Option<(&Seen, &Survey)> {
    let members = lists::members(app);
    let id = members.get(app.member.at)?.member.id;
    let survey = app.cluster.survey.as_ref()?;
    Some((survey.member(id)?, survey))
}

fn remove_member(app: &mut App) -> Option<Dialog> {
    let (seen, survey) = selected_member(app)?;
    let called = label(&seen.member).to_owned();
    if survey.membership().count() == 1 || (seen.member.voter && survey.voters == 1) {
        complain(
            app,
            format!(
                "{called} is the only voter and cannot be removed: without it there is no cluster"
            ),
        );
        return None;
    }
    let force = Consequence::of(Membership::Remove(seen), survey)
        .risk()
        .is_some();
    let word = (force || seen.is_up()).then(|| (called.clone(), Input::default()));
    let id = seen.member.id;
    Some(Dialog {
        word,
        ..plain(
            format!("Remove {called}"),
            "Remove",
            Purpose::Just(Change::RemoveMember {
                id,
                name: called,
                force,
            }),
        )
    })
}

/// `p`.
pub(super) fn promote(app: &mut App) {
    let Some((seen, _)) = selected_member(app) else {
        return complain(app, "no member is selected");
    };
    let (id, called) = (seen.member.id, label(&seen.member).to_owned());
    if seen.member.voter {
        return complain(app, format!("{called} is a voter already"));
    }
    let purpose = Purpose::Just(Change::PromoteMember {
        id,
        name: called.clone(),
    });
    dialog::open(app, plain(format!("Promote {called}"), "Promote", purpose));
}

/// `T`: to the selected member, if it can lead.
pub(super) fn transfer(app: &mut App) {
    let selected = match app.screen {
        Screen::Overview | Screen::Members => selected_member(app),
        _ => None,
    };
    let to: Option<(NodeId, String)> = selected
        .filter(|(seen, survey)| {
            let leads = survey.leader.as_ref().map(|leader| leader.id) == Some(seen.member.id);
            seen.member.voter && seen.is_up() && !leads
        })
        .map(|(seen, _)| (seen.member.id, label(&seen.member).to_owned()));
    let mut asked = form(
        "Transfer leadership".to_owned(),
        "Transfer",
        Purpose::Transfer {
            to: to.as_ref().map(|(id, _)| *id),
        },
        &[("to", "name or id; empty: whoever is furthest with the log")],
    );
    if let Some((_, called)) = to {
        asked.fields[0].input = Input::of(called);
    }
    dialog::open(app, asked);
}

/// What came from the editor. `before` is the size of the value as it was.
pub(super) fn write(
    namespace: String,
    key: Bytes,
    value: Bytes,
    base: Revision,
    before: u64,
) -> Dialog {
    let after = size(value.len() as u64);
    let effect = if base == 0 {
        vec![
            format!("creates the key with {after}"),
            "only if there is still no such key".to_owned(),
        ]
    } else {
        vec![
            format!("{} -> {after}", size(before)),
            format!(
                "only if revision {} is still the last that wrote it",
                grouped(base)
            ),
        ]
    };
    Dialog {
        effect,
        ..plain(
            format!("Write {}", name(&key)),
            "Write",
            Purpose::Write {
                namespace,
                key,
                value,
                base,
            },
        )
    }
}

/// Somebody else wrote it meanwhile.
pub(super) fn conflict(
    namespace: String,
    key: Bytes,
    value: Bytes,
    base: Revision,
    now: Option<Revision>,
) -> Dialog {
    let meanwhile = match now {
        Some(revision) => format!(
            "it was changed meanwhile, by revision {}; you edited revision {}",
            grouped(revision),
            grouped(base)
        ),
        None => format!(
            "it was deleted meanwhile; you edited revision {}",
            grouped(base)
        ),
    };
    Dialog {
        effect: vec![
            meanwhile,
            "nothing was written, and your text is kept".to_owned(),
            "edit again: your text, over what is there now".to_owned(),
        ],
        ..plain(
            format!("{} was changed", name(&key)),
            "Edit again",
            Purpose::EditAgain {
                namespace,
                key,
                value,
            },
        )
    }
}
