use std::time::Duration;

use common::types::Operator;

use super::*;

fn request(json: &str) -> TxnRequest {
    parse(json.as_bytes()).unwrap().request
}

/// Place and words of the first mistake.
fn mistake(json: &str) -> (Option<(usize, usize)>, String) {
    let mistake = parse(json.as_bytes()).unwrap_err();
    (mistake.place, mistake.to_string())
}

#[test]
fn a_document_becomes_a_request() {
    let request = request(
        r#"{
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
        }"#,
    );
    let comparison = |namespace: &str, key: &'static [u8], target| Comparison {
        namespace: namespace.to_owned(),
        key: Bytes::from_static(key),
        target,
    };
    assert_eq!(
        request.compare,
        [
            comparison("bank", b"alice", Target::Exists(true)),
            comparison(
                "bank",
                b"alice",
                Target::Version(Operator::GreaterOrEqual, 3)
            ),
            comparison("bank", b"alice", Target::Version(Operator::Less, 10)),
            comparison(
                "audit",
                b"\xff",
                Target::Value(Operator::NotEqual, Bytes::from_static(b"\xfe"))
            ),
        ]
    );
    let bank = || "bank".to_owned();
    let put = |key: &'static str, value: &'static str, lifetime, previous| Operation::Put {
        namespace: bank(),
        key: key.into(),
        value: value.into(),
        lifetime,
        previous,
    };
    assert_eq!(
        request.then,
        [
            put("alice", "90", Lifetime::Ttl(Duration::from_secs(30)), true),
            put("bob", "", Lifetime::Lease(1150), false),
            Operation::Get {
                namespace: bank(),
                key: "bob".into(),
            },
            Operation::Delete {
                namespace: bank(),
                key: "carol".into(),
                previous: true,
            },
            Operation::DeletePrefix {
                namespace: "audit".to_owned(),
                prefix: Bytes::new(),
            },
        ]
    );
    assert_eq!(request.otherwise, [put("alice", "", Lifetime::Keep, false)]);
}

#[test]
fn an_empty_else_is_one_that_was_given() {
    let has_else = |json: &str| parse(json.as_bytes()).unwrap().has_else;
    let compare = r#""compare": [{"namespace": "n", "key": "k", "exists": true}]"#;
    assert!(!has_else(&format!("{{{compare}}}")));
    assert!(has_else(&format!("{{{compare}, \"else\": []}}")));
}

#[test]
fn a_mistake_is_pointed_to_by_place_and_path() {
    let table = [
        (
            "{\n \"then\": [\n  {\"get\": {\"namespace\": \"n\", \"key\": \"k\"}},\n  {\"put\": {\"namespace\": \"n\", \"key\": \"k\", \"value\": 90}}]}",
            Some((4, 52)),
            "then[1].put.value: invalid type: integer `90`, expected a string",
        ),
        (
            r#"{"compare": [{"key": "k", "version": {"above": 3}}]}"#,
            Some((1, 45)),
            "compare[0].version: unknown variant `above`, expected one of `eq`, `ne`, `lt`, \
             `le`, `gt`, `ge`",
        ),
        (
            r#"{"compare": [{"key": "k", "version": {"eq": -1}}]}"#,
            Some((1, 46)),
            "compare[0].version.eq: invalid type: integer `-1`, expected a whole number of 64 bits",
        ),
        (
            r#"{"then": [{"put": {"key": "k", "value": "v", "ttl": "30"}}]}"#,
            Some((1, 57)),
            "then[0].put.ttl: time unit needed, for example 30sec or 30ms; write it like 500ms or 5s",
        ),
        (
            r#"{"then": [{"putt": {"key": "k", "value": "v"}}]}"#,
            Some((1, 17)),
            "then[0].putt: unknown field `putt`, expected one of `put`, `get`, `delete`, \
             `delete_prefix`",
        ),
        (
            r#"{"then": [{"put": {"key": "k", "value": null}}]}"#,
            Some((1, 44)),
            "then[0].put.value: invalid type: null, expected a string",
        ),
        (
            r#"{"then": ["put"]}"#,
            Some((1, 15)),
            "then[0]: invalid type: string \"put\", expected an object",
        ),
        ("{\"then\": [}", Some((1, 11)), "then[0]: expected value"),
        (
            "{\"then\": [] \"else\": []}",
            Some((1, 13)),
            "expected `,` or `}`",
        ),
        ("{} {}", Some((1, 4)), "trailing characters"),
        (
            "[]",
            Some((1, 0)),
            "invalid type: sequence, expected an object",
        ),
        (" \n", None, "there is nothing in it"),
        (
            "{}",
            None,
            "there is nothing to do: `compare` and `then` are empty",
        ),
        (
            r#"{"then": [{"get": {"key": "k"}}]}"#,
            None,
            "then[0].get: namespace is missing, here and in the document",
        ),
        (
            r#"{"namespace": "n", "else": [{"put": {"key": "k"}}]}"#,
            None,
            "else[0].put: value is missing",
        ),
        (
            r#"{"namespace": "n", "then": [{"get": {"key": "k", "key_b64": "aw=="}}]}"#,
            None,
            "then[0].get: give key or key_b64, not both",
        ),
        (
            r#"{"namespace": "n", "compare": [{"key": "k"}]}"#,
            None,
            "compare[0]: nothing to compare: give exists, value, version, revision or \
             create_revision",
        ),
        (
            r#"{"namespace": "n", "then": [{"put": {"key": "k", "value": "v", "ttl": "1s", "lease": 7}}]}"#,
            None,
            "then[0].put: give one of ttl, lease, keep_ttl and no_ttl",
        ),
        (
            r#"{"namespace": "n", "then": [{}]}"#,
            None,
            "then[0]: an operation is one of put, get, delete and delete_prefix, each in an object \
             of its own",
        ),
    ];
    for (json, place, words) in table {
        assert_eq!(mistake(json), (place, words.to_owned()), "{json}");
    }
}
