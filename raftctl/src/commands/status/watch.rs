//! `status --watch`: the same, again and again.
//!
//! On a terminal each picture takes the place of the one before; what does not fit is left out, and
//! the last one stays there at the end. While nobody answers, the last good picture stays, under a
//! line that says since when. In a pipe pictures follow each other: an object a line, or lines, or
//! tables with an empty line between.

use std::{
    process::ExitCode,
    time::{Duration, Instant, SystemTime},
};

use common::{Error, types::Member};
use tokio::time::MissedTickBehavior;

use super::{Args, print, text};
use crate::{
    commands::{Session, follow::Outage},
    failure::Failure,
    output::{
        Format, Output, Style,
        fit::wrapped,
        table::{Tone, cut},
        time::remaining,
    },
    signals,
    survey::{Survey, label},
};

/// Moves to the upper left corner.
const HOME: &str = "\x1b[H";

/// Erases the rest of the line.
const ERASE_LINE: &str = "\x1b[K";

/// Erases all below.
const ERASE_BELOW: &str = "\x1b[J";

pub(super) async fn run(
    args: &Args,
    session: &Session,
    output: &mut Output,
) -> Result<ExitCode, Failure> {
    let mut signals = signals::take()?;
    let mut ticks = tokio::time::interval(args.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let gone = Output::reader_gone();
    tokio::pin!(gone);
    let mut screen = Screen::new(args.interval);
    let mut outage = Outage::default();
    let mut printed = false;
    let mut known = Vec::new();
    loop {
        let asked = tokio::select! {
            asked = async {
                ticks.tick().await;
                session.look(&known).await
            } => asked,
            caught = signals.next() => return Ok(caught.exit()),
            () = &mut gone => return Ok(ExitCode::SUCCESS),
        };
        if let Ok(survey) = &asked {
            known = survey.addresses();
        }
        output.measure();
        if output.is_terminal() && output.format() == Format::Table {
            screen.take_in(asked, args.details, output)?;
            let picture = screen.picture(output.style());
            output.raw(picture.as_bytes())?;
        } else {
            match asked {
                Ok(survey) => {
                    outage.over("the status", output);
                    if printed && output.format() == Format::Table {
                        output.raw(b"\n")?;
                    }
                    printed = true;
                    print(&survey, args.details, output)?;
                }
                Err(error) if printed && error.is_retryable() => {
                    outage.note("the status", &error, output);
                }
                Err(error) => return Err(error.into()),
            }
        }
        output.flush()?;
    }
}

/// What is on the terminal.
struct Screen {
    interval: Duration,
    /// The last good picture, and when it was made.
    good: Option<(String, Instant)>,
    error: Option<String>,
    leader: Option<Member>,
    /// The last change of the leader that was seen.
    change: Option<(String, Instant)>,
    cleared: bool,
}

impl Screen {
    fn new(interval: Duration) -> Self {
        Self {
            interval,
            good: None,
            error: None,
            leader: None,
            change: None,
            cleared: false,
        }
    }

    /// Takes in an answer.
    ///
    /// # Errors
    /// What is in the way of the first one.
    fn take_in(
        &mut self,
        asked: Result<Survey, Error>,
        details: bool,
        output: &Output,
    ) -> Result<(), Failure> {
        match asked {
            Ok(survey) => {
                self.note_leader(&survey);
                let mut picture = text(&survey, details, output);
                for remark in &survey.remarks {
                    let line = wrapped(&format!("note: {remark}"), 2, output.style().width);
                    picture.push_str(&format!("{line}\n"));
                }
                self.good = Some((picture, Instant::now()));
                self.error = None;
            }
            Err(error) if self.good.is_some() && error.is_retryable() => {
                self.error = Some(error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn note_leader(&mut self, survey: &Survey) {
        let Some(leader) = &survey.leader else {
            return;
        };
        if let Some(before) = self.leader.replace(leader.clone())
            && before.id != leader.id
        {
            let (before, after) = (label(&before), label(leader));
            let change = format!("leader {before} -> {after}, term {}", survey.term);
            self.change = Some((change, Instant::now()));
        }
    }

    /// The whole screen.
    fn picture(&mut self, style: Style) -> String {
        let now = humantime::format_rfc3339_seconds(SystemTime::now());
        let every = crate::output::time::exact(self.interval);
        let mut head = format!("{now}  every {every}  Ctrl-C ends");
        if let Some((change, at)) = &self.change {
            head = format!("{now}  {change}, {} ago", age(*at));
        }
        let mut lines = vec![Tone::Dim.paint(&cut(&head, style.width), style.color)];
        if let Some((good, at)) = &self.good {
            if let Some(error) = &self.error {
                let text = format!("{error}; what follows is {} old", age(*at));
                let text = wrapped(&text, 2, style.width);
                lines.extend(text.lines().map(|line| Tone::Bad.paint(line, style.color)));
            }
            lines.extend(good.lines().map(str::to_owned));
        }
        if let Some(height) = style.height {
            // The last line stays free, or the terminal would scroll.
            lines.truncate(height.saturating_sub(1).max(1));
        }
        let mut picture = String::from(HOME);
        if !std::mem::replace(&mut self.cleared, true) {
            picture.push_str(ERASE_BELOW);
        }
        for line in lines {
            picture.push_str(&line);
            picture.push_str(ERASE_LINE);
            picture.push('\n');
        }
        picture.push_str(ERASE_BELOW);
        picture
    }
}

/// The time since then, in whole seconds.
fn age(at: Instant) -> String {
    remaining(Duration::from_secs(at.elapsed().as_secs()))
}

#[cfg(test)]
mod tests {
    use common::types::Role;

    use super::*;
    use crate::{
        output::tests::printed,
        survey::tests::{status, survey},
    };

    const STYLE: Style = Style {
        color: false,
        unicode: true,
        width: Some(80),
        height: Some(24),
    };

    fn take_in(screen: &mut Screen, asked: Result<Survey, Error>) -> Result<(), String> {
        let mut taken = Ok(());
        printed(Format::Table, true, |output| {
            taken = screen
                .take_in(asked, false, output)
                .map_err(|it| it.to_string());
            Ok(())
        });
        taken
    }

    fn down() -> Error {
        Error::Unreachable {
            reason: "Connection refused".to_owned(),
        }
    }

    #[test]
    fn the_last_good_picture_stays_with_its_age() {
        let mut screen = Screen::new(Duration::from_secs(1));
        assert!(take_in(&mut screen, Err(down())).is_err());
        let one = survey(vec![status(1, Role::Leader, Some(1))], &[2, 3]);
        take_in(&mut screen, Ok(one)).unwrap();
        assert!(screen.picture(STYLE).contains("every 1s"));
        take_in(&mut screen, Err(down())).unwrap();
        let picture = screen.picture(STYLE);
        assert!(picture.contains("what follows is 0s old"), "{picture}");
        assert!(picture.contains("unreachable"), "{picture}");
    }

    #[test]
    fn a_new_leader_is_told() {
        let mut screen = Screen::new(Duration::from_secs(1));
        let led_by = |id| {
            let follower = status(3 - id, Role::Follower, Some(id));
            survey(vec![status(id, Role::Leader, Some(id)), follower], &[3])
        };
        take_in(&mut screen, Ok(led_by(1))).unwrap();
        take_in(&mut screen, Ok(led_by(2))).unwrap();
        let picture = screen.picture(STYLE);
        assert!(
            picture.contains("leader n1 -> n2, term 7, 0s ago"),
            "{picture}"
        );
    }

    #[test]
    fn a_picture_is_no_higher_than_the_terminal() {
        let mut screen = Screen::new(Duration::from_secs(1));
        take_in(
            &mut screen,
            Ok(survey(vec![status(1, Role::Leader, Some(1))], &[2, 3])),
        )
        .unwrap();
        let low = Style {
            height: Some(5),
            ..STYLE
        };
        assert_eq!(screen.picture(low).lines().count(), 5);
    }
}
