//! `members ls`.

use serde::Serialize;

use crate::{
    commands::status::{CatchUpObject, lag},
    failure::Failure,
    output::{
        Format, Output, Row,
        bytes::escape,
        fit::fitted,
        plain,
        table::{Cell, Column, Tone, number, text},
    },
    survey::{CatchUp, Health, Kind, Seen, Survey, label},
};

const COLUMNS: [Column; 9] = [
    text("NAME"),
    number("ID"),
    text("KIND"),
    text("ROLE"),
    number("LAG"),
    text("ADDRESS"),
    text("PEER ADDRESS"),
    text("VERSION"),
    text("HEALTH"),
];

/// What a narrow terminal does without, the least wanted first: VERSION, LAG, PEER ADDRESS, ROLE.
const DISPENSABLE: [usize; 4] = [7, 4, 6, 3];

#[derive(Serialize)]
struct MemberRow<'a> {
    id: String,
    name: &'a str,
    voter: bool,
    client_address: &'a str,
    peer_address: &'a str,
    kind: &'static str,
    role: Option<&'static str>,
    health: &'static str,
    version: Option<&'a str>,
    entries_behind: Option<u64>,
    replaces: Option<String>,
    catch_up: Option<CatchUpObject>,
    #[serde(skip)]
    replaces_name: Option<&'a str>,
    #[serde(skip)]
    seen: &'a Seen,
}

impl<'a> MemberRow<'a> {
    fn new(seen: &'a Seen, survey: &'a Survey) -> Self {
        let member = &seen.member;
        Self {
            id: member.id.to_string(),
            name: &member.name,
            voter: member.voter,
            client_address: &member.client_address,
            peer_address: &member.peer_address,
            kind: Kind::of(member).as_str(),
            role: seen.status().map(|status| status.role.as_str()),
            health: seen.health.as_str(),
            version: seen.status().map(|status| status.version.as_str()),
            entries_behind: seen.entries_behind(),
            replaces: member.replaces.map(|id| id.to_string()),
            replaces_name: member
                .replaces
                .and_then(|id| survey.member(id))
                .map(|old| label(&old.member)),
            catch_up: seen.catch_up.map(CatchUpObject::from),
            seen,
        }
    }
}

impl MemberRow<'_> {
    fn percent(&self) -> Option<u64> {
        self.seen.catch_up.and_then(CatchUp::percent)
    }

    /// "joining 42 %", and whom it replaces.
    fn kind_in_full(&self) -> String {
        let mut kind = self.kind.to_owned();
        if Kind::of(&self.seen.member) == Kind::Joining {
            if let Some(percent) = self.percent() {
                kind.push_str(&format!(" {percent} %"));
            }
            if let Some(old) = self.replaces_name {
                kind.push_str(&format!(", for {}", escape(old.as_bytes())));
            }
        }
        kind
    }
}

impl Row for MemberRow<'_> {
    fn cells(&self) -> Vec<Cell> {
        let or_dash = |text: Option<String>| match text {
            Some(text) => Cell::new(text),
            None => Cell::toned("-", Tone::Dim),
        };
        let tone = match self.seen.health {
            Health::Ok => Tone::Good,
            Health::Unreachable => Tone::Bad,
            _ => Tone::Warning,
        };
        vec![
            Cell::toned(escape(self.name.as_bytes()), Tone::Accent),
            Cell::new(self.id.clone()),
            Cell::new(self.kind_in_full()),
            or_dash(self.role.map(str::to_owned)),
            or_dash(lag(self.seen)),
            Cell::new(escape(self.client_address.as_bytes())),
            Cell::new(escape(self.peer_address.as_bytes())),
            or_dash(self.version.map(|version| escape(version.as_bytes()))),
            Cell::toned(self.seen.health.words(), tone),
        ]
    }

    fn plain(&self) -> Vec<String> {
        vec![
            escape(self.name.as_bytes()),
            self.id.clone(),
            self.kind.to_owned(),
            escape(self.client_address.as_bytes()),
            escape(self.peer_address.as_bytes()),
            plain::optional(self.role),
            self.health.to_owned(),
            plain::optional(self.entries_behind),
            plain::optional(self.version.map(|version| escape(version.as_bytes()))),
            plain::optional(self.percent()),
            plain::optional(self.replaces.as_deref()),
        ]
    }
}

