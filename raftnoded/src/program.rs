//! What the program does: flags, logging, signals, exit code.
//!
//! It stands in the library because two programs share it: `raftnoded`, and `raftnoded-faulty`, which
//! tests start in its place where they need failpoints.

mod maintenance;

use std::{
    io::{IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tracing_subscriber::EnvFilter;

use crate::{
    Failure, Node,
    config::{Config, ConfigError, LogFormat, Options},
};

/// The exit code for a configuration that cannot be used, and for wrong flags.
const EXIT_CONFIG: u8 = 2;

/// How long blocking work may go on after the member has stopped.
const EXIT_PATIENCE: Duration = Duration::from_secs(2);

/// One member of a raftnode cluster: a replicated, namespaced key-value store.
///
/// Without arguments it runs a cluster of one on this machine. With --name and --peers, the same
/// list on each of three machines, the three form a cluster.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    options: Options,

    /// Settings as TOML: the flags without their dashes. Flags and RAFTNODED_* win over it
    #[arg(long, global = true, value_name = "FILE", env = "RAFTNODED_CONFIG")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Look at the settings without starting
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Make a new cluster of one from a backup, as a new data directory
    Restore(maintenance::RestoreArguments),
    /// Make a new cluster of one from the survivor of a cluster that lost its quorum for good
    Recover(maintenance::RecoverArguments),
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Say whether the settings can be used
    Check,
    /// Print every setting with the value in force, as TOML
    Show,
}

/// Runs the program and returns its exit code: 0 after an orderly stop, 2 for flags and settings that
/// cannot be used, else that of the [`Failure`].
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    #[cfg(feature = "failpoints")]
    if let Err(error) = crate::failpoint::begin() {
        complain(&error);
        return ExitCode::from(EXIT_CONFIG);
    }
    let (given, config) = match settings(&arguments) {
        Ok(settings) => settings,
        Err(error) => {
            complain(&error);
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    match arguments.command {
        Some(Command::Config(ConfigCommand::Check)) => {
            say("the settings can be used\n");
            ExitCode::SUCCESS
        }
        Some(Command::Config(ConfigCommand::Show)) => {
            match toml::to_string(&config.to_options(&given)) {
                Ok(text) => {
                    say(&text);
                    ExitCode::SUCCESS
                }
                Err(error) => {
                    complain(&error);
                    ExitCode::FAILURE
                }
            }
        }
        Some(Command::Restore(restore)) => maintenance::run_restore(&restore, &config),
        Some(Command::Recover(recover)) => maintenance::run_recover(&recover, &config),
        None => run(config),
    }
}

fn settings(arguments: &Arguments) -> Result<(Options, Config), ConfigError> {
    let mut given = arguments.options.clone();
    if let Some(path) = &arguments.config {
        given = given.or(Options::read(path)?);
    }
    let config = Config::new(&given)?;
    Ok((given, config))
}

/// Prints data; whoever closed the pipe has seen enough.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn complain(error: &dyn std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "error: {error}");
}

fn start_log(config: &Config) -> Result<LogFormat, String> {
    // Libraries speak of what interests their authors.
    let directives = format!(
        "warn,raftnoded={0},common={0},openraft=error,tarpc=off",
        config.log_level
    );
    let filter = if config.log_level.contains(['=', ',']) {
        EnvFilter::try_new(&config.log_level)
    } else {
        EnvFilter::try_new(directives)
    };
    let filter = filter.map_err(|error| format!("--log-level: {error}"))?;
    let terminal = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    let format = config.log_format.unwrap_or(if terminal {
        LogFormat::Text
    } else {
        LogFormat::Json
    });
    match format {
        LogFormat::Text => log.with_ansi(terminal).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(format)
}

/// What everything asynchronous runs on.
fn start(builder: &mut Builder) -> Result<Runtime, ExitCode> {
    builder.enable_all().build().map_err(|error| {
        complain(&error);
        ExitCode::FAILURE
    })
}

fn run(config: Config) -> ExitCode {
    let format = match start_log(&config) {
        Ok(format) => format,
        Err(error) => {
            complain(&error);
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    raise_file_limit();
    let mut builder = if config.threads == 1 {
        Builder::new_current_thread()
    } else {
        Builder::new_multi_thread()
    };
    builder
        .worker_threads(config.threads)
        .thread_name("raftnoded");
    let runtime = match start(&mut builder) {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    let result = runtime.block_on(serve(config));
    // A file operation that hangs on a broken disk must not keep the process.
    runtime.shutdown_timeout(EXIT_PATIENCE);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            match format {
                LogFormat::Text => complain(&failure),
                LogFormat::Json => tracing::error!(error = %failure, "failed"),
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn serve(config: Config) -> Result<(), Failure> {
    let data_dir = config.data_dir.clone();
    let node = Node::bind(config).await?;
    tracing::info!(
        name = node.name(),
        client = node.client_address(),
        peer = node.peer_address(),
        data_dir = %data_dir.display(),
        "serving"
    );
    say(&format!(
        "{} serves clients on {} and members on {}\ndata is in {}\ntry: raftctl --endpoints {} \
         put default greeting hello\n",
        node.name(),
        node.client_address(),
        node.peer_address(),
        data_dir.display(),
        node.client_address(),
    ));
    let (stop, shutdown) = watch::channel(false);
    tokio::spawn(signals(stop));
    // A file beyond a limit of its size is a write that fails, said like any other, and not a
    // reason to be killed.
    let _limit = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()));
    node.run(shutdown).await
}

/// The first SIGTERM or SIGINT asks for an orderly stop, the second ends the process at once.
async fn signals(stop: watch::Sender<bool>) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        tracing::warn!("no signal handlers: stop this process with SIGKILL");
        return;
    };
    let mut next = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    next().await;
    stop.send_replace(true);
    next().await;
    std::process::exit(1);
}

/// Connections are files: allow as many as the system lets this process have.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_hold_together() {
        Arguments::command().debug_assert();
    }
}
