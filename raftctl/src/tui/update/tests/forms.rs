//! Dialogs: their focus, what they say, and the change that comes of them.

use super::*;
use crate::tui::app::Flash;

#[test]
fn the_focus_is_on_cancel_and_enter_there_changes_nothing() {
    let mut app = browsing();
    press(&mut app, "<C-d>");
    assert_eq!(dialog(&app).focus, Focus::Button(Button::Cancel));
    assert_eq!(dialog(&app).title, "Delete user:1");
    assert_eq!(
        dialog(&app).effect,
        ["in namespace sessions", "212 B, version 3, revision 12"]
    );
    let effects = press(&mut app, "<Enter>");
    assert!(effects.is_empty() && app.overlay.is_none());
    let effects = press(&mut app, "<C-d><Tab><Enter>");
    let wanted = Change::Delete {
        namespace: "sessions".to_owned(),
        key: "user:1".into(),
    };
    assert_eq!(*made(&effects), wanted);
    assert_eq!(dialog(&app).state, DialogState::Working);
    // While the answer is awaited keys do nothing, but Esc closes it.
    assert!(press(&mut app, "<Tab><Enter>q").is_empty() && !app.quit);
    press(&mut app, "<Esc>");
    assert!(app.overlay.is_none());
}

#[test]
fn the_focus_goes_round_and_arrows_change_buttons() {
    let mut app = browsing();
    press(&mut app, "<C-d><BackTab>");
    assert_eq!(dialog(&app).focus, Focus::Button(Button::Confirm));
    press(&mut app, "<Left>");
    assert_eq!(dialog(&app).focus, Focus::Button(Button::Cancel));
    press(&mut app, "<Esc>a");
    assert_eq!(dialog(&app).focus, Focus::Field(0));
    press(&mut app, "<Up>");
    assert_eq!(dialog(&app).focus, Focus::Button(Button::Confirm));
    press(&mut app, "<Down><Down>");
    assert_eq!(dialog(&app).focus, Focus::Field(1));
}

#[test]
fn a_put_says_whether_it_creates_or_overwrites() {
    let mut app = browsing();
    app.browser.narrowing.filter = "user:".to_owned();
    let effects = press(&mut app, "a2<Enter>");
    assert!(matches!(&effects[..], [Effect::Get { key, .. }] if key == "user:2"));
    let first = |app: &App| dialog(app).effect[0].clone();
    assert_eq!(first(&app), "overwrites 212 B, version 3, revision 13");
    // Its row goes: it will be created.
    app.browser.rows[1].flash = Some((Flash::Gone, app.now));
    dialog::refresh(&mut app);
    assert_eq!(first(&app), "creates the key");
    // One that is not listed is looked up.
    press(&mut app, "<BackTab>9");
    assert_eq!(first(&app), "creates the key, or overwrites what is there");
    send(
        &mut app,
        Message::Got {
            key: "user:29".into(),
            answer: Ok(None),
        },
    );
    assert_eq!(first(&app), "creates the key");
    let effects = press(&mut app, "<Enter>{\"a\\n\": 1}<Enter>5m<Enter><Enter>");
    let wanted = Change::Put {
        namespace: "sessions".to_owned(),
        key: "user:29".into(),
        value: "{\"a\\n\": 1}".into(),
        ttl: Some(Duration::from_secs(300)),
        base: Some(0),
    };
    assert_eq!(*made(&effects), wanted);
}

#[test]
fn what_makes_no_sense_is_refused_in_the_dialog() {
    let mut app = browsing();
    press(&mut app, "a<Enter><Enter><Enter>");
    assert_eq!(dialog(&app).focus, Focus::Button(Button::Confirm));
    let effects = press(&mut app, "<Enter>");
    assert!(effects.is_empty());
    assert_eq!(
        dialog(&app).state,
        DialogState::Failed("the key is missing".to_owned())
    );
    press(&mut app, "<Tab>k<Tab>v<Tab>0s");
    assert!(
        dialog(&app)
            .warning
            .as_ref()
            .unwrap()
            .contains("at least 1ms")
    );
}

#[test]
fn a_paste_into_a_value_is_one_line_and_says_so() {
    let mut app = browsing();
    press(&mut app, "ak<Tab>");
    send(&mut app, Message::Paste("a\nb".to_owned()));
    assert_eq!(dialog(&app).fields[1].input.text, "a b");
    assert!(notice(&app).contains("one line"));
}

#[test]
fn removing_a_member_shows_its_effect_and_wants_the_name() {
    let mut app = app();
    press(&mut app, "jj<C-d>");
    assert_eq!(dialog(&app).title, "Remove n3");
    assert_eq!(
        dialog(&app).effect[..2],
        [
            "n3 is up and follows the leader",
            "voters 3 -> 2, quorum 2 -> 2, tolerates 1 -> 0"
        ]
    );
    let warning = dialog(&app).warning.clone().unwrap();
    assert!(warning.starts_with("after this, losing any one voter stops writes"));
    // Confirmed without the name: nothing but the name is asked for.
    assert!(press(&mut app, "<BackTab><BackTab><Enter>").is_empty());
    press(&mut app, "<Esc><C-d>n");
    assert_eq!(dialog(&app).focus, Focus::Word);
    assert!(press(&mut app, "<Enter><Tab><Tab><Enter>").is_empty());
    assert_eq!(
        dialog(&app).state,
        DialogState::Failed("type n3 exactly to go on".to_owned())
    );
    let effects = press(&mut app, "3<Enter><Enter>");
    let wanted = Change::RemoveMember {
        id: 3,
        name: "n3".to_owned(),
        force: false,
    };
    assert_eq!(*made(&effects), wanted);
}

