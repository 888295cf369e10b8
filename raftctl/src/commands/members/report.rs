//! What a change of the membership prints when it is made.

use std::time::Duration;

use common::types::Member;
use serde::Serialize;

use super::effect::Counts;
use crate::{
    output::{Record, Style, bytes::escape, json::millis},
    survey::{Kind, Survey},
};

/// The member as it is afterwards, or was, and the voters that there are.
#[derive(Serialize)]
pub(super) struct Changed<'a> {
    action: &'static str,
    changed: bool,
    id: String,
    name: &'a str,
    kind: &'static str,
    client_address: &'a str,
    peer_address: &'a str,
    replaced: Option<String>,
    voters: usize,
    quorum: usize,
    tolerates: usize,
    took_ms: u64,
}

impl<'a> Changed<'a> {
    /// `action` is a verb in the past: "added".
    pub(super) fn new(action: &'static str, member: &'a Member, voters: Counts) -> Self {
        Self {
            action,
            changed: true,
            id: member.id.to_string(),
            name: &member.name,
            kind: Kind::of(member).as_str(),
            client_address: &member.client_address,
            peer_address: &member.peer_address,
            replaced: None,
            voters: voters.voters,
            quorum: voters.quorum,
            tolerates: voters.tolerates,
            took_ms: 0,
        }
    }

    /// In the place of this one.
    pub(super) fn replacing(mut self, old: &Member) -> Self {
        self.replaced = Some(old.id.to_string());
        self
    }

    /// It was so before.
    pub(super) fn already(mut self) -> Self {
        self.changed = false;
        self
    }

    /// It is no member any more.
    pub(super) fn gone(mut self) -> Self {
        self.kind = "none";
        self
    }

    pub(super) fn took(mut self, time: Duration) -> Self {
        self.took_ms = millis(time);
        self
    }
}

impl Record for Changed<'_> {
    fn table(&self, _: Style) -> String {
        let name = escape(self.name.as_bytes());
        let id = &self.id;
        let what = match (self.action, self.changed) {
            (_, false) => format!("{name} (id {id}) is a {} already", self.kind),
            ("added", _) if self.kind == "joining" => {
                format!("added {name} (id {id}), which votes when it has caught up")
            }
            ("added", _) => format!("added {name} (id {id}) as a {}", self.kind),
            ("replaced", _) => {
                let old = self.replaced.as_deref().unwrap_or("-");
                format!("{name} (id {id}) in the place of id {old}")
            }
            ("promoted", _) if self.kind == "joining" => {
                format!("{name} (id {id}) votes when it has caught up")
            }
            ("updated", _) => format!(
                "updated {name} (id {id})  address {}  peer address {}",
                escape(self.client_address.as_bytes()),
                escape(self.peer_address.as_bytes())
            ),
            (action, _) => format!("{action} {name} (id {id})"),
        };
        let plural = if self.voters == 1 { "" } else { "s" };
        format!(
            "OK  {what}  {} voter{plural}, quorum {}, tolerates {}\n",
            self.voters, self.quorum, self.tolerates
        )
    }

    fn plain(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            escape(self.name.as_bytes()),
            self.kind.to_owned(),
            self.voters.to_string(),
            self.quorum.to_string(),
            self.tolerates.to_string(),
            escape(self.client_address.as_bytes()),
            escape(self.peer_address.as_bytes()),
        ]
    }
}

/// The voters that a survey shows.
pub(super) fn counted(survey: &Survey) -> Counts {
    Counts::of(survey.voters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        output::{Format, tests::printed},
        survey::tests::member,
    };

    fn show(changed: impl Fn(&Member) -> Changed<'_>, format: Format) -> String {
        let member = member(4);
        printed(format, false, |output| {
            output.confirmation(&changed(&member))
        })
    }

    fn as_table(changed: impl Fn(&Member) -> Changed<'_>) -> String {
        show(changed, Format::Table)
    }

    #[test]
    fn each_change_is_confirmed_in_its_words() {
        let four = Counts::of(4);
        assert_eq!(
            as_table(|member| Changed::new("added", member, four)),
            "OK  added n4 (id 4) as a voter  4 voters, quorum 3, tolerates 1\n"
        );
        assert_eq!(
            as_table(|member| Changed::new("removed", member, Counts::of(1)).gone()),
            "OK  removed n4 (id 4)  1 voter, quorum 1, tolerates 0\n"
        );
        let old = crate::survey::tests::member(3);
        assert_eq!(
            as_table(|member| Changed::new("replaced", member, four).replacing(&old)),
            "OK  n4 (id 4) in the place of id 3  4 voters, quorum 3, tolerates 1\n"
        );
        assert_eq!(
            as_table(|member| Changed::new("promoted", member, four).already()),
            "OK  n4 (id 4) is a voter already  4 voters, quorum 3, tolerates 1\n"
        );
        assert!(
            as_table(|member| Changed::new("updated", member, four))
                .starts_with("OK  updated n4 (id 4)  address 127.0.0.1:7424  peer address ")
        );
    }

    #[test]
    fn scripts_get_the_id_and_the_numbers() {
        fn changed(member: &Member) -> Changed<'_> {
            Changed::new("added", member, Counts::of(4)).took(Duration::from_millis(1500))
        }
        assert_eq!(
            show(changed, Format::Plain),
            "4\tn4\tvoter\t4\t3\t1\t127.0.0.1:7424\t127.0.0.1:7524\n"
        );
        assert_eq!(
            show(changed, Format::Json),
            "{\"action\":\"added\",\"changed\":true,\"id\":\"4\",\"name\":\"n4\",\"kind\":\"voter\",\
             \"client_address\":\"127.0.0.1:7424\",\"peer_address\":\"127.0.0.1:7524\",\
             \"replaced\":null,\"voters\":4,\"quorum\":3,\"tolerates\":1,\"took_ms\":1500}\n"
        );
    }
}
