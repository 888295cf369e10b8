//! Questions to the user: only where both stdin and stderr are terminals and `--no-input` is
//! absent. They are asked on stderr, from a thread beside the runtime's.

use std::io::{self, IsTerminal};

use dialoguer::{Confirm, Input, console::Term};

use crate::{cli::Globals, failure::Failure};

/// Whether and how the user can be asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prompt {
    interactive: bool,
    yes: bool,
}

impl Prompt {
    pub(crate) fn new(globals: &Globals) -> Self {
        Self {
            interactive: !globals.no_input
                && io::stdin().is_terminal()
                && io::stderr().is_terminal(),
            yes: globals.yes,
        }
    }

    /// Whether every question is answered with yes in advance.
    pub(crate) fn assumes_yes(self) -> bool {
        self.yes
    }

    /// Asks before something destructive; the default is no. `effect` is a clause that says what
    /// happens: "this deletes 12 keys".
    ///
    /// # Errors
    /// [`Failure::Declined`], or [`Failure::Unconfirmed`] if nobody can be asked.
    pub(crate) async fn confirm(self, effect: String) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !self.interactive {
            return Err(Failure::Unconfirmed { effect });
        }
        let agreed = ask(move || {
            Confirm::new()
                .with_prompt(format!("{}. Go on?", capitalized(&effect)))
                .default(false)
                .interact()
        })
        .await?;
        if agreed {
            Ok(())
        } else {
            Err(Failure::Declined)
        }
    }

    /// Asks for a name to be typed out before something that cannot be undone.
    ///
    /// # Errors
    /// [`Failure::Declined`], or [`Failure::Unconfirmed`] if nobody can be asked.
    pub(crate) async fn type_out(self, effect: String, name: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !self.interactive {
            return Err(Failure::Unconfirmed { effect });
        }
        let prompt = format!(
            "{}. Type {name} to go on, or Enter to leave it",
            capitalized(&effect)
        );
        let typed = text(prompt).await?;
        if typed == name {
            Ok(())
        } else {
            Err(Failure::Declined)
        }
    }

    /// Asks whether to go on with something that does no harm; the default is yes. No if nobody can
    /// be asked.
    pub(crate) async fn agrees(self, question: String) -> Result<bool, Failure> {
        if self.yes || !self.interactive {
            return Ok(self.yes);
        }
        ask(move || {
            Confirm::new()
                .with_prompt(question)
                .default(true)
                .interact()
        })
        .await
    }

    /// Asks for a value; empty is an answer. Nothing if nobody can be asked.
    pub(crate) async fn value(self, prompt: String) -> Result<Option<String>, Failure> {
        if self.interactive {
            text(prompt).await.map(Some)
        } else {
            Ok(None)
        }
    }
}

async fn text(prompt: String) -> Result<String, Failure> {
    ask(move || {
        Input::<String>::new()
            .with_prompt(prompt)
            .allow_empty(true)
            .interact_text()
    })
    .await
}

async fn ask<T, F>(question: F) -> Result<T, Failure>
where
    T: Send + 'static,
    F: FnOnce() -> dialoguer::Result<T> + Send + 'static,
{
    match tokio::task::spawn_blocking(question).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(dialoguer::Error::IO(error))) if error.kind() == io::ErrorKind::Interrupted => {
            Err(Failure::Interrupted)
        }
        Ok(Err(dialoguer::Error::IO(error))) => Err(Failure::Prompt(error)),
        Err(error) => Err(Failure::Prompt(io::Error::other(error))),
    }
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

/// Undoes what an interrupted prompt or progress bar may have left: a hidden cursor, half a line.
pub(crate) fn restore_terminal() {
    let terminal = Term::stderr();
    if terminal.is_term() && (terminal.show_cursor().is_err() || terminal.write_line("").is_err()) {
        // The terminal is gone; there is nothing to restore.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(future)
    }

    #[test]
    fn without_a_terminal_only_yes_confirms() {
        let prompt = |yes| Prompt {
            interactive: false,
            yes,
        };
        let effect = || "this deletes 2 keys".to_owned();
        assert!(block_on(prompt(true).confirm(effect())).is_ok());
        assert!(block_on(prompt(true).type_out(effect(), "name")).is_ok());
        for refused in [
            block_on(prompt(false).confirm(effect())),
            block_on(prompt(false).type_out(effect(), "name")),
        ] {
            let failure = refused.unwrap_err();
            assert_eq!(
                failure.to_string(),
                "this deletes 2 keys, which needs confirmation"
            );
        }
        assert_eq!(block_on(prompt(false).value(effect())).unwrap(), None);
        assert!(block_on(prompt(true).agrees(effect())).unwrap());
        assert!(!block_on(prompt(false).agrees(effect())).unwrap());
    }

    #[test]
    fn a_clause_becomes_a_sentence() {
        assert_eq!(capitalized("this deletes"), "This deletes");
        assert_eq!(capitalized(""), "");
    }
}
