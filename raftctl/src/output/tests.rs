use std::{cell::RefCell, rc::Rc};

use super::*;

/// Collects what is printed.
#[derive(Clone, Default)]
struct Collected(Rc<RefCell<Vec<u8>>>);

impl Write for Collected {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `print` prints in a form, on a terminal 40 wide or not.
pub(crate) fn printed(
    format: Format,
    terminal: bool,
    print: impl FnOnce(&mut Output) -> Result<(), Failure>,
) -> String {
    let collected = Collected::default();
    let mut output = Output {
        format,
        style: Style {
            color: false,
            unicode: true,
            width: terminal.then_some(40),
            height: terminal.then_some(24),
        },
        terminal,
        stderr_color: false,
        quiet: false,
        verbose: false,
        out: Box::new(collected.clone()),
    };
    print(&mut output).unwrap();
    let bytes = collected.0.borrow().clone();
    String::from_utf8(bytes).unwrap()
}

#[derive(Serialize)]
struct Fruit {
    name: &'static str,
}

impl Row for Fruit {
    fn cells(&self) -> Vec<Cell> {
        vec![Cell::new(self.name)]
    }

    fn plain(&self) -> Vec<String> {
        vec![self.name.to_owned()]
    }
}

#[test]
fn a_list_is_a_table_lines_or_objects() {
    let in_form = |format| {
        printed(format, false, |output| {
            let mut table = Table::new(&[table::text("NAME")]);
            output.more_rows(&mut table, &[Fruit { name: "apple" }])?;
            output.more_rows(&mut table, &[Fruit { name: "pear" }])
        })
    };
    assert_eq!(in_form(Format::Table), "NAME\napple\npear\n");
    assert_eq!(in_form(Format::Plain), "apple\npear\n");
    assert_eq!(
        in_form(Format::Json),
        "{\"name\":\"apple\"}\n{\"name\":\"pear\"}\n"
    );
}

#[test]
fn a_failure_says_what_and_what_next() {
    let failure = Failure::Unconfirmed {
        effect: "this deletes 2 keys".to_owned(),
    };
    assert_eq!(
        failure_text(&failure, false),
        "error: this deletes 2 keys, which needs confirmation\n\
         hint: pass --yes to do it without a question\n"
    );
    assert!(failure_text(&failure, true).starts_with("\x1b[31merror:\x1b[0m this"));
    let hostile = Failure::Api(common::Error::Internal {
        message: "\x1b]0;title\x07".to_owned(),
    });
    assert!(!failure_text(&hostile, false).contains('\x1b'));
}

#[test]
fn a_diff_has_colours_and_nothing_that_drives_a_terminal() {
    let diff = "--- a\n+++ b\n@@ -1 +1 @@\n-\x1b[2J\n+x\n";
    assert_eq!(
        painted_diff(diff, false),
        "--- a\n+++ b\n@@ -1 +1 @@\n-\\x1b[2J\n+x\n"
    );
    assert!(painted_diff(diff, true).contains("\x1b[32m+x\x1b[0m\n"));
}

#[test]
fn colour_follows_the_flag_then_the_environment_then_the_terminal() {
    let decide = |when: When, terminal: bool, set: &[(&str, &str)]| {
        when.colored(terminal, |name| {
            set.iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| OsString::from(value))
        })
    };
    assert!(decide(When::Auto, true, &[]));
    assert!(!decide(When::Auto, false, &[]));
    assert!(!decide(When::Auto, true, &[("NO_COLOR", "1")]));
    assert!(decide(When::Auto, true, &[("NO_COLOR", "")]));
    assert!(decide(When::Auto, false, &[("CLICOLOR_FORCE", "1")]));
    assert!(!decide(When::Auto, false, &[("CLICOLOR_FORCE", "0")]));
    assert!(!decide(
        When::Auto,
        true,
        &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]
    ));
    assert!(!decide(When::Auto, true, &[("TERM", "dumb")]));
    assert!(decide(When::Always, false, &[("NO_COLOR", "1")]));
    assert!(!decide(When::Never, true, &[("CLICOLOR_FORCE", "1")]));
}

#[test]
fn the_locale_decides_about_characters_beyond_ascii() {
    let decide = |set: &[(&str, &str)]| {
        is_utf8_locale(|name| {
            set.iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| OsString::from(value))
        })
    };
    assert!(decide(&[("LANG", "en_US.UTF-8")]));
    assert!(decide(&[("LC_ALL", "C.utf8"), ("LANG", "C")]));
    assert!(!decide(&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")]));
    assert!(!decide(&[]));
}

#[test]
fn the_form_is_recognized_in_a_command_line_that_does_not_parse() {
    let requested = |line: &str| {
        let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        Format::requested(&arguments)
    };
    for line in [
        "raftctl get -o json",
        "raftctl -ojson get",
        "raftctl --output=json",
        "raftctl --output json bogus",
    ] {
        assert_eq!(requested(line), Some(Format::Json), "{line}");
    }
    assert_eq!(requested("raftctl put a -- -o json"), None);
    assert_eq!(requested("raftctl -o"), None);
}
