use super::*;
use crate::{
    output::{Format, tests::printed},
    survey::tests::{status, survey},
};

fn two_of_three() -> Survey {
    let mut follower = status(1, Role::Follower, Some(2));
    follower.applied = 1_284_911;
    survey(vec![status(2, Role::Leader, Some(2)), follower], &[3])
}

#[test]
fn a_member_that_is_down_is_a_row_like_the_others() {
    let text = printed(Format::Table, false, |output| {
        print(&two_of_three(), output)
    });
    let expected = "\
cluster c0ffee  leader \u{2605} n2  term 7  commit 1 284 913  quorum 2/3  degraded

  NAME  ID  ROLE      TERM   LAST LOG     COMMIT    APPLIED  LAG  STORE   ADDRESS         HEALTH
\u{25cf} n1     1  follower     7  1 284 913  1 284 913  1 284 911    2  memory  127.0.0.1:7421  ok
\u{2605} n2     2  leader       7  1 284 913  1 284 913  1 284 913    0  memory  127.0.0.1:7422  ok
\u{2717} n3     3  -            -          -          -          -    -  -       127.0.0.1:7423  unreachable: Connection refused
";
    assert_eq!(text, expected);
}

#[test]
fn without_utf_8_the_glyphs_are_ascii() {
    let style = Style {
        color: false,
        unicode: false,
        width: None,
        height: None,
    };
    let text = table(&two_of_three(), style);
    assert!(text.is_ascii(), "{text}");
    for row in ["\no n1 ", "\n* n2 ", "\nx n3 "] {
        assert!(text.contains(row), "{text}");
    }
}

#[test]
fn colour_repeats_what_the_words_say() {
    let style = |color| Style {
        color,
        unicode: true,
        width: None,
        height: None,
    };
    let colored = table(&two_of_three(), style(true));
    assert!(colored.contains("\x1b[31munreachable: Connection refused\x1b[0m"));
    let stripped = dialoguer::console::strip_ansi_codes(&colored).into_owned();
    assert_eq!(stripped, table(&two_of_three(), style(false)));
}

#[test]
fn lines_have_the_same_number_of_fields_for_every_member() {
    let text = printed(Format::Plain, false, |output| {
        print(&two_of_three(), output)
    });
    assert_eq!(
        text,
        "n1\t1\tfollower\t7\t1284913\t1284913\t1284911\t2\tmemory\t127.0.0.1:7421\tok\t-\t-\n\
         n2\t2\tleader\t7\t1284913\t1284913\t1284913\t0\tmemory\t127.0.0.1:7422\tok\t-\t-\n\
         n3\t3\t-\t-\t-\t-\t-\t-\t-\t127.0.0.1:7423\tunreachable\tConnection refused\t-\n"
    );
}

#[test]
fn the_object_has_strings_for_what_is_compared_and_numbers_for_what_is_counted() {
    let text = printed(Format::Json, false, |output| print(&two_of_three(), output));
    let object: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(object["cluster_id"], "c0ffee");
    assert_eq!(object["health"], "degraded");
    assert_eq!(object["leader"]["id"], "2");
    assert_eq!(object["term"], "7");
    assert_eq!(object["quorum"]["up"], 2);
    let follower = &object["members"][0];
    assert_eq!(follower["role"], "follower");
    assert_eq!(follower["applied"], "1284911");
    assert_eq!(follower["lag"], 2);
    assert_eq!(follower["leader"], "2");
    assert_eq!(follower["uptime_seconds"], 60);
    assert_eq!(follower["fsync_p99_us"], 300);
    assert_eq!(follower["error"], serde_json::Value::Null);
    let down = &object["members"][2];
    assert_eq!(down["health"], "unreachable");
    assert_eq!(down["error"], "Connection refused");
    assert_eq!(down.get("role"), None);
}

#[test]
fn a_lost_quorum_stands_in_the_heading() {
    let lost = survey(vec![status(1, Role::Candidate, None)], &[2, 3]);
    let text = printed(Format::Table, false, |output| print(&lost, output));
    let heading = text.lines().next().unwrap();
    assert_eq!(
        heading,
        "cluster c0ffee  leader none  term 7  commit 1 284 913  quorum 1/3 LOST  no quorum"
    );
}

#[test]
fn a_notice_stands_below_the_table_and_in_every_form() {
    let mut leader = status(2, Role::Leader, Some(2));
    leader.notices = vec![
        "namespace x uses 85 % of its max-keys".to_owned(),
        "namespace y uses 99 % of its max-bytes".to_owned(),
    ];
    let noticed = survey(vec![leader], &[1, 3]);
    let show = |format| printed(format, false, |output| print(&noticed, output));
    let text = show(Format::Table);
    assert!(
        text.ends_with(
            "\n\nnote: namespace x uses 85 % of its max-keys\n\
             note: namespace y uses 99 % of its max-bytes\n"
        ),
        "{text}"
    );
    let lines = show(Format::Plain);
    assert!(
        lines.contains("\tok\t-\tnamespace x uses 85 % of its max-keys; namespace y uses "),
        "{lines}"
    );
    let object: serde_json::Value = serde_json::from_str(&show(Format::Json)).unwrap();
    assert_eq!(
        object["notices"][0],
        "namespace x uses 85 % of its max-keys"
    );
    assert_eq!(object["notices"], object["members"][1]["notices"]);
}
