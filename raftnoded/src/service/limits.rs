//! The bounds of a request, checked before anything is done with it.

use common::{
    Error,
    transport::Limits,
    types::{MAX_KEY_BYTES, PutRequest},
};

/// Room in a request frame for everything beside key and value.
const FRAME_SLACK: usize = 64 * 1024;

/// Keys deleted by one request, in bytes; the entry must fit the log as a value does.
const MAX_KEYS_BYTES: usize = 1024 * 1024;

/// What a member accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The longest value: `--max-value-bytes`.
    pub max_value_bytes: usize,
    /// Client connections served at once: `--max-connections`.
    pub max_connections: usize,
    /// Requests in flight on one connection: `--max-in-flight`.
    pub max_in_flight: usize,
}

impl Bounds {
    /// The longest request frame. It leaves room above the longest value, so that one a little too
    /// long is refused with an error and not by a closed connection.
    pub fn max_frame_bytes(&self) -> usize {
        self.max_value_bytes.max(MAX_KEYS_BYTES) * 2 + MAX_KEY_BYTES + FRAME_SLACK
    }

    pub(super) fn advertised(&self) -> Limits {
        Limits {
            max_key_bytes: MAX_KEY_BYTES as u64,
            max_value_bytes: self.max_value_bytes as u64,
            max_request_bytes: self.max_frame_bytes() as u64,
        }
    }

    pub(super) fn check_put(&self, request: &PutRequest) -> Result<(), Error> {
        check_key(&request.key)?;
        if request.value.len() > self.max_value_bytes {
            return Err(too_large(
                "value",
                request.value.len(),
                self.max_value_bytes,
                "--max-value-bytes",
            ));
        }
        Ok(())
    }
}

fn too_large(what: &str, size: usize, limit: usize, setting: &str) -> Error {
    Error::TooLarge {
        what: what.to_owned(),
        size: size as u64,
        limit: limit as u64,
        setting: setting.to_owned(),
    }
}

pub(super) fn check_key(key: &[u8]) -> Result<(), Error> {
    if key.is_empty() {
        return Err(Error::Invalid {
            message: "a key has at least one byte".to_owned(),
        });
    }
    check_prefix(key, "key")
}

pub(super) fn check_prefix(prefix: &[u8], what: &str) -> Result<(), Error> {
    if prefix.len() > MAX_KEY_BYTES {
        return Err(too_large(what, prefix.len(), MAX_KEY_BYTES, "fixed"));
    }
    Ok(())
}

pub(super) fn check_keys<'a>(keys: impl Iterator<Item = &'a [u8]>) -> Result<(), Error> {
    let mut bytes = 0;
    for key in keys {
        check_key(key)?;
        bytes += key.len();
    }
    if bytes > MAX_KEYS_BYTES {
        return Err(too_large("list of keys", bytes, MAX_KEYS_BYTES, "fixed"));
    }
    Ok(())
}
