use common::types::TxnRequest;

use super::*;
use crate::output::tests::printed;

fn entry(value: &'static str) -> Option<Entry> {
    Some(Entry {
        key: "k".into(),
        value: value.into(),
        create_revision: 3,
        size: 0,
        revision: 1150,
        version: 2,
        ttl: None,
        lease: None,
    })
}

fn put(key: &'static str, previous: bool) -> Operation {
    Operation::Put {
        namespace: "bank".to_owned(),
        key: key.into(),
        value: "new".into(),
        lifetime: Default::default(),
        previous,
    }
}

fn get(key: &'static str) -> Operation {
    Operation::Get {
        namespace: "bank".to_owned(),
        key: key.into(),
    }
}

fn transaction(then: Vec<Operation>, otherwise: Option<Vec<Operation>>) -> Transaction {
    Transaction {
        has_else: otherwise.is_some(),
        request: TxnRequest {
            compare: Vec::new(),
            then,
            otherwise: otherwise.unwrap_or_default(),
        },
    }
}

fn show(format: Format, transaction: &Transaction, reply: &TxnReply) -> String {
    printed(format, false, |output| {
        Report::new(transaction, reply).print(output)
    })
}

#[test]
fn what_each_operation_gave_in_each_form() {
    let delete = Operation::Delete {
        namespace: "bank".to_owned(),
        key: "carol".into(),
        previous: true,
    };
    let prefix = Operation::DeletePrefix {
        namespace: "audit".to_owned(),
        prefix: "tmp/".into(),
    };
    let transaction = transaction(
        vec![
            put("alice", false),
            put("bob", true),
            get("bob"),
            get("dave"),
            delete,
            prefix,
        ],
        None,
    );
    let reply = TxnReply {
        revision: 1200,
        succeeded: true,
        results: vec![
            TxnResult::Put {
                version: 4,
                previous: None,
            },
            TxnResult::Put {
                version: 3,
                previous: entry("old"),
            },
            TxnResult::Get {
                entry: entry("new"),
            },
            TxnResult::Get { entry: None },
            TxnResult::Deleted {
                count: 0,
                previous: None,
            },
            TxnResult::Deleted {
                count: 7,
                previous: None,
            },
        ],
    };
    let show = |format| show(format, &transaction, &reply);
    assert_eq!(
        show(Format::Table),
        "OK  then  revision 1 200\n\
         OPERATION      NAMESPACE  KEY    RESULT\n\
         put            bank       alice  version 4\n\
         put            bank       bob    version 3  previous  version 2  revision 1 150  old\n\
         get            bank       bob    version 2  revision 1 150  new\n\
         get            bank       dave   not found\n\
         delete         bank       carol  0 keys deleted  previous  none\n\
         delete_prefix  audit      tmp/   7 keys deleted\n"
    );
    assert_eq!(
        show(Format::Plain),
        "then\t1200\n\
         put\tbank\talice\t4\t-\t-\t-\t-\t-\t-\n\
         put\tbank\tbob\t3\told\t1150\t2\t3\t-\t-\n\
         get\tbank\tbob\t1\tnew\t1150\t2\t3\t-\t-\n\
         get\tbank\tdave\t0\t-\t-\t-\t-\t-\t-\n\
         delete\tbank\tcarol\t0\t-\t-\t-\t-\t-\t-\n\
         delete_prefix\taudit\ttmp/\t7\t-\t-\t-\t-\t-\t-\n"
    );
    let state = r#""create_revision":"3","revision":"1150","version":2"#;
    assert_eq!(
        show(Format::Json),
        [
            r#"{"succeeded":true,"revision":"1200","results":["#,
            r#"{"op":"put","namespace":"bank","key":"alice","version":4},"#,
            r#"{"op":"put","namespace":"bank","key":"bob","version":3,"previous":"#,
            &format!(r#"{{"value":"old",{state}}}}},"#),
            r#"{"op":"get","namespace":"bank","key":"bob","found":true,"#,
            &format!(r#""value":"new",{state}}},"#),
            r#"{"op":"get","namespace":"bank","key":"dave","found":false},"#,
            r#"{"op":"delete","namespace":"bank","key":"carol","deleted":0,"previous":null},"#,
            r#"{"op":"delete_prefix","namespace":"audit","prefix":"tmp/","deleted":7}]}"#,
            "\n",
        ]
        .concat()
    );
}

#[test]
fn the_other_list_or_none_at_all() {
    let reply = TxnReply {
        revision: 1200,
        succeeded: false,
        results: vec![TxnResult::Get {
            entry: entry("new"),
        }],
    };
    let other = transaction(vec![put("k", false)], Some(vec![get("k")]));
    assert_eq!(
        show(Format::Table, &other, &reply),
        "OK  else  revision 1 200\n\
         OPERATION  NAMESPACE  KEY  RESULT\n\
         get        bank       k    version 2  revision 1 150  new\n"
    );
    assert!(show(Format::Plain, &other, &reply).starts_with("else\t1200\nget\t"));
    let none = transaction(vec![put("k", false)], None);
    let reply = TxnReply {
        results: Vec::new(),
        ..reply
    };
    assert_eq!(
        show(Format::Table, &none, &reply),
        "NO  a comparison does not hold, and there is no else: nothing was done  revision \
         1 200\n"
    );
    assert_eq!(show(Format::Plain, &none, &reply), "none\t1200\n");
    assert_eq!(
        show(Format::Json, &none, &reply),
        "{\"succeeded\":false,\"revision\":\"1200\",\"results\":[]}\n"
    );
}
