//! The change that comes of what was filled in.

use bytes::Bytes;

use super::{
    super::typed,
    describe::{Standing, standing},
};
use crate::{
    commands::{leader::transfer::check, members::find},
    survey::label,
    tui::{
        app::{App, Dialog, Purpose},
        message::{Change, Effect},
    },
};

/// The key of a put that is being filled in.
pub(crate) fn put_key(dialog: &Dialog) -> Option<Bytes> {
    match &dialog.purpose {
        Purpose::Put { .. } => typed::new_key(&dialog.fields.first()?.input.text).ok(),
        _ => None,
    }
}

/// The question what is there now under that key.
pub(crate) fn look_up(dialog: &Dialog) -> Option<Effect> {
    match &dialog.purpose {
        Purpose::Put { namespace } => Some(Effect::Get {
            namespace: namespace.clone(),
            key: put_key(dialog)?,
        }),
        _ => None,
    }
}

/// Whether a change is the one that a dialog asked for. A put may have been told meanwhile what is
/// there: its condition is not compared.
pub(crate) fn is_of(app: &App, dialog: &Dialog, change: &Change) -> bool {
    let without_base = |change: Change| match change {
        Change::Put {
            namespace,
            key,
            value,
            ttl,
            ..
        } => Change::Put {
            namespace,
            key,
            value,
            ttl,
            base: None,
        },
        change => change,
    };
    let asked = self::change(app, dialog).map(without_base);
    asked.as_ref() == Ok(&without_base(change.clone()))
}

/// The change that comes of a dialog.
///
/// # Errors
/// What was filled in that makes no sense, for people.
pub(crate) fn change(app: &App, dialog: &Dialog) -> Result<Change, String> {
    let field = |index: usize| -> &str {
        let field = dialog.fields.get(index);
        field.map_or("", |field| field.input.text.as_str())
    };
    match &dialog.purpose {
        Purpose::Just(change) => Ok(change.clone()),
        Purpose::Put { namespace } => {
            let key = typed::new_key(field(0))?;
            // Where it says that it creates the key it does not overwrite one that came meanwhile.
            let creates = standing(app, &key) == Standing::Absent;
            Ok(Change::Put {
                namespace: namespace.clone(),
                key,
                value: field(1).to_owned().into(),
                ttl: typed::ttl(field(2))?,
                base: creates.then_some(0),
            })
        }
        Purpose::Write {
            namespace,
            key,
            value,
            base,
        } => Ok(Change::Put {
            namespace: namespace.clone(),
            key: key.clone(),
            value: value.clone(),
            ttl: None,
            base: Some(*base),
        }),
        Purpose::EditAgain { .. } => Err("the text is to be edited first".to_owned()),
        Purpose::CreateNamespace => {
            let name = field(0).trim();
            if name.is_empty() {
                return Err("the name is missing".to_owned());
            }
            Ok(Change::CreateNamespace {
                name: name.to_owned(),
                default_ttl: typed::ttl(field(1))?,
                max_keys: typed::count(field(2))?,
                max_bytes: typed::bytes(field(3))?,
            })
        }
        Purpose::AddMember => Ok(Change::AddMember {
            address: typed::address(field(0))?,
            learner: typed::yes(field(1))?,
        }),
        Purpose::Transfer { .. } => {
            let called = field(0).trim();
            if called.is_empty() {
                return Ok(Change::TransferLeader {
                    to: None,
                    name: None,
                });
            }
            let survey = app.cluster.survey.as_ref();
            let survey = survey.ok_or("no member has answered yet")?;
            let seen = find(called, survey).map_err(|failure| failure.in_full())?;
            if let Some(leader) = &survey.leader {
                if leader.id == seen.member.id {
                    return Err(format!("{} leads already", label(leader)));
                }
                check(Some(seen), leader, survey).map_err(|failure| failure.in_full())?;
            }
            Ok(Change::TransferLeader {
                to: Some(seen.member.id),
                name: Some(label(&seen.member).to_owned()),
            })
        }
    }
}
