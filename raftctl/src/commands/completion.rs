//! `raftctl completion`.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{cli::Cli, failure::Failure, output::Output};

const EXAMPLES: &str = "\
Examples:
  bash  source <(raftctl completion bash)
  zsh   raftctl completion zsh > \"${fpath[1]}/_raftctl\"
  fish  raftctl completion fish > ~/.config/fish/completions/raftctl.fish";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args, output: &mut Output) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "raftctl", &mut script);
    output.raw(&script)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;
    use crate::output::{Format, tests::printed};

    #[test]
    fn every_shell_gets_a_script_that_knows_the_commands() {
        for shell in Shell::value_variants() {
            let script = printed(Format::Table, false, |output| {
                run(&Args { shell: *shell }, output)
            });
            assert!(script.contains("describe"), "{shell}");
        }
    }
}
