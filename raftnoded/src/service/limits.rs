//! The bounds of a request, checked before anything is done with it.

use common::{
    Error,
    transport::{Limits, MAX_REPLY_BYTES},
    types::{
        MAX_DELETE_BYTES, MAX_KEY_BYTES, MAX_NAMESPACE_NAME_BYTES, Operation, Target, TxnRequest,
    },
};

use bytes::Bytes;

use super::convert::check_lifetime;
use crate::store;

/// Room in a request frame for everything beside key and value.
const FRAME_SLACK: usize = 64 * 1024;

/// The longest list of namespaces, in bytes: about what fits the longest reply a client accepts.
const MAX_NAMESPACES_BYTES: usize = MAX_REPLY_BYTES / 2;

/// The most bytes a namespace in a list takes beside its name.
const NAMESPACE_BYTES: usize = 100;

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
        self.max_value_bytes.max(MAX_DELETE_BYTES) * 2 + MAX_KEY_BYTES + FRAME_SLACK
    }

    pub(super) fn advertised(&self) -> Limits {
        Limits {
            max_key_bytes: MAX_KEY_BYTES as u64,
            max_value_bytes: self.max_value_bytes as u64,
            max_request_bytes: self.max_frame_bytes() as u64,
        }
    }

    pub(super) fn check_put(&self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        check_key(key)?;
        if value.len() > self.max_value_bytes {
            return Err(too_large(
                "value",
                value.len(),
                self.max_value_bytes,
                "--max-value-bytes",
            ));
        }
        Ok(())
    }
}

/// What an operation costs of the bytes of a transaction beside keys and values.
const OPERATION_BYTES: usize = 64;

impl Bounds {
    /// The longest transaction: it is one entry of the log.
    fn max_txn_bytes(&self) -> usize {
        self.max_value_bytes.max(MAX_DELETE_BYTES)
    }

    pub(super) fn check_txn(&self, request: &TxnRequest) -> Result<(), Error> {
        let mut bytes = 0;
        for comparison in &request.compare {
            check_namespace(&comparison.namespace)?;
            check_key(&comparison.key)?;
            let value = match &comparison.target {
                Target::Value(_, value) => value.len(),
                _ => 0,
            };
            bytes += OPERATION_BYTES + comparison.key.len() + value;
        }
        for operation in request.then.iter().chain(&request.otherwise) {
            let value = match operation {
                Operation::Put { value, .. } => value.len(),
                _ => 0,
            };
            bytes += OPERATION_BYTES + key_of(operation).len() + value;
        }
        let limit = self.max_txn_bytes();
        if bytes > limit {
            return Err(too_large("transaction", bytes, limit, "--max-value-bytes"));
        }
        Ok(())
    }
}

/// The key or prefix of an operation.
pub(super) fn key_of(operation: &Operation) -> &Bytes {
    match operation {
        Operation::Put { key, .. } | Operation::Get { key, .. } | Operation::Delete { key, .. } => {
            key
        }
        Operation::DeletePrefix { prefix, .. } => prefix,
    }
}

/// The namespaces that a transaction names, those of its operations first; some more than once.
pub(super) fn namespaces_of(request: &TxnRequest) -> impl Iterator<Item = &str> {
    let operations = request.then.iter().chain(&request.otherwise);
    let operated = operations.map(|operation| match operation {
        Operation::Put { namespace, .. }
        | Operation::Get { namespace, .. }
        | Operation::Delete { namespace, .. }
        | Operation::DeletePrefix { namespace, .. } => namespace.as_str(),
    });
    let compared = request.compare.iter();
    operated.chain(compared.map(|comparison| comparison.namespace.as_str()))
}

