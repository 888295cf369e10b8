use crossterm::event::KeyEventState;

use super::*;
use crate::tui::update::tests::app;

fn event(press: Press) -> KeyEvent {
    let modifiers = if press.ctrl {
        KeyModifiers::CONTROL
    } else {
        KeyModifiers::NONE
    };
    KeyEvent::new(press.code, modifiers)
}

#[test]
fn a_key_means_one_thing_on_a_screen() {
    for screen in Screen::ALL {
        let mut seen: Vec<Press> = Vec::new();
        for binding in TABLE.iter().filter(|binding| binding.is_on(screen)) {
            for key in binding.keys {
                assert!(!seen.contains(key), "{key:?} twice on {screen:?}");
                seen.push(*key);
            }
        }
    }
}

#[test]
fn a_name_means_one_thing_on_a_screen() {
    for screen in Screen::ALL {
        let mut names: Vec<&str> = named(screen, false).map(|(name, ..)| name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{screen:?}");
    }
}

/// Each key that the design names, with the screen on which it is tried.
#[test]
fn the_keys_of_the_design_are_there() {
    let mut app = app();
    let mut means = |screen, press: Press| {
        app.screen = screen;
        command(&app, &event(press))
    };
    use Command::*;
    for (screen, press, wanted) in [
        (Screen::Overview, Press::char('j'), Down),
        (Screen::Overview, Press::char('k'), Up),
        (Screen::Overview, Press::char('g'), First),
        (Screen::Overview, Press::char('G'), Last),
        (Screen::Raft, Press::of(KeyCode::Up), Up),
        (Screen::Raft, Press::of(KeyCode::Down), Down),
        (Screen::Raft, Press::of(KeyCode::PageUp), PageUp),
        (Screen::Raft, Press::of(KeyCode::PageDown), PageDown),
        (Screen::Raft, Press::ctrl('b'), PageUp),
        (Screen::Raft, Press::ctrl('f'), PageDown),
        (Screen::Raft, Press::of(KeyCode::Home), First),
        (Screen::Raft, Press::of(KeyCode::End), Last),
        (Screen::Namespaces, Press::of(KeyCode::Enter), Open),
        (Screen::Browser, Press::of(KeyCode::Esc), Back),
        (Screen::Browser, Press::of(KeyCode::Tab), Focus),
        (Screen::Browser, Press::of(KeyCode::BackTab), FocusBack),
        (Screen::Watch, Press::char('1'), Go(Screen::Overview)),
        (Screen::Watch, Press::char('6'), Go(Screen::Watch)),
        (Screen::Watch, Press::char('/'), Filter),
        (Screen::Browser, Press::char('/'), Filter),
        (Screen::Watch, Press::char('n'), NextMatch),
        (Screen::Watch, Press::char('N'), PreviousMatch),
        (Screen::Watch, Press::char(':'), Palette),
        (Screen::Watch, Press::char('?'), Help),
        (Screen::Members, Press::char('s'), Sort),
        (Screen::Members, Press::char('S'), ReverseSort),
        (Screen::Members, Press::char(' '), Freeze),
        (Screen::Members, Press::char('+'), Faster),
        (Screen::Members, Press::char('-'), Slower),
        (Screen::Browser, Press::char('v'), Form),
        (Screen::Browser, Press::char('e'), Edit),
        (Screen::Browser, Press::char('a'), Add),
        (Screen::Namespaces, Press::char('a'), Add),
        (Screen::Members, Press::char('a'), Add),
        (Screen::Browser, Press::ctrl('d'), Delete),
        (Screen::Namespaces, Press::ctrl('d'), Delete),
        (Screen::Members, Press::ctrl('d'), Delete),
        (Screen::Namespaces, Press::char('w'), Watch),
        (Screen::Browser, Press::char('w'), Watch),
        (Screen::Browser, Press::char('y'), Copy),
        (Screen::Browser, Press::char('Y'), CopyValue),
        (Screen::Overview, Press::char('T'), Transfer),
        (Screen::Members, Press::char('p'), Promote),
        (Screen::Overview, Press::char('%'), Mouse),
        (Screen::Overview, Press::ctrl('l'), Redraw),
        (Screen::Overview, Press::char('q'), Quit),
        (Screen::Overview, Press::ctrl('c'), Quit),
    ] {
        assert_eq!(means(screen, press), Some(wanted), "{press:?}");
    }
    assert_eq!(means(Screen::Watch, Press::char('e')), None);
}

#[test]
fn shift_is_in_the_character_and_a_release_is_nothing() {
    let mut app = app();
    let shifted = KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT);
    assert_eq!(command(&app, &shifted), Some(Command::Last));
    let back = KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT);
    assert_eq!(command(&app, &back), Some(Command::FocusBack));
    let alt = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::ALT);
    assert_eq!(command(&app, &alt), None);
    let released = KeyEvent {
        kind: KeyEventKind::Release,
        state: KeyEventState::NONE,
        ..event(Press::char('q'))
    };
    assert_eq!(command(&app, &released), None);
    app.screen = Screen::Browser;
    let caps = KeyEvent::new(KeyCode::Char('D'), KeyModifiers::CONTROL);
    assert_eq!(command(&app, &caps), Some(Command::Delete));
}

