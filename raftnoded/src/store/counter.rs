//! Counters: values that are decimal numbers.

use bytes::Bytes;

use super::apply::{Applier, Reply};
use super::command::Lifetime;
use super::entry;
use super::keys::Key;
use super::namespace;
use super::put::{self, Put};
use super::{Outcome, Rejection};
use crate::engine::EngineError;

pub(super) fn increment(
    applier: &mut Applier<'_>,
    name: String,
    key: &[u8],
    by: i64,
    lifetime: Lifetime,
    create_namespace: bool,
) -> Result<Reply, EngineError> {
    let found = match namespace::find(&applier.batch, &name)? {
        Some(space) => entry::find(applier, Key::Entry(space.id, key))?,
        None => None,
    };
    let current = match found.filter(|found| found.shows) {
        None => 0,
        Some(found) => match number(found.value()) {
            Some(current) => current,
            None => {
                return Ok(Err(Rejection::NotAnInteger {
                    namespace: name,
                    key: Bytes::copy_from_slice(key),
                }));
            }
        },
    };
    let Some(value) = current.checked_add(by) else {
        return Ok(Err(Rejection::IntegerOverflow { current, by }));
    };
    let revision = applier.index;
    let text = value.to_string();
    let put = Put {
        namespace: &name,
        key,
        value: text.as_bytes(),
        create_namespace,
        condition: None,
        lifetime,
        previous: false,
    };
    Ok(
        put::store(applier, put)?.map(|stored| Outcome::Incremented {
            revision,
            version: stored.version,
            value,
        }),
    )
}

/// A decimal number as `increment` writes it: an optional minus sign and digits. "+1", " 1" and
/// "" are none, so that what was not meant as a number is not taken for one.
fn number(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}