pub(super) fn check_operation(bounds: &Bounds, operation: &Operation) -> Result<(), Error> {
    match operation {
        Operation::Put {
            namespace,
            key,
            value,
            lifetime,
            ..
        } => {
            check_namespace(namespace)?;
            check_lifetime(*lifetime)?;
            bounds.check_put(key, value)
        }
        Operation::Get { namespace, key } | Operation::Delete { namespace, key, .. } => {
            check_namespace(namespace)?;
            check_key(key)
        }
        Operation::DeletePrefix { namespace, prefix } => {
            check_namespace(namespace)?;
            check_prefix(prefix, "prefix")
        }
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

/// A name that no namespace can have, for its length. Which characters it may have is decided where
/// a namespace is created.
pub(super) fn check_namespace(name: &str) -> Result<(), Error> {
    let reason = match name.len() {
        0 => store::NameFault::Empty,
        1..=MAX_NAMESPACE_NAME_BYTES => return Ok(()),
        _ => store::NameFault::TooLong,
    };
    let name = name.chars().take(MAX_NAMESPACE_NAME_BYTES).collect();
    Err(Error::Invalid {
        message: store::Rejection::InvalidNamespace { name, reason }.to_string(),
    })
}

/// A name that no namespace can have, for whatever reason.
pub(super) fn check_name(name: &str) -> Result<(), Error> {
    check_namespace(name)?;
    store::check_namespace_name(name).map_err(|reason| Error::Invalid {
        message: store::Rejection::InvalidNamespace {
            name: name.to_owned(),
            reason,
        }
        .to_string(),
    })
}

/// A list of namespaces is one reply; one that no client would accept is refused with words.
pub(super) fn check_namespaces(all: &[store::NamespaceInfo]) -> Result<(), Error> {
    let bytes = all
        .iter()
        .map(|namespace| namespace.name.len() + NAMESPACE_BYTES)
        .sum();
    if bytes > MAX_NAMESPACES_BYTES {
        return Err(too_large(
            "list of namespaces",
            bytes,
            MAX_NAMESPACES_BYTES,
            "fixed",
        ));
    }
    Ok(())
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
    if bytes > MAX_DELETE_BYTES {
        return Err(too_large("list of keys", bytes, MAX_DELETE_BYTES, "fixed"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_has_one_to_sixty_four_bytes() {
        for good in ["a", &"n".repeat(MAX_NAMESPACE_NAME_BYTES)] {
            assert_eq!(check_namespace(good), Ok(()));
        }
        assert_eq!(MAX_NAMESPACE_NAME_BYTES, store::MAX_NAMESPACE_NAME);
        for bad in ["", &"n".repeat(MAX_NAMESPACE_NAME_BYTES + 1)] {
            let Err(Error::Invalid { message }) = check_namespace(bad) else {
                panic!("{bad:?} is no name");
            };
            assert!(message.contains("cannot name a namespace"), "{message}");
        }
        // However long it was: the answer is short.
        let Err(Error::Invalid { message }) = check_namespace(&"\u{1F980}".repeat(1 << 20)) else {
            panic!("it is too long");
        };
        assert!(message.len() < 1024, "{}", message.len());
    }

    #[test]
    fn a_list_of_namespaces_that_is_not_refused_fits_a_reply() {
        let largest = common::types::NamespaceInfo {
            name: "n".repeat(MAX_NAMESPACE_NAME_BYTES),
            id: u32::MAX,
            create_revision: u64::MAX,
            keys: u64::MAX,
            bytes: u64::MAX,
            settings: common::types::NamespaceSettings {
                max_keys: Some(u64::MAX),
                max_bytes: Some(u64::MAX),
                max_value_bytes: Some(u64::MAX),
                default_ttl: Some(std::time::Duration::MAX),
            },
        };
        let mut encoded = bytes::BytesMut::new();
        common::transport::write_postcard(&largest, &mut encoded).expect("it is encoded");
        assert!(encoded.len() <= MAX_NAMESPACE_NAME_BYTES + NAMESPACE_BYTES);
        let one = store::NamespaceInfo {
            name: largest.name.clone(),
            id: 1,
            create_revision: 1,
            keys: 1,
            bytes: 1,
            settings: store::Settings::default(),
        };
        let most = MAX_NAMESPACES_BYTES / (MAX_NAMESPACE_NAME_BYTES + NAMESPACE_BYTES);
        assert_eq!(check_namespaces(&vec![one.clone(); most]), Ok(()));
        let refused = check_namespaces(&vec![one; most + 1]);
        assert!(
            matches!(&refused, Err(Error::TooLarge { what, .. }) if what == "list of namespaces"),
            "{refused:?}"
        );
    }
}
