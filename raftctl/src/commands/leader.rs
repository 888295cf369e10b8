//! `raftctl leader`.

pub(crate) mod transfer;

use common::{Error, types::Member};
use serde::Serialize;

use super::Session;
use crate::{
    failure::Failure,
    output::{Output, Record, Style, bytes::escape, table::facts, table::grouped},
    survey::Verdict,
};

#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    /// Show who leads; exit code 6 if nobody does
    ///
    /// plain: NAME, ID, ADDRESS, TERM.
    Show,
    /// Hand leadership over, to a member or to the one furthest with the log
    ///
    /// Asks first: writes wait for a moment. plain: FROM_NAME, FROM_ID, TO_NAME, TO_ID, TERM,
    /// TOOK_MS.
    Transfer {
        /// Who is to lead
        #[arg(value_name = "ID|NAME")]
        member: Option<String>,
    },
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
                    reason: survey.without_leader(),
                })),
            }
        }
        Command::Transfer { member } => transfer::run(member.as_deref(), session, output).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        output::{Format, tests::printed},
        survey::tests::member,
    };

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