#[test]
fn a_leader_that_goes_hands_over_first() {
    let mut app = app();
    press(&mut app, "j<C-d>");
    assert_eq!(dialog(&app).effect[0], "n2 is up and leads");
    assert_eq!(
        dialog(&app).effect[2],
        "n2 leads: it hands leadership over first"
    );
}

#[test]
fn where_the_cluster_would_stop_the_dialog_says_so_and_forces() {
    let mut app = app();
    let answers = vec![
        status(1, Role::Follower, Some(2)),
        status(2, Role::Leader, Some(2)),
    ];
    app.cluster.survey = Some(survey(answers, &[3]));
    press(&mut app, "<C-d>");
    let warning = dialog(&app).warning.clone().unwrap();
    assert!(
        warning.contains("the cluster stops until others are back"),
        "{warning}"
    );
    let effects = press(&mut app, "n1<Enter><Enter>");
    assert!(matches!(
        made(&effects),
        Change::RemoveMember { force: true, .. }
    ));
}

#[test]
fn adding_a_member_counts_a_learner_for_nothing() {
    let mut app = app();
    press(&mut app, "ah:1<Tab>");
    assert!(dialog(&app).effect[0].contains("h:1 joins as a learner, and votes"));
    assert_eq!(
        dialog(&app).effect[1],
        "voters 3 -> 4, quorum 2 -> 3, tolerates 1 -> 1"
    );
    press(&mut app, "yes");
    assert_eq!(
        dialog(&app).effect[1],
        "voters 3 -> 3, quorum 2 -> 2, tolerates 1 -> 1"
    );
    let effects = press(&mut app, "<Enter><Enter>");
    let wanted = Change::AddMember {
        address: "h:1".to_owned(),
        learner: true,
    };
    assert_eq!(*made(&effects), wanted);
}

#[test]
fn only_a_learner_is_promoted() {
    let mut app = app();
    press(&mut app, "p");
    assert_eq!(notice(&app), "n1 is a voter already");
    press(&mut app, "Gp");
    assert_eq!(dialog(&app).title, "Promote n4");
    let effects = press(&mut app, "<Tab><Enter>");
    assert!(matches!(
        made(&effects),
        Change::PromoteMember { id: 4, .. }
    ));
}

#[test]
fn leadership_goes_to_the_selected_voter_or_to_whom_is_typed() {
    let mut app = app();
    press(&mut app, "T");
    assert_eq!(dialog(&app).fields[0].input.text, "n1");
    assert_eq!(
        dialog(&app).effect[..2],
        ["n2 leads in term 7", "it hands leadership over to n1"]
    );
    press(&mut app, "<C-u>n4");
    assert!(
        dialog(&app)
            .warning
            .as_ref()
            .unwrap()
            .starts_with("n4 is a learner")
    );
    assert!(press(&mut app, "<Enter><Enter>").is_empty());
    press(&mut app, "<Tab><C-u>3");
    let effects = press(&mut app, "<Enter><Enter>");
    let wanted = Change::TransferLeader {
        to: Some(3),
        name: Some("n3".to_owned()),
    };
    assert_eq!(*made(&effects), wanted);
    // The leader itself is selected: to whoever is furthest.
    press(&mut app, "<Esc>jT");
    assert_eq!(dialog(&app).fields[0].input.text, "");
    let effects = press(&mut app, "<Enter><Enter>");
    assert!(matches!(
        made(&effects),
        Change::TransferLeader { to: None, .. }
    ));
}

#[test]
fn namespaces_are_created_with_bounds_and_deleted_by_name() {
    let mut app = app();
    press(&mut app, "4asessions");
    assert!(dialog(&app).warning.as_ref().unwrap().contains("already"));
    let effects = press(
        &mut app,
        "<C-u>new<Enter>10m<Enter>5<Enter>64MiB<Enter><Enter>",
    );
    let wanted = Change::CreateNamespace {
        name: "new".to_owned(),
        default_ttl: Some(Duration::from_secs(600)),
        max_keys: Some(5),
        max_bytes: Some(64 << 20),
    };
    assert_eq!(*made(&effects), wanted);
    press(&mut app, "<Esc>j<C-d>");
    assert_eq!(
        dialog(&app).effect,
        ["48 211 keys go with it, 9.2 MiB in all"]
    );
    let effects = press(&mut app, "sessions<Enter><Enter>");
    assert!(matches!(made(&effects), Change::DeleteNamespace { name } if name == "sessions"));
}

#[test]
fn the_effect_follows_the_cluster_while_somebody_reads() {
    let mut app = app();
    press(&mut app, "jj<C-d>");
    app.changed = false;
    dialog::refresh(&mut app);
    assert!(!app.changed, "nothing is new");
    let answers = vec![
        status(1, Role::Follower, Some(2)),
        status(2, Role::Leader, Some(2)),
    ];
    app.cluster.survey = Some(survey(answers, &[3]));
    dialog::refresh(&mut app);
    assert!(app.changed);
    assert_eq!(
        dialog(&app).effect[0],
        "n3 is unreachable (Connection refused)"
    );
}

#[test]
fn without_an_answer_of_anybody_nothing_is_promised() {
    let mut app = app();
    app.cluster.survey = None;
    press(&mut app, "a");
    assert_eq!(
        dialog(&app).warning.as_deref(),
        Some("no member has answered yet")
    );
    press(&mut app, "<Esc><C-d>");
    assert_eq!(notice(&app), "nothing is selected");
}
