//! `leader transfer`.

use std::time::{Duration, Instant};

use common::{
    Client, Error,
    types::{Leader, Member, TransferLeaderRequest},
};
use serde::Serialize;

use crate::{
    commands::{
        Session,
        members::{Carrier, find},
    },
    failure::{Exit, Failure},
    output::{
        Output, Record, Style,
        bytes::escape,
        json::millis,
        table::{grouped, milliseconds},
    },
    survey::{Kind, Seen, Survey, label},
};

/// From whom to whom, and how long it took.
#[derive(Serialize)]
struct Transferred<'a> {
    changed: bool,
    from: Party<'a>,
    to: Party<'a>,
    term: String,
    took_ms: u64,
    #[serde(skip)]
    term_number: u64,
    #[serde(skip)]
    took: Duration,
}

#[derive(Serialize)]
struct Party<'a> {
    id: String,
    name: &'a str,
    address: &'a str,
}

impl<'a> From<&'a Member> for Party<'a> {
    fn from(member: &'a Member) -> Self {
        Self {
            id: member.id.to_string(),
            name: &member.name,
            address: &member.client_address,
        }
    }
}

impl<'a> From<&'a Leader> for Party<'a> {
    fn from(leader: &'a Leader) -> Self {
        Self {
            id: leader.id.to_string(),
            name: &leader.name,
            address: &leader.address,
        }
    }
}

impl Record for Transferred<'_> {
    fn table(&self, _: Style) -> String {
        let (from, to) = (
            escape(self.from.name.as_bytes()),
            escape(self.to.name.as_bytes()),
        );
        let term = grouped(self.term_number);
        if !self.changed {
            return format!("OK  {to} leads already  term {term}\n");
        }
        let took = milliseconds(self.took);
        format!("OK  leader {from} -> {to}  term {term}  took {took}\n")
    }

    fn plain(&self) -> Vec<String> {
        vec![
            escape(self.from.name.as_bytes()),
            self.from.id.clone(),
            escape(self.to.name.as_bytes()),
            self.to.id.clone(),
            self.term.clone(),
            self.took_ms.to_string(),
        ]
    }
}

pub(super) async fn run(
    wanted: Option<&str>,
    session: &Session,
    output: &mut Output,
) -> Result<(), Failure> {
    let survey = session.led_survey(output).await?;
    let old = leader(&survey)?;
    let to = wanted.map(|name| find(name, &survey)).transpose()?;
    if let Some(to) = to.filter(|to| to.member.id == old.id) {
        return output.confirmation(&Transferred {
            changed: false,
            from: Party::from(&old),
            to: Party::from(&to.member),
            term: survey.term.to_string(),
            took_ms: 0,
            term_number: survey.term,
            took: Duration::ZERO,
        });
    }
    check(to, &old, &survey)?;
    let name = to.map_or("whoever is furthest", |to| label(&to.member));
    let clause = format!("this hands leadership from {} to {name}", label(&old));
    session.prompt.confirm(clause).await?;
    let carrier = Carrier::new(session, &survey, output).await?;
    let request = TransferLeaderRequest {
        to: to.map(|to| to.member.id),
    };
    let has_it = |survey: &Survey| {
        let leader = survey.leader.as_ref()?;
        let wanted = match request.to {
            Some(id) => leader.id == id,
            None => leader.id != old.id,
        };
        wanted.then(|| Leader {
            id: leader.id,
            name: leader.name.clone(),
            address: leader.client_address.clone(),
        })
    };
    let began = Instant::now();
    let new = carrier
        .out(
            &format!("{} handed leadership over", label(&old)),
            output,
            async |client: &Client| client.transfer_leader(request).await,
            has_it,
        )
        .await?;
    let took = began.elapsed();
    let after = session.led_again(&carrier.known, output).await?;
    output.confirmation(&Transferred {
        changed: true,
        from: Party::from(&old),
        to: Party::from(&new),
        term: after.term.to_string(),
        took_ms: millis(took),
        term_number: after.term,
        took,
    })
}

fn leader(survey: &Survey) -> Result<Member, Failure> {
    survey.leader.clone().ok_or_else(|| {
        Failure::Api(Error::NoLeader {
            reason: survey.without_leader(),
        })
    })
}

/// Refuses what cannot work before anybody is asked.
pub(crate) fn check(to: Option<&Seen>, old: &Member, survey: &Survey) -> Result<(), Failure> {
    let refused = |code, message: String, hint: String| Failure::Specific {
        exit: Exit::Precondition,
        code,
        message,
        hint: Some(hint),
    };
    if survey.voters < 2 {
        return Err(refused(
            "only_voter",
            format!("{} is the only voter: nobody else can lead", label(old)),
            "`raftctl members add HOST:PORT` adds another one".to_owned(),
        ));
    }
    let Some(to) = to else { return Ok(()) };
    let name = label(&to.member);
    if Kind::of(&to.member) != Kind::Voter {
        return Err(refused(
            "no_voter",
            format!("{name} is a learner: only a voter can lead"),
            format!("`raftctl members promote {name}` makes it one"),
        ));
    }
    if !to.is_up() {
        let detail = to.detail();
        let detail = if detail.is_empty() {
            String::new()
        } else {
            format!(" ({detail})")
        };
        return Err(refused(
            "member_down",
            format!("{name} is {}{detail} and cannot lead", to.health.words()),
            "`raftctl status` shows who can".to_owned(),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use common::types::Role;

    use super::*;
    use crate::{
        output::{Format, tests::printed},
        survey::tests::{member, status, survey},
    };

    fn shown(changed: bool, format: Format) -> String {
        let (one, two) = (member(1), member(2));
        printed(format, false, |output| {
            output.confirmation(&Transferred {
                changed,
                from: Party::from(&one),
                to: Party::from(&two),
                term: "8".to_owned(),
                took_ms: 12,
                term_number: 8,
                took: Duration::from_micros(12_340),
            })
        })
    }

    #[test]
    fn a_transfer_says_from_whom_to_whom_and_how_long() {
        assert_eq!(
            shown(true, Format::Table),
            "OK  leader n1 -> n2  term 8  took 12.34 ms\n"
        );
        assert_eq!(
            shown(false, Format::Table),
            "OK  n2 leads already  term 8\n"
        );
        assert_eq!(shown(true, Format::Plain), "n1\t1\tn2\t2\t8\t12\n");
        let object: serde_json::Value = serde_json::from_str(&shown(true, Format::Json)).unwrap();
        assert_eq!(object["to"]["id"], "2");
        assert_eq!(object["took_ms"], 12);
    }

    #[test]
    fn who_cannot_lead_is_refused_before_anything_is_asked() {
        let leader = status(1, Role::Leader, Some(1));
        let cluster = survey(
            vec![leader.clone(), status(2, Role::Follower, Some(1))],
            &[3],
        );
        let refused = |id| {
            let to = cluster.member(id);
            check(to, &member(1), &cluster).map_err(|failure| failure.to_string())
        };
        assert_eq!(refused(2), Ok(()));
        assert_eq!(
            refused(3).unwrap_err(),
            "n3 is unreachable (Connection refused) and cannot lead"
        );
        let mut alone = leader;
        alone.members.truncate(1);
        let alone = survey(vec![alone], &[]);
        let failure = check(None, &member(1), &alone).unwrap_err();
        assert_eq!(failure.exit() as u8, 4);
        assert!(failure.to_string().starts_with("n1 is the only voter"));
    }
}
