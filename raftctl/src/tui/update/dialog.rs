//! A dialog that is open: its keys, and what comes of it.

use bytes::Bytes;
use common::types::Entry;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{
    ask::{self, describe::describe},
    close, complain, say,
};
use crate::tui::{
    app::{App, Button, Dialog, DialogState, Draft, Focus, Overlay, Purpose, Target, Typed},
    message::{Change, Effect, Effects, Refused},
};

/// Opens a dialog, with its effect as it is now.
pub(super) fn open(app: &mut App, dialog: Dialog) {
    app.target = None;
    app.overlay = Some(Overlay::Dialog(dialog));
    app.changed = true;
    refresh(app);
}

fn dialog_mut(app: &mut App) -> Option<&mut Dialog> {
    match &mut app.overlay {
        Some(Overlay::Dialog(dialog)) => Some(dialog),
        _ => None,
    }
}

/// The effect as it is by what is known now: the cluster lives on while somebody reads.
pub(super) fn refresh(app: &mut App) {
    let told = match &app.overlay {
        Some(Overlay::Dialog(dialog)) if dialog.state != DialogState::Working => {
            describe(app, dialog)
        }
        _ => return,
    };
    if let Some(dialog) = dialog_mut(app) {
        let effect = told.effect.unwrap_or_else(|| dialog.effect.clone());
        if (&effect, &told.warning) != (&dialog.effect, &dialog.warning) {
            dialog.effect = effect;
            dialog.warning = told.warning;
            app.changed = true;
        }
    }
}

pub(super) fn key(app: &mut App, event: &KeyEvent) -> Effects {
    let Some(dialog) = dialog_mut(app) else {
        return Effects::new();
    };
    if event.code == KeyCode::Esc {
        return cancel(app);
    }
    if dialog.state == DialogState::Working {
        return Effects::new();
    }
    let on_button = matches!(dialog.focus, Focus::Button(_));
    match event.code {
        KeyCode::Tab | KeyCode::Down => turn(app, 1),
        KeyCode::BackTab | KeyCode::Up => turn(app, -1),
        KeyCode::Left if on_button => turn(app, -1),
        KeyCode::Right if on_button => turn(app, 1),
        KeyCode::Enter => enter(app),
        KeyCode::Char(_)
            if on_button && event.modifiers - KeyModifiers::SHIFT == KeyModifiers::NONE =>
        {
            // Somebody types the word that is asked for.
            if dialog.word.is_some() {
                dialog.focus = Focus::Word;
                return typed(app, event);
            }
            Effects::new()
        }
        _ => typed(app, event),
    }
}

pub(super) fn paste(app: &mut App, text: &str) -> Effects {
    let Some(dialog) = dialog_mut(app).filter(|it| it.state != DialogState::Working) else {
        return Effects::new();
    };
    let Some(input) = input(dialog) else {
        return Effects::new();
    };
    let altered = input.paste(text);
    app.changed = true;
    refresh(app);
    if altered {
        say(
            app,
            "what was pasted became one line; `e` edits a value in $EDITOR",
        );
    }
    Effects::new()
}

/// The line that has the keys.
fn input(dialog: &mut Dialog) -> Option<&mut crate::tui::app::Input> {
    match dialog.focus {
        Focus::Field(index) => dialog.fields.get_mut(index).map(|field| &mut field.input),
        Focus::Word => dialog.word.as_mut().map(|(_, input)| input),
        Focus::Button(_) => None,
    }
}

fn typed(app: &mut App, event: &KeyEvent) -> Effects {
    let Some(input) = dialog_mut(app).and_then(input) else {
        return Effects::new();
    };
    match input.key(event) {
        Typed::Text => {
            app.changed = true;
            refresh(app);
        }
        Typed::Cursor => app.changed = true,
        Typed::Nothing => {}
    }
    Effects::new()
}

/// All that can have the keys, in order.
fn places(dialog: &Dialog) -> Vec<Focus> {
    let mut places: Vec<Focus> = (0..dialog.fields.len()).map(Focus::Field).collect();
    places.extend(dialog.word.is_some().then_some(Focus::Word));
    places.push(Focus::Button(Button::Cancel));
    places.push(Focus::Button(Button::Confirm));
    places
}

fn turn(app: &mut App, by: isize) -> Effects {
    let Some(dialog) = dialog_mut(app) else {
        return Effects::new();
    };
    let places = places(dialog);
    let at = places
        .iter()
        .position(|it| *it == dialog.focus)
        .unwrap_or(0);
    let at = at.wrapping_add_signed(by).wrapping_add(places.len()) % places.len();
    focus(app, places[at])
}

/// Moves the focus; the key of a put that was filled in is looked up.
fn focus(app: &mut App, to: Focus) -> Effects {
    let Some(dialog) = dialog_mut(app) else {
        return Effects::new();
    };
    let from = std::mem::replace(&mut dialog.focus, to);
    app.changed = true;
    if from == Focus::Field(0) && to != from {
        look_up(app)
    } else {
        Effects::new()
    }
}

fn look_up(app: &App) -> Effects {
    match &app.overlay {
        Some(Overlay::Dialog(dialog)) => ask::look_up(dialog).into_iter().collect(),
        _ => Effects::new(),
    }
}

