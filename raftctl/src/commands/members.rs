//! `raftctl members`.

use common::types::Member;
use serde::Serialize;

use super::Session;
use crate::{
    failure::Failure,
    output::{
        Output, Row,
        bytes::escape,
        table::{Cell, Column, Tone, number, text},
    },
};

const COLUMNS: [Column; 5] = [
    text("NAME"),
    number("ID"),
    text("KIND"),
    text("ADDRESS"),
    text("PEER ADDRESS"),
];

#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    /// List the members; `raftctl status` shows how they are doing
    ///
    /// plain: NAME, ID, KIND (voter or learner), ADDRESS, PEER_ADDRESS.
    Ls,
}

#[derive(Serialize)]
struct MemberRow<'a> {
    id: String,
    name: &'a str,
    voter: bool,
    client_address: &'a str,
    peer_address: &'a str,
}

impl<'a> From<&'a Member> for MemberRow<'a> {
    fn from(member: &'a Member) -> Self {
        Self {
            id: member.id.to_string(),
            name: &member.name,
            voter: member.voter,
            client_address: &member.client_address,
            peer_address: &member.peer_address,
        }
    }
}

impl MemberRow<'_> {
    fn kind(&self) -> &'static str {
        if self.voter { "voter" } else { "learner" }
    }
}

impl Row for MemberRow<'_> {
    fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::toned(escape(self.name.as_bytes()), Tone::Accent),
            Cell::new(self.id.clone()),
            Cell::new(self.kind()),
            Cell::new(escape(self.client_address.as_bytes())),
            Cell::new(escape(self.peer_address.as_bytes())),
        ]
    }

    fn plain(&self) -> Vec<String> {
        vec![
            escape(self.name.as_bytes()),
            self.id.clone(),
            self.kind().to_owned(),
            escape(self.client_address.as_bytes()),
            escape(self.peer_address.as_bytes()),
        ]
    }
}

pub(crate) async fn run(
    command: &Command,
    session: &Session,
    output: &mut Output,
) -> Result<(), Failure> {
    match command {
        Command::Ls => {
            let survey = session.survey(output).await?;
            let rows: Vec<_> = survey
                .members
                .iter()
                .filter(|seen| seen.member.id != 0)
                .map(|seen| MemberRow::from(&seen.member))
                .collect();
            if rows.is_empty() {
                output.note("no members yet: the cluster is still being formed");
            }
            output.rows(&COLUMNS, &rows)
        }
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
    fn members_in_each_form() {
        let mut learner = member(10);
        learner.voter = false;
        let members = [member(1), learner];
        let list = |format| {
            printed(format, false, |output| {
                let rows: Vec<_> = members.iter().map(MemberRow::from).collect();
                output.rows(&COLUMNS, &rows)
            })
        };
        assert_eq!(
            list(Format::Table),
            "NAME  ID  KIND     ADDRESS          PEER ADDRESS\n\
             n1     1  voter    127.0.0.1:7421   127.0.0.1:7521\n\
             n10   10  learner  127.0.0.1:74210  127.0.0.1:75210\n"
        );
        assert_eq!(
            list(Format::Plain),
            "n1\t1\tvoter\t127.0.0.1:7421\t127.0.0.1:7521\n\
             n10\t10\tlearner\t127.0.0.1:74210\t127.0.0.1:75210\n"
        );
        assert!(list(Format::Json).starts_with(
            "{\"id\":\"1\",\"name\":\"n1\",\"voter\":true,\"client_address\":\"127.0.0.1:7421\",\
             \"peer_address\":\"127.0.0.1:7521\"}\n"
        ));
    }
}
