//! Real keys through the loop, against a picture in memory and a world that answers by a script.

use std::{
    collections::VecDeque,
    io,
    time::{Duration, Instant, SystemTime},
};

use crossterm::event::Event;
use ratatui::{Terminal, backend::TestBackend};
use tokio::{
    sync::mpsc::{self, Sender},
    time::sleep_until,
};

use super::{
    app::{App, DialogState, Overlay, Screen},
    drive,
    host::{Host, Incoming},
    message::{Change, Effect, Message, Refused},
    update::tests::{app, browsing, keys},
};
use crate::signals::Caught;

/// A step of the user.
enum Step {
    Keys(&'static str),
    /// Waits until nothing is under way any more.
    Wait(Duration),
    Event(Event),
    Answer(Message),
    Signal(Caught),
}

/// Long enough for every answer.
const SETTLE: Step = Step::Wait(Duration::from_millis(200));

type Answers = Box<dyn FnMut(&Effect) -> Vec<Message>>;

struct Script {
    steps: VecDeque<Step>,
    pressed: VecDeque<Event>,
    until: Option<tokio::time::Instant>,
    sender: Sender<Message>,
    answers: Answers,
    started: Vec<Effect>,
    copied: Vec<Vec<u8>>,
    mouse: Vec<bool>,
    suspended: usize,
    /// What the editor makes of a text.
    edited: &'static str,
}

impl Host for Script {
    async fn next(&mut self) -> Incoming {
        loop {
            if let Some(event) = self.pressed.pop_front() {
                return Incoming::Event(event);
            }
            if let Some(until) = self.until {
                sleep_until(until).await;
                self.until = None;
            }
            match self.steps.pop_front() {
                Some(Step::Keys(text)) => {
                    self.pressed = keys(text).into_iter().map(Event::Key).collect();
                }
                Some(Step::Wait(time)) => self.until = Some(tokio::time::Instant::now() + time),
                Some(Step::Event(event)) => return Incoming::Event(event),
                Some(Step::Answer(message)) => self.sender.try_send(message).unwrap(),
                Some(Step::Signal(caught)) => return Incoming::Signal(caught),
                None => return Incoming::Broken(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }

    fn start(&mut self, effect: Effect) {
        for message in (self.answers)(&effect) {
            self.sender.try_send(message).unwrap();
        }
        self.started.push(effect);
    }

    fn copy(&mut self, text: &[u8]) -> io::Result<()> {
        self.copied.push(text.to_vec());
        Ok(())
    }

    fn mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse.push(on);
        Ok(())
    }

    async fn edit(&mut self, effect: Effect) -> io::Result<Message> {
        let Effect::OpenEditor {
            namespace,
            key,
            base,
            original,
            ..
        } = effect
        else {
            panic!("{effect:?} is no editor's");
        };
        Ok(Message::Edited {
            namespace,
            key,
            base,
            size: original.len() as u64,
            result: Ok(Some(self.edited.into())),
        })
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.suspended += 1;
        Ok(())
    }
}

/// How it went.
struct Played {
    ended: Result<Option<Caught>, String>,
    host: Script,
    terminal: Terminal<TestBackend>,
}

impl Played {
    fn picture(&self) -> String {
        self.terminal.backend().to_string()
    }

    /// How many pictures were drawn.
    fn pictures(&mut self) -> usize {
        self.terminal.get_frame().count()
    }
}

fn play(
    app: &mut App,
    steps: Vec<Step>,
    answers: impl FnMut(&Effect) -> Vec<Message> + 'static,
) -> Played {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let (sender, mut messages) = mpsc::channel(64);
        let mut host = Script {
            steps: steps.into(),
            pressed: VecDeque::new(),
            until: None,
            sender,
            answers: Box::new(answers),
            started: Vec::new(),
            copied: Vec::new(),
            mouse: Vec::new(),
            suspended: 0,
            edited: "edited",
        };
        let mut terminal = Terminal::new(TestBackend::new(120, 35)).unwrap();
        let ended = drive(app, &mut terminal, &mut host, &mut messages).await;
        Played {
            ended: ended.map_err(|failure| failure.to_string()),
            host,
            terminal,
        }
    })
}

fn silent(_: &Effect) -> Vec<Message> {
    Vec::new()
}

/// Takes every change.
fn willing(effect: &Effect) -> Vec<Message> {
    match effect {
        Effect::Make(change) => vec![Message::Done {
            change: change.clone(),
            result: Ok("it is done".to_owned()),
        }],
        _ => Vec::new(),
    }
}

fn changes(played: &Played) -> Vec<&Change> {
    let started = played.host.started.iter();
    started
        .filter_map(|effect| match effect {
            Effect::Make(change) => Some(change),
            _ => None,
        })
        .collect()
}

#[test]
fn a_key_is_answered_by_a_picture_and_q_ends_it() {
    let mut app = app();
    let played = play(
        &mut app,
        vec![Step::Keys("3"), SETTLE, Step::Keys("q")],
        silent,
    );
    assert_eq!(played.ended, Ok(None));
    assert!(played.picture().contains("Raft"), "{}", played.picture());
    assert_eq!(app.size, (120, 35));
    assert!(!app.changed);
}

#[test]
fn a_dialog_is_confirmed_and_what_came_of_it_is_told() {
    let mut app = app();
    let steps = vec![
        Step::Keys("jj<C-d>n3<Enter><Enter>"),
        SETTLE,
        Step::Keys("q"),
    ];
    let played = play(&mut app, steps, willing);
    assert_eq!(played.ended, Ok(None), "the dialog is closed: q quits");
    assert!(matches!(
        changes(&played)[..],
        [Change::RemoveMember { id: 3, .. }]
    ));
    assert!(
        played.picture().contains("it is done"),
        "{}",
        played.picture()
    );
}

#[test]
fn a_refusal_is_shown_and_tried_again() {
    let mut app = browsing();
    let mut refusals = 1;
    let answers = move |effect: &Effect| match effect {
        Effect::Make(change) if refusals > 0 => {
            refusals -= 1;
            vec![Message::Done {
                change: change.clone(),
                result: Err(Refused {
                    reason: "no leader".to_owned(),
                    conflict: None,
                }),
            }]
        }
        effect => willing(effect),
    };
    let steps = vec![
        Step::Keys("<C-d><Tab><Enter>"),
        SETTLE,
        Step::Keys("<Enter>"),
        SETTLE,
        Step::Keys("q"),
    ];
    let played = play(&mut app, steps, answers);
    assert_eq!(played.ended, Ok(None));
    assert_eq!(changes(&played).len(), 2);
}

#[test]
fn a_dialog_stands_in_the_picture_until_it_is_answered() {
    let mut app = browsing();
    let steps = vec![Step::Keys("<C-d><Tab><Enter>"), SETTLE, Step::Keys("q")];
    let played = play(&mut app, steps, silent);
    assert!(played.ended.is_err(), "q does nothing while it is awaited");
    assert!(matches!(
        &app.overlay,
        Some(Overlay::Dialog(dialog)) if dialog.state == DialogState::Working
    ));
    assert!(played.picture().contains("Delete user:1"));
}

#[test]
fn a_value_goes_to_the_editor_and_comes_back_as_a_question() {
    let mut app = browsing();
    let answers = |effect: &Effect| match effect {
        Effect::Edit {
            namespace,
            key,
            text,
        } => vec![Message::ToEdit {
            namespace: namespace.clone(),
            key: key.clone(),
            text: text.clone(),
            answer: Ok(Some(common::types::Entry {
                key: key.clone(),
                value: "before".into(),
                size: 6,
                create_revision: 1,
                revision: 12,
                version: 1,
                ttl: None,
                lease: None,
            })),
        }],
        effect => willing(effect),
    };
    let steps = vec![
        Step::Keys("e"),
        SETTLE,
        Step::Keys("<Tab><Enter>"),
        SETTLE,
        Step::Keys("q"),
    ];
    let played = play(&mut app, steps, answers);
    assert_eq!(played.ended, Ok(None));
    let Change::Put { value, base, .. } = changes(&played)[0] else {
        panic!("no put")
    };
    assert_eq!((&value[..], *base), (&b"edited"[..], Some(12)));
}

#[test]
fn the_palette_and_the_filter_take_their_keys_from_the_loop() {
    let mut app = app();
    let steps = vec![
        Step::Keys(":ns sess<Enter>"),
        SETTLE,
        Step::Keys("/user:"),
        Step::Event(Event::Paste("10".to_owned())),
        Step::Keys("<Enter>"),
        SETTLE,
        Step::Keys("<C-c>"),
    ];
    let played = play(&mut app, steps, silent);
    assert_eq!(played.ended, Ok(None));
    assert_eq!(app.screen, Screen::Browser);
    assert_eq!(app.browser.namespace.as_deref(), Some("sessions"));
    assert_eq!(app.browser.narrowing.filter, "user:10");
}

#[test]
fn the_terminal_is_asked_for_copies_mouse_and_the_shell() {
    let mut app = browsing();
    let steps = vec![Step::Keys("y%%<C-z><C-l>q")];
    let played = play(&mut app, steps, silent);
    assert_eq!(played.host.copied, [b"user:1".to_vec()]);
    assert_eq!(played.host.mouse, [false, true]);
    assert_eq!(played.host.suspended, 1);
}

#[test]
fn nothing_is_drawn_when_nothing_changed() {
    let mut app = app();
    let steps = vec![Step::Wait(Duration::from_secs(30)), Step::Keys("q")];
    let mut played = play(&mut app, steps, silent);
    assert_eq!(played.pictures(), 1);
}

#[test]
fn data_share_a_picture_and_keys_do_not_wait_for_it() {
    // A hundred notices within half a second, one each 5 ms.
    let mut steps = Vec::new();
    for _ in 0..100 {
        steps.push(Step::Answer(Message::Copied(1)));
        steps.push(Step::Wait(Duration::from_millis(5)));
    }
    steps.push(Step::Keys("<C-c>"));
    let mut app = app();
    let mut played = play(&mut app, steps, silent);
    let pictures = played.pictures();
    assert!((9..=12).contains(&pictures), "{pictures} pictures in 0.5 s");
    // A key each 5 ms: a picture for each.
    let mut steps = Vec::new();
    for at in 0..40 {
        steps.push(Step::Keys(if at % 2 == 0 { "j" } else { "k" }));
        steps.push(Step::Wait(Duration::from_millis(5)));
    }
    steps.push(Step::Keys("<C-c>"));
    let mut played = play(&mut self::app(), steps, silent);
    assert_eq!(played.pictures(), 41);
}

#[test]
fn a_signal_ends_it_and_says_which() {
    let steps = vec![Step::Keys("a"), Step::Signal(Caught::Terminate)];
    let played = play(&mut app(), steps, silent);
    assert_eq!(played.ended, Ok(Some(Caught::Terminate)));
}

#[test]
fn a_terminal_that_is_gone_ends_it_with_the_reason() {
    let played = play(&mut app(), vec![SETTLE], silent);
    let reason = played.ended.unwrap_err();
    assert!(reason.starts_with("cannot read the terminal"), "{reason}");
}

#[test]
fn it_begins_before_anybody_answers() {
    let settings = app().settings;
    let mut app = App::new(settings, Instant::now(), SystemTime::now());
    let steps = vec![
        Step::Keys("jjkG<Enter>2345612345<Tab>j<Enter>e<C-d><Esc>aTyY/x<Enter>n"),
        SETTLE,
        Step::Keys("<Esc><Esc>q"),
    ];
    let played = play(&mut app, steps, silent);
    assert_eq!(played.ended, Ok(None));
}