pub(super) fn print(survey: &Survey, output: &mut Output) -> Result<(), Failure> {
    let rows: Vec<_> = survey
        .membership()
        .map(|seen| MemberRow::new(seen, survey))
        .collect();
    if rows.is_empty() {
        output.note("no members yet: the cluster is still being formed");
        return Ok(());
    }
    if output.format() != Format::Table {
        return output.rows(&COLUMNS, &rows);
    }
    let style = output.style();
    let cells = rows.iter().map(Row::cells).collect();
    let (mut table, cells) = fitted(&COLUMNS, cells, &DISPENSABLE, style.width);
    let text = table.part(&cells, style.color, style.width);
    output.raw(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use common::types::{MemberStatus, Role};

    use super::*;
    use crate::{
        output::tests::printed,
        survey::tests::{member, status, survey},
    };

    /// n1 leads, n2 is down, n10 joins in its place, n11 stays a learner.
    fn cluster() -> Survey {
        let newcomer = |id, stays_learner| common::types::Member {
            voter: false,
            stays_learner,
            replaces: (!stays_learner).then_some(2),
            ..member(id)
        };
        let members = vec![
            member(1),
            member(2),
            newcomer(10, false),
            newcomer(11, true),
        ];
        let told = |id, role, have| MemberStatus {
            last_log: have,
            applied: have,
            members: members.clone(),
            ..status(id, role, Some(1))
        };
        survey(
            vec![
                told(1, Role::Leader, 1_284_913),
                told(10, Role::Learner, 642_456),
                told(11, Role::Learner, 1_284_913),
            ],
            &[2],
        )
    }

    #[test]
    fn members_in_each_form() {
        let list = |format| printed(format, false, |output| print(&cluster(), output));
        assert_eq!(
            list(Format::Table),
            "\
NAME  ID  KIND                  ROLE         LAG  ADDRESS          PEER ADDRESS     VERSION  HEALTH
n1     1  voter                 leader         0  127.0.0.1:7421   127.0.0.1:7521   0.1.0    ok
n2     2  voter                 -              -  127.0.0.1:7422   127.0.0.1:7522   -        unreachable
n10   10  joining 49 %, for n2  learner  642 457  127.0.0.1:74210  127.0.0.1:75210  0.1.0    joining
n11   11  learner               learner        0  127.0.0.1:74211  127.0.0.1:75211  0.1.0    ok
"
        );
        assert_eq!(
            list(Format::Plain),
            "n1\t1\tvoter\t127.0.0.1:7421\t127.0.0.1:7521\tleader\tok\t0\t0.1.0\t-\t-\n\
             n2\t2\tvoter\t127.0.0.1:7422\t127.0.0.1:7522\t-\tunreachable\t-\t-\t-\t-\n\
             n10\t10\tjoining\t127.0.0.1:74210\t127.0.0.1:75210\tlearner\tjoining\t642457\t0.1.0\
             \t49\t2\n\
             n11\t11\tlearner\t127.0.0.1:74211\t127.0.0.1:75211\tlearner\tok\t0\t0.1.0\t-\t-\n"
        );
        let lines = list(Format::Json);
        let object: serde_json::Value =
            serde_json::from_str(lines.lines().nth(2).unwrap()).unwrap();
        assert_eq!(object["kind"], "joining");
        assert_eq!(object["replaces"], "2");
        assert_eq!(object["catch_up"]["percent"], 49);
        assert_eq!(object["entries_behind"], 642_457);
    }

    #[test]
    fn a_narrow_terminal_keeps_name_kind_and_health() {
        let text = printed(Format::Table, true, |output| print(&cluster(), output));
        let heading = text.lines().next().unwrap();
        assert!(heading.starts_with("NAME  ID  KIND"), "{text}");
        assert!(!text.contains("PEER"), "{text}");
        assert!(
            text.lines().all(|line| line.chars().count() <= 40),
            "{text}"
        );
    }
}