#[test]
fn read_only_hides_every_change_everywhere() {
    let mut app = app();
    let changing: Vec<&Binding> = TABLE.iter().filter(|binding| binding.changes).collect();
    let mut tried = 0;
    for screen in Screen::ALL {
        app.screen = screen;
        for binding in changing.iter().filter(|binding| binding.is_on(screen)) {
            app.settings.read_only = false;
            assert!(command(&app, &event(binding.keys[0])).is_some());
            app.settings.read_only = true;
            assert_eq!(command(&app, &event(binding.keys[0])), None);
            let abouts = help(&app).into_iter().flat_map(|(_, rows)| rows);
            assert!(!abouts.map(|(_, about)| about).any(|it| it == binding.about));
            tried += 1;
        }
        let words = hints(&app).into_iter().map(|(_, word)| word);
        let hidden = ["edit", "put", "delete", "remove", "create", "transfer"];
        assert_eq!(words.filter(|word| hidden.contains(word)).count(), 0);
        assert!(named(screen, true).all(|(.., command)| !changes(&command)));
    }
    assert!(tried > 10);
}

#[test]
fn hints_name_what_the_screen_is_for_first_and_quit_last() {
    let mut app = app();
    app.screen = Screen::Browser;
    let shown = |app: &App| -> Vec<String> {
        let hints = hints(app).into_iter();
        hints.map(|(key, word)| format!("{key} {word}")).collect()
    };
    let hints = shown(&app);
    assert_eq!(
        hints[..4],
        ["j/k move", "Enter value", "/ prefix", ": command"]
    );
    assert!(hints.contains(&"Ctrl-d delete".to_owned()));
    assert_eq!(hints.last().unwrap(), "q quit");
    app.browser.in_value = true;
    assert_eq!(shown(&app)[..2], ["j/k scroll", "Esc back"]);
    app.overlay = Some(Overlay::Help { scroll: 0 });
    assert_eq!(shown(&app), ["j/k scroll", "Esc close"]);
}

#[test]
fn the_help_begins_with_the_screen_and_has_ascii_names_for_arrows() {
    let mut app = app();
    app.screen = Screen::Namespaces;
    let sections = help(&app);
    assert_eq!(sections[0].0, "Namespaces");
    assert_eq!(sections[1].0, "Move");
    assert_eq!(sections[1].1[0], ("j \u{2193}".to_owned(), "the next row"));
    app.settings.theme.unicode = false;
    assert_eq!(help(&app)[1].1[0].0, "j Down");
}