/// Enter: on to the next line, and at the last one to the button; a button does what it says.
fn enter(app: &mut App) -> Effects {
    let Some(dialog) = dialog_mut(app) else {
        return Effects::new();
    };
    match dialog.focus {
        Focus::Button(button) => press(app, button),
        Focus::Word if !has_word(dialog) => refuse_word(app),
        _ => {
            let lines = places(dialog);
            let at = lines.iter().position(|it| *it == dialog.focus).unwrap_or(0);
            let next = match lines.get(at + 1) {
                Some(Focus::Button(_)) | None => Focus::Button(Button::Confirm),
                Some(line) => *line,
            };
            focus(app, next)
        }
    }
}

/// Whether the word was typed, if one is asked for.
fn has_word(dialog: &Dialog) -> bool {
    let word = dialog.word.as_ref();
    word.is_none_or(|(word, typed)| *word == typed.text)
}

fn refuse_word(app: &mut App) -> Effects {
    if let Some(dialog) = dialog_mut(app)
        && let Some((word, _)) = &dialog.word
    {
        dialog.state = DialogState::Failed(format!("type {word} exactly to go on"));
        dialog.focus = Focus::Word;
        app.changed = true;
    }
    Effects::new()
}

/// A button, by Enter or by the mouse.
pub(super) fn press(app: &mut App, button: Button) -> Effects {
    match button {
        Button::Cancel => cancel(app),
        Button::Confirm => confirm(app),
    }
}

fn cancel(app: &mut App) -> Effects {
    let Some(dialog) = dialog_mut(app) else {
        return Effects::new();
    };
    let working = dialog.state == DialogState::Working;
    let draft = match &dialog.purpose {
        Purpose::Write {
            namespace,
            key,
            value,
            ..
        }
        | Purpose::EditAgain {
            namespace,
            key,
            value,
        } => Some(Draft {
            namespace: namespace.clone(),
            key: key.clone(),
            text: value.clone(),
        }),
        _ => None,
    };
    close(app);
    if working {
        say(app, "the answer is still awaited");
    } else if draft.is_some() {
        app.draft = draft;
        say(app, "not written; `e` on this key goes on with the text");
    }
    Effects::new()
}

fn confirm(app: &mut App) -> Effects {
    let dialog = match &app.overlay {
        Some(Overlay::Dialog(dialog)) if dialog.state != DialogState::Working => dialog,
        _ => return Effects::new(),
    };
    if !has_word(dialog) {
        return refuse_word(app);
    }
    let effect = match &dialog.purpose {
        Purpose::EditAgain {
            namespace,
            key,
            value,
        } => Ok(Effect::Edit {
            namespace: namespace.clone(),
            key: key.clone(),
            text: Some(value.clone()),
        }),
        _ => ask::change(app, dialog).map(Effect::Make),
    };
    app.changed = true;
    let Some(dialog) = dialog_mut(app) else {
        return Effects::new();
    };
    match effect {
        Ok(effect) => {
            dialog.state = DialogState::Working;
            vec![effect]
        }
        Err(reason) => {
            dialog.state = DialogState::Failed(reason);
            Effects::new()
        }
    }
}

/// What is there now under the key of a put.
pub(super) fn got(app: &mut App, key: &Bytes, answer: &Result<Option<Entry>, String>) {
    let Ok(entry) = answer else { return };
    if let Some(Overlay::Dialog(dialog)) = &app.overlay
        && ask::put_key(dialog).is_some_and(|wanted| wanted == key)
    {
        let found = entry.as_ref();
        app.target = Some(Target {
            key: key.clone(),
            found: found.map(|it| (it.size, it.version, it.revision)),
        });
        refresh(app);
    }
}

/// A change was made, or not.
pub(super) fn done(app: &mut App, change: Change, result: Result<String, Refused>) -> Effects {
    app.changed = true;
    let awaited = match &app.overlay {
        Some(Overlay::Dialog(dialog)) => {
            dialog.state == DialogState::Working && ask::is_of(app, dialog, &change)
        }
        _ => false,
    };
    let refused = match result {
        Ok(words) => {
            if awaited {
                close(app);
            }
            say(app, words);
            return after(app, &change);
        }
        Err(refused) => refused,
    };
    let conflict = refused
        .conflict
        .filter(|_| awaited || app.overlay.is_none());
    match (change, conflict) {
        // What was edited is kept, and comes back to the editor if it is wanted.
        (
            Change::Put {
                namespace,
                key,
                value,
                ttl: None,
                base: Some(base),
            },
            Some(now),
        ) if is_edit(app, base) => {
            open(app, ask::conflict(namespace, key, value, base, now));
            Effects::new()
        }
        _ if awaited => {
            if let Some(dialog) = dialog_mut(app) {
                dialog.state = DialogState::Failed(refused.reason);
            }
            refresh(app);
            look_up(app)
        }
        _ => {
            complain(app, refused.reason);
            Effects::new()
        }
    }
}

/// Whether a conditional put comes from the editor: a form that creates a key has its text still.
fn is_edit(app: &App, base: u64) -> bool {
    match &app.overlay {
        Some(Overlay::Dialog(dialog)) => matches!(dialog.purpose, Purpose::Write { .. }),
        _ => base > 0,
    }
}

/// What is to be read anew after a change; keys and members tell by themselves.
fn after(app: &mut App, change: &Change) -> Effects {
    match change {
        Change::CreateNamespace { .. } | Change::DeleteNamespace { .. } => {
            app.namespaces.asking = true;
            vec![Effect::ListNamespaces]
        }
        _ => Effects::new(),
    }
}
