use std::time::Duration;

use common::types::{
    Disk, Formats, Lag, Member, MemberStatus, Role, SnapshotTransfer, TransferDirection,
};

use super::{show::table, *};
use crate::{
    output::{Style, tests::printed},
    survey::tests::{member, status, survey},
};

fn two_of_three() -> Survey {
    let mut follower = status(1, Role::Follower, Some(2));
    follower.applied = 1_284_911;
    survey(vec![status(2, Role::Leader, Some(2)), follower], &[3])
}

#[test]
fn a_member_that_is_down_is_a_row_like_the_others() {
    let text = printed(Format::Table, false, |output| {
        print(&two_of_three(), false, output)
    });
    let expected = "\
cluster c0ffee  leader \u{2605} n2  term 7  commit 1 284 913  quorum 2/3  degraded

  NAME  ID  ROLE      TERM    APPLIED  LAG  DISK    FSYNC  UPTIME  STORE   VERSION  ADDRESS         HEALTH
\u{25cf} n1     1  follower     7  1 284 911    2     -  0.30 ms      1m  memory  0.1.0    127.0.0.1:7421  ok
\u{2605} n2     2  leader       7  1 284 913    0     -  0.30 ms      1m  memory  0.1.0    127.0.0.1:7422  ok
\u{2717} n3     3  -            -          -    -     -        -       -  -       -        127.0.0.1:7423  unreachable

problem: n3 unreachable (Connection refused); start it again, or `raftctl members replace n3 HOST:PORT`
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
    assert!(colored.contains("\x1b[31munreachable\x1b[0m"));
    let stripped = dialoguer::console::strip_ansi_codes(&colored).into_owned();
    assert_eq!(stripped, table(&two_of_three(), style(false)));
}

#[test]
fn lines_have_the_same_number_of_fields_for_every_member() {
    let text = printed(Format::Plain, false, |output| {
        print(&two_of_three(), false, output)
    });
    assert_eq!(
        text,
        "n1\t1\tfollower\t7\t1284913\t1284913\t1284911\t2\tmemory\t127.0.0.1:7421\tok\t-\t-\tvoter\
         \t0.1.0\t-\t-\t300\t2\t-\t-\t-\n\
         n2\t2\tleader\t7\t1284913\t1284913\t1284913\t0\tmemory\t127.0.0.1:7422\tok\t-\t-\tvoter\
         \t0.1.0\t-\t-\t300\t0\t-\t-\t-\n\
         n3\t3\t-\t-\t-\t-\t-\t-\t-\t127.0.0.1:7423\tunreachable\tConnection refused\t-\tvoter\
         \t-\t-\t-\t-\t-\t-\t-\t-\n"
    );
}

