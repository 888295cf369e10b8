//! Documents of transactions with mutated bytes.

use fuzzing::Target;

use super::document::parse;

const DOCUMENT: &str = r#"{
  "namespace": "bank",
  "compare": [
    {"key": "alice", "exists": true, "version": {"ge": 3, "lt": "10"}},
    {"namespace": "audit", "key_b64": "/w==", "value_b64": {"ne": "/g=="}}
  ],
  "then": [
    {"put": {"key": "alice", "value": "90", "ttl": "30s", "prev": true}},
    {"put": {"key": "bob", "value_b64": "", "lease": "1150"}},
    {"get": {"key": "bob"}},
    {"delete": {"key": "carol", "prev": true}},
    {"delete_prefix": {"namespace": "audit", "prefix": ""}}
  ],
  "else": [{"put": {"key": "alice", "value": "", "keep_ttl": true}}]
}
"#;

#[test]
fn document() {
    let least = r#"{"namespace":"n","then":[{"get":{"key":"k"}}]}"#;
    Target::new("document", env!("CARGO_MANIFEST_DIR"))
        .samples([DOCUMENT, least].map(Vec::from))
        .run(|input| {
            let parsed = parse(input).map_err(|mistake| mistake.to_string())?;
            let request = parsed.request;
            Ok(format!(
                "{} {} {} {}",
                request.compare.len(),
                request.then.len(),
                request.otherwise.len(),
                parsed.has_else
            ))
        });
}
