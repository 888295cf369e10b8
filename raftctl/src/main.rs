//! The command line of raftnode.
//!
//! `main` parses, runs one command and turns its result into an exit code. What a command prints is
//! data on stdout in one of three forms ([`output`]); what goes wrong is a [`failure::Failure`],
//! printed on stderr, whose kind is the exit code.
//!
//! One thread is enough: even `bench` spends its time waiting for the cluster. Whatever blocks
//! (a prompt, a pipe on stdin) runs beside it, so that Ctrl-C always ends the program.

mod cli;
mod commands;
mod failure;
mod interrupt;
mod output;
mod prompt;
mod signals;
mod survey;
mod tether;
mod tui;

use std::{env, ffi::OsString, process::ExitCode};

use clap::Parser;

use cli::Cli;
use failure::{Exit, Failure};
use output::{Format, Output};

/// For `bench`, whose cost is part of what it measures.
// Tests count what is allocated, with an allocator of their own.
#[cfg(not(test))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().collect();
    if let Some(exit) = tether::become_command(&arguments) {
        return exit;
    }
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return not_parsed(&error, &arguments),
    };
    let mut output = Output::new(&cli.globals);
    match run(&cli, &mut output) {
        Ok(exit) => exit,
        Err(failure) => {
            output.failure(&failure);
            failure.exit().into()
        }
    }
}

fn run(cli: &Cli, output: &mut Output) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::Runtime)?;
    let result = runtime.block_on(async {
        tokio::select! {
            result = commands::run(cli, output) => result,
            () = interrupt::pressed() => Err(Failure::Interrupted),
        }
    });
    // A prompt or a read of stdin may still be blocking a thread; nobody waits for it any more.
    runtime.shutdown_background();
    if matches!(result, Err(Failure::Interrupted)) {
        prompt::restore_terminal();
    }
    let exit = result?;
    output.flush()?;
    Ok(exit)
}

/// Help, version, or a command line that makes no sense.
fn not_parsed(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    if error.use_stderr() && Format::requested(arguments) == Some(Format::Json) {
        output::print_json_failure(&cli::usage_failure(error));
    } else if error.print().is_err() {
        // A closed pipe: nobody is reading.
    }
    if error.use_stderr() {
        Exit::Usage.into()
    } else {
        Exit::Ok.into()
    }
}