#[test]
fn the_object_has_strings_for_what_is_compared_and_numbers_for_what_is_counted() {
    let text = printed(Format::Json, false, |output| {
        print(&two_of_three(), false, output)
    });
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
    let text = printed(Format::Table, false, |output| print(&lost, false, output));
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
    let show = |format| printed(format, false, |output| print(&noticed, false, output));
    let text = show(Format::Table);
    assert!(
        text.ends_with(
            "(Connection refused)\nnote: namespace x uses 85 % of its max-keys\n\
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

/// n2 leads; n1 is behind and its disk fills up, n3 is down, n4 joins by snapshot, n5 is read-only
/// and newer.
fn in_trouble() -> Survey {
    let joins = Member {
        voter: false,
        ..member(4)
    };
    let members = vec![member(1), member(2), member(3), joins, member(5)];
    let lag = |id, matched, seconds| Lag {
        id,
        matched: Some(matched),
        behind: Duration::from_secs(seconds),
        last_contact: Some(Duration::from_secs(seconds)),
    };
    let told = |id, role| MemberStatus {
        members: members.clone(),
        disk: Some(Disk {
            total: 100 << 30,
            free: 40 << 30,
        }),
        ..status(id, role, Some(2))
    };
    let leader = MemberStatus {
        lags: vec![lag(1, 1_284_000, 9), lag(3, 1_279_811, 182)],
        transfers: vec![SnapshotTransfer {
            direction: TransferDirection::Sending,
            peer: 4,
            bytes: 12 << 20,
            total: Some(29 << 20),
        }],
        ..told(2, Role::Leader)
    };
    let behind = MemberStatus {
        applied: 1_284_000,
        since_leader: Some(Duration::from_millis(80)),
        disk: Some(Disk {
            total: 100 << 30,
            free: 4 << 30,
        }),
        ..told(1, Role::Follower)
    };
    let joining = MemberStatus {
        applied: 0,
        last_log: 0,
        ..told(4, Role::Learner)
    };
    let full = MemberStatus {
        version: "0.2.0".to_owned(),
        read_only: Some("its disk is full, 2 MiB free".to_owned()),
        formats: Formats {
            snapshot: 2,
            ..Formats::default()
        },
        ..told(5, Role::Follower)
    };
    survey(vec![leader, behind, joining, full], &[3])
}

#[test]
fn everything_that_matters_stands_below_the_table() {
    let text = printed(Format::Table, false, |output| {
        print(&in_trouble(), false, output)
    });
    let expected = "\
cluster c0ffee  leader \u{2605} n2  term 7  commit 1 284 913  quorum 3/4  degraded

  NAME  ID  ROLE      TERM    APPLIED           LAG  DISK    FSYNC  UPTIME  STORE   VERSION  ADDRESS         HEALTH
\u{25cb} n1     1  follower     7  1 284 000       913, 9s  96 %  0.30 ms      1m  memory  0.1.0    127.0.0.1:7421  catching up 99 %
\u{2605} n2     2  leader       7  1 284 913             0  60 %  0.30 ms      1m  memory  0.1.0    127.0.0.1:7422  ok
\u{2717} n3     3  -            -          -  5 102, 3m 2s     -        -       -  -       -        127.0.0.1:7423  unreachable
\u{25cb} n4     4  learner      7          0     1 284 913  60 %  0.30 ms      1m  memory  0.1.0    127.0.0.1:7424  joining 41 %
\u{25cb} n5     5  follower     7  1 284 913             0  60 %  0.30 ms      1m  memory  0.2.0    127.0.0.1:7425  read-only

problem: n1 catching up (913 entries and 9s behind); `raftctl status --watch` shows whether it gets closer
problem: n1: disk 96 % full, 4.0 GiB free; free space: a member whose disk is full takes no writes
problem: n3 unreachable (Connection refused, 5 102 entries and 3m 2s behind); start it again, or `raftctl members replace n3 HOST:PORT`
problem: n5 read-only (its disk is full, 2 MiB free); free space there: writes go on by themselves
note: 4 voters tolerate no more failures than 3; an odd number serves better
note: versions differ: 0.1.0 (n1, n2, n4), 0.2.0 (n5); bring all members to one release
note: n4 receives a snapshot, 12 MiB of 29 MiB (41 %), then it votes
";
    assert_eq!(text, expected);
}

#[test]
fn no_line_is_wider_than_the_terminal_however_narrow() {
    for width in 20..200 {
        let style = Style {
            color: false,
            unicode: true,
            width: Some(width),
            height: None,
        };
        let text = table(&in_trouble(), style);
        for line in text.lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
        // Name and health are there as long as anything is.
        if width >= 40 {
            let row = text.lines().find(|line| line.contains(" n3 ")).unwrap();
            assert!(row.contains("unreachable"), "{width}: {text}");
            assert!(text.lines().next().unwrap().contains("degraded"), "{text}");
        }
    }
}

#[test]
fn details_show_all_that_a_member_tells() {
    let text = printed(Format::Table, false, |output| {
        print(&in_trouble(), true, output)
    });
    for line in [
        "  health        catching up",
        "  lag           913, 9s (99 %)",
        "  last contact  80 ms ago",
        "  disk          96 % used, 4.0 GiB of 100 GiB free",
        "  transfer   sending to n4, 12 MiB of 29 MiB",
    ] {
        assert!(text.contains(&format!("\n{line}\n")), "{line}: {text}");
    }
}

#[test]
fn the_object_has_what_the_leader_knows_of_others() {
    let text = printed(Format::Json, false, |output| {
        print(&in_trouble(), false, output)
    });
    let object: serde_json::Value = serde_json::from_str(&text).unwrap();
    let down = &object["members"][2];
    assert_eq!(down["entries_behind"], 5_102);
    assert_eq!(down["behind_ms"], 182_000);
    assert_eq!(down["last_contact_ms"], 182_000);
    assert_eq!(object["members"][3]["kind"], "joining");
    assert_eq!(object["members"][3]["catch_up"]["percent"], 41);
    assert_eq!(object["members"][0]["disk"]["free_bytes"], 4_u64 << 30);
    assert_eq!(object["members"][4]["formats"]["snapshot"], 2);
    assert_eq!(object["quorum"]["tolerates"], 0);
    assert_eq!(object["findings"][0]["severity"], "problem");
}
