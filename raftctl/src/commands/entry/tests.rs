use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::output::{Format, tests::printed};

const PLAIN: Columns = Columns {
    keys_only: false,
    lives: false,
};

fn entry(key: &'static [u8], value: &'static [u8]) -> Entry {
    Entry {
        key: Bytes::from_static(key),
        value: Bytes::from_static(value),
        create_revision: 3,
        size: 0,
        revision: 1200,
        version: 2,
        ttl: None,
        lease: None,
    }
}

#[test]
fn a_listing_in_each_form() {
    let entries = [entry(b"a\tb", b"one\ntwo"), entry(b"\xff", b"")];
    let list = |format, terminal| {
        printed(format, terminal, |output| {
            let rows: Vec<_> = entries
                .iter()
                .map(|entry| EntryRow::listed("default", entry, PLAIN))
                .collect();
            output.rows(PLAIN.heads(), &rows)
        })
    };
    assert_eq!(
        list(Format::Table, false),
        "KEY   REVISION  VERSION  VALUE\n\
         a\\tb     1 200        2  one\\ntwo\n\
         \\xff     1 200        2\n"
    );
    assert_eq!(
        list(Format::Plain, false),
        "a\\tb\tone\\ntwo\t1200\t2\t3\t-\t-\n\\xff\t\t1200\t2\t3\t-\t-\n"
    );
    assert_eq!(
        list(Format::Json, false),
        "{\"namespace\":\"default\",\"key\":\"a\\tb\",\"value\":\"one\\ntwo\",\
         \"create_revision\":\"3\",\"revision\":\"1200\",\"version\":2}\n\
         {\"namespace\":\"default\",\"key_b64\":\"/w==\",\"value\":\"\",\
         \"create_revision\":\"3\",\"revision\":\"1200\",\"version\":2}\n"
    );
}

#[test]
fn keys_alone_have_no_value_in_any_form() {
    let entry = entry(b"k", b"");
    let columns = Columns {
        keys_only: true,
        ..PLAIN
    };
    let list = |format| {
        printed(format, false, |output| {
            output.rows(
                columns.heads(),
                &[EntryRow::listed("default", &entry, columns)],
            )
        })
    };
    assert_eq!(
        list(Format::Table),
        "KEY  REVISION  VERSION\nk       1 200        2\n"
    );
    assert_eq!(list(Format::Plain), "k\n");
    assert_eq!(
        list(Format::Json),
        "{\"namespace\":\"default\",\"key\":\"k\",\"create_revision\":\"3\",\
         \"revision\":\"1200\",\"version\":2}\n"
    );
}

#[test]
fn one_entry_with_its_history() {
    let entry = entry(b"k", b"\x00v");
    let show = |format, form| {
        printed(format, false, |output| {
            output.record(&EntryRow::new("default", &entry, form))
        })
    };
    assert_eq!(
        show(Format::Table, Form::Hex),
        "key                  k\n\
         value                0076\n\
         size                 2 B\n\
         version              2\n\
         revision             1 200\n\
         created at revision  3\n"
    );
    assert_eq!(
        show(Format::Plain, Form::Base64),
        "k\tAHY=\t1200\t2\t3\t-\t-\n"
    );
    assert!(show(Format::Json, Form::Hex).contains(r#""value_hex":"0076""#));
}

/// One for ever, one for a while, one with a lease.
fn mortals() -> [Entry; 3] {
    let ttl = Some(Duration::from_millis(1_798_500));
    let lease = Some(1150);
    [
        entry(b"a", b"1"),
        Entry {
            ttl,
            ..entry(b"b", b"2")
        },
        Entry {
            ttl,
            lease,
            ..entry(b"c", b"3")
        },
    ]
}

#[test]
fn a_listing_says_how_long_its_keys_live() {
    let columns = Columns {
        lives: true,
        ..PLAIN
    };
    let entries = mortals();
    let list = |format| {
        printed(format, false, |output| {
            let rows: Vec<_> = entries
                .iter()
                .map(|entry| EntryRow::listed("default", entry, columns))
                .collect();
            output.rows(columns.heads(), &rows)
        })
    };
    assert_eq!(
        list(Format::Table),
        "KEY  REVISION  VERSION  TTL                  VALUE\n\
         a       1 200        2  -                    1\n\
         b       1 200        2  29m 58s              2\n\
         c       1 200        2  29m 58s, lease 1150  3\n"
    );
    assert_eq!(
        list(Format::Plain),
        "a\t1\t1200\t2\t3\t-\t-\n\
         b\t2\t1200\t2\t3\t1798500\t-\n\
         c\t3\t1200\t2\t3\t1798500\t1150\n"
    );
    assert!(list(Format::Json).ends_with("\"version\":2,\"ttl_ms\":1798500,\"lease\":\"1150\"}\n"));
}

#[test]
fn one_entry_with_the_end_of_its_life() {
    let [_, _, leased] = mortals();
    let shown = printed(Format::Table, false, |output| {
        output.record(&EntryRow::new("default", &leased, Form::Text))
    });
    assert!(
        shown.ends_with("ttl                  29m 58s\nlease                1150\n"),
        "{shown}"
    );
}

#[test]
fn what_was_there_before_is_a_line_that_ends_at_the_edge_of_a_terminal() {
    let style = |width| Style {
        color: false,
        unicode: true,
        width,
        height: None,
    };
    let before = entry(b"k", b"a\nb");
    assert_eq!(
        previous_line(None, Some(&before), style(None)),
        "previous  version 2  revision 1 200  a\\nb\n"
    );
    assert_eq!(
        previous_line(Some(b"k"), Some(&before), style(Some(24))),
        "previous  k  version 2 \u{2026}\n"
    );
    assert_eq!(previous_line(None, None, style(None)), "previous  none\n");
    assert_eq!(
        previous_line(None, Some(&entry(b"k", b"")), style(None)),
        "previous  version 2  revision 1 200\n"
    );
}

#[test]
fn a_stale_answer_says_how_old_it_may_be() {
    let entry = entry(b"k", b"v");
    let show = |format, age| {
        printed(format, false, |output| {
            let staleness = Staleness { applied: 1234, age };
            let row = EntryRow::new("default", &entry, Form::Text);
            output.record(&row.aged(Some(staleness)))
        })
    };
    let age = Some(Duration::from_millis(1_250));
    assert!(
        show(Format::Table, age).ends_with(
            "applied              1 234\n\
             age                  1s\n"
        ),
        "{}",
        show(Format::Table, age)
    );
    assert_eq!(
        show(Format::Plain, age),
        "k\tv\t1200\t2\t3\t-\t-\t1234\t1250\n"
    );
    assert_eq!(
        show(Format::Json, age),
        "{\"namespace\":\"default\",\"key\":\"k\",\"value\":\"v\",\"create_revision\":\"3\",\
         \"revision\":\"1200\",\"version\":2,\"applied\":\"1234\",\"age_ms\":1250}\n"
    );
    assert!(show(Format::Json, None).contains("\"age_ms\":null"));
    assert!(show(Format::Plain, None).ends_with("\t1234\t-\n"));
    assert!(show(Format::Table, None).contains("age                  unknown"));
}
