//! `raftctl tui`: the dashboard, opened.

use std::{
    env,
    io::{self, IsTerminal},
    process::ExitCode,
    time::Duration,
};

use clap::ValueEnum;
use common::{Client, ClientConfig};

use super::Session;
use crate::{
    cli::parse_duration,
    failure::Failure,
    output::Output,
    tui::{
        self,
        app::{Screen, Settings},
        theme::Theme,
    },
};

const MIN_INTERVAL: Duration = Duration::from_millis(100);

/// A dashboard that is asked once in a minute is none.
const MAX_INTERVAL: Duration = Duration::from_secs(60);

const DETAILS: &str = "\
Shows leader, term, log and members as they change, the load and its latencies, elections, the end of
the log, namespaces and keys, and every change as it happens. What changes the cluster asks first, and
shows its effect: put, edit, delete, namespaces, members, leadership. `?` shows the keys, `:` takes a
command by its name, `q` quits.

It opens without a cluster, too, and goes on by itself when members answer. It needs a terminal, at
best of 120 columns and 35 lines; a smaller one shows less. --color and NO_COLOR hold here as well.

Examples:
  raftctl tui
  raftctl tui --read-only --screen browser
  raftctl -e n1:7420,n2:7420 tui --interval 1s";

#[derive(clap::Args, Debug)]
#[command(after_help = DETAILS)]
pub(crate) struct Args {
    /// Offer nothing that changes the cluster
    #[arg(long)]
    read_only: bool,
    /// How often each member is asked, at least 100ms
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "250ms",
        value_parser = parse_interval
    )]
    interval: Duration,
    /// The screen to begin with
    #[arg(long, value_enum, value_name = "NAME", default_value = "overview")]
    screen: ScreenArg,
}

/// [`Screen`] on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ScreenArg {
    Overview,
    Members,
    Raft,
    Namespaces,
    Browser,
    Watch,
}

impl From<ScreenArg> for Screen {
    fn from(arg: ScreenArg) -> Self {
        match arg {
            ScreenArg::Overview => Self::Overview,
            ScreenArg::Members => Self::Members,
            ScreenArg::Raft => Self::Raft,
            ScreenArg::Namespaces => Self::Namespaces,
            ScreenArg::Browser => Self::Browser,
            ScreenArg::Watch => Self::Watch,
        }
    }
}

fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text)?;
    if interval < MIN_INTERVAL {
        return Err("must be at least 100ms".to_owned());
    }
    if interval > MAX_INTERVAL {
        return Err("must be at most 1m".to_owned());
    }
    Ok(interval)
}

pub(crate) async fn run(
    args: &Args,
    session: &Session,
    output: &Output,
) -> Result<ExitCode, Failure> {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Err(Failure::Usage {
            message: "the dashboard needs a terminal on standard input and output".to_owned(),
            hint: Some(
                "`raftctl status --watch` shows the cluster again and again, also in a pipe"
                    .to_owned(),
            ),
        });
    }
    let style = output.style();
    let settings = Settings {
        endpoints: session.endpoints.clone(),
        read_only: args.read_only,
        interval: args.interval,
        mouse: true,
        theme: Theme::of(style.color, style.unicode, |name| env::var_os(name)),
    };
    // It makes its first contact with its first request: the dashboard opens at once.
    let mut config = ClientConfig::new(session.endpoints.clone());
    config.timeout = session.timeout;
    config.connect_timeout = session.per_member();
    tui::run(settings, args.screen.into(), Client::new(config)).await
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn parse(arguments: &[&str]) -> Result<Args, String> {
        let line = [&["raftctl", "tui"], arguments].concat();
        match Cli::try_parse_from(line)
            .map_err(|error| error.to_string())?
            .command
        {
            Command::Tui(args) => Ok(args),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn it_begins_with_the_overview_four_times_a_second() {
        let args = parse(&[]).unwrap();
        assert_eq!(args.interval, Duration::from_millis(250));
        assert_eq!(Screen::from(args.screen), Screen::Overview);
        assert!(!args.read_only);
    }

    #[test]
    fn the_interval_has_its_bounds_and_the_screen_its_names() {
        assert_eq!(
            parse(&["--interval", "100ms"]).unwrap().interval,
            MIN_INTERVAL
        );
        let short = parse(&["--interval", "99ms"]).unwrap_err();
        assert!(short.contains("at least 100ms"), "{short}");
        assert!(parse(&["--interval", "2m"]).is_err());
        for screen in Screen::ALL {
            let name = screen.title().to_lowercase();
            let args = parse(&["--screen", &name, "--read-only"]).unwrap();
            assert_eq!(Screen::from(args.screen), screen);
            assert!(args.read_only);
        }
        assert!(parse(&["--screen", "nowhere"]).is_err());
    }
}
