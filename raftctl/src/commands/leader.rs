//! `raftctl leader`.

use common::{Error, types::Member};
use serde::Serialize;

use super::Session;
use crate::{
    failure::Failure,
    output::{Output, Record, Style, bytes::escape, table::facts, table::grouped},
    survey::{NO_LEADER, Verdict},
};

#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    /// Show who leads; exit code 6 if nobody does
    ///
    /// plain: NAME, ID, ADDRESS, TERM.
    Show,
}

#[derive(Serialize)]
struct Leading<'a> {
    id: String,
    name: &'a str,
    address: &'a str,
    term: String,
    #[serde(skip)]
    term_number: u64,
}

impl<'a> Leading<'a> {
    fn new(leader: &'a Member, term: u64) -> Self {
        Self {
            id: leader.id.to_string(),
            name: &leader.name,
            address: &leader.client_address,
            term: term.to_string(),
            term_number: term,
        }
    }
}

impl Record for Leading<'_> {
    fn table(&self, style: Style) -> String {
        facts(
            &[
                ("leader", escape(self.name.as_bytes())),
                ("id", self.id.clone()),
                ("address", escape(self.address.as_bytes())),
                ("term", grouped(self.term_number)),
            ],
            style.color,
        )
    }

    fn plain(&self) -> Vec<String> {
        vec![
            escape(self.name.as_bytes()),
            self.id.clone(),
            escape(self.address.as_bytes()),
            self.term.clone(),
        ]
    }
}

pub(crate) async fn run(
    command: &Command,
    session: &Session,
    output: &mut Output,
) -> Result<(), Failure> {
    match command {
        Command::Show => {
            let survey = session.survey(output).await?;
            match &survey.leader {
                Some(leader) if survey.verdict() != Verdict::NoQuorum => {
                    output.record(&Leading::new(leader, survey.term))
                }
                _ => Err(Failure::Api(Error::NoLeader {
                    reason: because(&survey.reasons()),
                })),
            }
        }
    }
}

/// The reasons, without the one that the error states itself.
fn because(reasons: &[String]) -> String {
    let others: Vec<&str> = reasons
        .iter()
        .map(String::as_str)
        .filter(|reason| *reason != NO_LEADER)
        .collect();
    others.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        output::{Format, tests::printed},
        survey::tests::member,
    };

    #[test]
    fn the_reasons_do_not_repeat_the_error() {
        let reasons = [NO_LEADER.to_owned(), "n1 electing".to_owned()];
        assert_eq!(because(&reasons), "n1 electing");
    }

    #[test]
    fn the_leader_in_each_form() {
        let leader = member(2);
        let show = |format| {
            printed(format, false, |output| {
                output.record(&Leading::new(&leader, 7))
            })
        };
        assert_eq!(
            show(Format::Table),
            "leader   n2\nid       2\naddress  127.0.0.1:7422\nterm     7\n"
        );
        assert_eq!(show(Format::Plain), "n2\t2\t127.0.0.1:7422\t7\n");
        assert_eq!(
            show(Format::Json),
            "{\"id\":\"2\",\"name\":\"n2\",\"address\":\"127.0.0.1:7422\",\"term\":\"7\"}\n"
        );
    }
}
