//! A transaction as a JSON document.
//!
//! Reading is in two steps. The document is read field by field, where each mistake has a line, a
//! column and a path; then it is resolved: what belongs together is put together, and what is
//! missing or too much is told by its path.

use std::fmt;

use bytes::Bytes;
use common::types::{Comparison, LeaseId, Lifetime, Operation, Target, TxnRequest};
use serde::Deserialize;

use super::fields::{Base64, Number, Object, Text, Ttl, Versus, given};

/// What is wrong with a document, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// Line and column, counted from 1, where they are known.
    pub(super) place: Option<(usize, usize)>,
    /// `then[1].put.value`; empty for the document itself.
    path: String,
    message: String,
}

impl Mistake {
    fn at(path: impl fmt::Display, message: impl Into<String>) -> Self {
        Self {
            place: None,
            path: path.to_string(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// A transaction and how it was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Transaction {
    pub(super) request: TxnRequest,
    /// Whether the document says what to do if a comparison does not hold.
    pub(super) has_else: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default, deserialize_with = "given")]
    namespace: Option<String>,
    #[serde(default)]
    compare: Vec<Object<CompareFields>>,
    #[serde(default)]
    then: Vec<Object<OperationFields>>,
    #[serde(default, rename = "else", deserialize_with = "given")]
    otherwise: Option<Vec<Object<OperationFields>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CompareFields {
    #[serde(default, deserialize_with = "given")]
    namespace: Option<String>,
    #[serde(default, deserialize_with = "given")]
    key: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    key_b64: Option<Base64>,
    #[serde(default, deserialize_with = "given")]
    exists: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    value: Option<Versus<Text>>,
    #[serde(default, deserialize_with = "given")]
    value_b64: Option<Versus<Base64>>,
    #[serde(default, deserialize_with = "given")]
    version: Option<Versus<Number>>,
    #[serde(default, deserialize_with = "given")]
    revision: Option<Versus<Number>>,
    #[serde(default, deserialize_with = "given")]
    create_revision: Option<Versus<Number>>,
}

/// Exactly one of these.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OperationFields {
    #[serde(default, deserialize_with = "given")]
    put: Option<Object<PutFields>>,
    #[serde(default, deserialize_with = "given")]
    get: Option<Object<GetFields>>,
    #[serde(default, deserialize_with = "given")]
    delete: Option<Object<DeleteFields>>,
    #[serde(default, deserialize_with = "given")]
    delete_prefix: Option<Object<DeletePrefixFields>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PutFields {
    #[serde(default, deserialize_with = "given")]
    namespace: Option<String>,
    #[serde(default, deserialize_with = "given")]
    key: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    key_b64: Option<Base64>,
    #[serde(default, deserialize_with = "given")]
    value: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    value_b64: Option<Base64>,
    #[serde(default, deserialize_with = "given")]
    ttl: Option<Ttl>,
    #[serde(default, deserialize_with = "given")]
    lease: Option<Number>,
    #[serde(default)]
    keep_ttl: bool,
    #[serde(default)]
    no_ttl: bool,
    #[serde(default)]
    prev: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GetFields {
    #[serde(default, deserialize_with = "given")]
    namespace: Option<String>,
    #[serde(default, deserialize_with = "given")]
    key: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    key_b64: Option<Base64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeleteFields {
    #[serde(default, deserialize_with = "given")]
    namespace: Option<String>,
    #[serde(default, deserialize_with = "given")]
    key: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    key_b64: Option<Base64>,
    #[serde(default)]
    prev: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeletePrefixFields {
    #[serde(default, deserialize_with = "given")]
    namespace: Option<String>,
    #[serde(default, deserialize_with = "given")]
    prefix: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    prefix_b64: Option<Base64>,
}

/// Reads a document.
///
/// # Errors
/// The first [`Mistake`] in it.
pub(super) fn parse(json: &[u8]) -> Result<Transaction, Mistake> {
    if json.trim_ascii().is_empty() {
        return Err(Mistake::at("", "there is nothing in it"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let Object(document) =
        serde_path_to_error::deserialize::<_, Object<Document>>(&mut deserializer)
            .map_err(|error| misread(&error.path().to_string(), error.inner()))?;
    deserializer.end().map_err(|error| misread("", &error))?;
    resolve(document)
}

/// serde_json says the place at the end of its message.
fn misread(path: &str, error: &serde_json::Error) -> Mistake {
    let (line, column) = (error.line(), error.column());
    let message = error.to_string();
    let place = format!(" at line {line} column {column}");
    Mistake {
        place: (line > 0).then_some((line, column)),
        // What is not known is written as `?`, the document itself as a dot.
        path: path.trim_end_matches(['.', '?']).to_owned(),
        message: message.strip_suffix(&place).unwrap_or(&message).to_owned(),
    }
}

fn resolve(document: Document) -> Result<Transaction, Mistake> {
    let namespace = document.namespace.as_deref();
    let mut request = TxnRequest::default();
    for (index, Object(fields)) in document.compare.into_iter().enumerate() {
        comparisons(
            fields,
            namespace,
            &format!("compare[{index}]"),
            &mut request.compare,
        )?;
    }
    let has_else = document.otherwise.is_some();
    request.then = operations(document.then, namespace, "then")?;
    request.otherwise = operations(document.otherwise.unwrap_or_default(), namespace, "else")?;
    if request.compare.is_empty() && request.then.is_empty() {
        return Err(Mistake::at(
            "",
            "there is nothing to do: `compare` and `then` are empty",
        ));
    }
    Ok(Transaction { request, has_else })
}

/// Each statement about the key is a comparison of its own.
fn comparisons(
    fields: CompareFields,
    namespace: Option<&str>,
    path: &str,
    into: &mut Vec<Comparison>,
) -> Result<(), Mistake> {
    let namespace = one_namespace(fields.namespace, namespace, path)?;
    let key = bytes((fields.key, fields.key_b64), "key", path)?;
    let texts = fields.value.into_iter().flat_map(|versus| versus.0);
    let binaries = fields.value_b64.into_iter().flat_map(|versus| versus.0);
    let values = texts
        .map(|(operator, text)| (operator, text.0))
        .chain(binaries.map(|(operator, binary)| (operator, binary.0)))
        .map(|(operator, value)| Target::Value(operator, value));
    let targets = fields
        .exists
        .map(Target::Exists)
        .into_iter()
        .chain(values)
        .chain(numbers(fields.version, Target::Version))
        .chain(numbers(fields.revision, Target::Revision))
        .chain(numbers(fields.create_revision, Target::CreateRevision));
    let before = into.len();
    into.extend(targets.map(|target| Comparison {
        namespace: namespace.clone(),
        key: key.clone(),
        target,
    }));
    if into.len() == before {
        return Err(Mistake::at(
            path,
            "nothing to compare: give exists, value, version, revision or create_revision",
        ));
    }
    Ok(())
}

fn numbers(
    versus: Option<Versus<Number>>,
    target: fn(common::types::Operator, u64) -> Target,
) -> impl Iterator<Item = Target> {
    let pairs = versus.into_iter().flat_map(|versus| versus.0);
    pairs.map(move |(operator, number)| target(operator, number.0))
}

fn operations(
    objects: Vec<Object<OperationFields>>,
    namespace: Option<&str>,
    list: &str,
) -> Result<Vec<Operation>, Mistake> {
    objects
        .into_iter()
        .enumerate()
        .map(|(index, Object(fields))| operation(fields, namespace, &format!("{list}[{index}]")))
        .collect()
}

fn operation(
    fields: OperationFields,
    namespace: Option<&str>,
    path: &str,
) -> Result<Operation, Mistake> {
    let below = |name: &str| format!("{path}.{name}");
    match (fields.put, fields.get, fields.delete, fields.delete_prefix) {
        (Some(Object(put)), None, None, None) => {
            let path = &below("put");
            Ok(Operation::Put {
                lifetime: lifetime(&put, path)?,
                namespace: one_namespace(put.namespace, namespace, path)?,
                key: bytes((put.key, put.key_b64), "key", path)?,
                value: bytes((put.value, put.value_b64), "value", path)?,
                previous: put.prev,
            })
        }
        (None, Some(Object(get)), None, None) => {
            let path = &below("get");
            Ok(Operation::Get {
                namespace: one_namespace(get.namespace, namespace, path)?,
                key: bytes((get.key, get.key_b64), "key", path)?,
            })
        }
        (None, None, Some(Object(delete)), None) => {
            let path = &below("delete");
            Ok(Operation::Delete {
                namespace: one_namespace(delete.namespace, namespace, path)?,
                key: bytes((delete.key, delete.key_b64), "key", path)?,
                previous: delete.prev,
            })
        }
        (None, None, None, Some(Object(delete))) => {
            let path = &below("delete_prefix");
            Ok(Operation::DeletePrefix {
                namespace: one_namespace(delete.namespace, namespace, path)?,
                prefix: bytes((delete.prefix, delete.prefix_b64), "prefix", path)?,
            })
        }
        _ => Err(Mistake::at(
            path,
            "an operation is one of put, get, delete and delete_prefix, each in an object of its own",
        )),
    }
}

fn lifetime(put: &PutFields, path: &str) -> Result<Lifetime, Mistake> {
    let chosen = [
        put.ttl.map(|ttl| Lifetime::Ttl(ttl.0)),
        put.lease.map(|id| Lifetime::Lease(LeaseId::from(id.0))),
        put.keep_ttl.then_some(Lifetime::Keep),
        put.no_ttl.then_some(Lifetime::Forever),
    ];
    let mut chosen = chosen.into_iter().flatten();
    match (chosen.next(), chosen.next()) {
        (_, Some(_)) => Err(Mistake::at(
            path,
            "give one of ttl, lease, keep_ttl and no_ttl",
        )),
        (lifetime, None) => Ok(lifetime.unwrap_or_default()),
    }
}

/// Its own, else that of the document.
fn one_namespace(
    own: Option<String>,
    document: Option<&str>,
    path: &str,
) -> Result<String, Mistake> {
    own.or_else(|| document.map(str::to_owned))
        .ok_or_else(|| Mistake::at(path, "namespace is missing, here and in the document"))
}

/// What is given as text or as base64.
fn bytes(given: (Option<Text>, Option<Base64>), name: &str, path: &str) -> Result<Bytes, Mistake> {
    match given {
        (Some(text), None) => Ok(text.0),
        (None, Some(binary)) => Ok(binary.0),
        (Some(_), Some(_)) => Err(Mistake::at(
            path,
            format!("give {name} or {name}_b64, not both"),
        )),
        (None, None) => Err(Mistake::at(path, format!("{name} is missing"))),
    }
}

#[cfg(test)]
mod tests;
