//! `raftctl health`: how the cluster is doing, what is wrong and what helps, and an exit code for
//! scripts and probes.

use serde::Serialize;

use super::{
    Session,
    status::{FindingObject, LeaderObject, QuorumObject, finding},
};
use crate::{
    failure::{Exit, Failure},
    output::{Output, Record, Style, bytes::escape, plain, table::Tone},
    survey::{Finding, Survey, Verdict, Weight},
};

pub(crate) async fn run(session: &Session, output: &mut Output) -> Result<Exit, Failure> {
    let survey = session.survey(output).await?;
    let report = Report::new(&survey);
    output.record(&report)?;
    Ok(exit(report.verdict))
}

fn exit(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Healthy => Exit::Ok,
        Verdict::Degraded => Exit::Error,
        Verdict::NoQuorum => Exit::NoQuorum,
    }
}

/// What `raftctl health` prints.
#[derive(Serialize)]
struct Report<'a> {
    health: &'static str,
    leader: Option<LeaderObject<'a>>,
    term: String,
    quorum: QuorumObject,
    reasons: Vec<String>,
    problems: Vec<FindingObject>,
    #[serde(skip)]
    verdict: Verdict,
    #[serde(skip)]
    survey: &'a Survey,
    #[serde(skip)]
    findings: Vec<Finding>,
}

impl<'a> Report<'a> {
    fn new(survey: &'a Survey) -> Self {
        let verdict = survey.verdict();
        let mut findings = survey.findings();
        findings.retain(|finding| finding.weight > Weight::Notice);
        Self {
            health: verdict.as_str(),
            leader: LeaderObject::of(survey),
            term: survey.term.to_string(),
            quorum: QuorumObject::of(survey),
            reasons: survey.reasons(),
            problems: findings.iter().cloned().map(FindingObject::from).collect(),
            verdict,
            survey,
            findings,
        }
    }

    /// The first line, without its first word.
    fn summary(&self) -> String {
        let survey = self.survey;
        let leader = self.leader.as_ref().map_or("none", |leader| leader.name);
        let leader = escape(leader.as_bytes());
        match self.verdict {
            Verdict::Healthy => {
                let members = survey.membership().count();
                format!(
                    "leader {leader}, term {}, {members} of {members} members up",
                    self.term
                )
            }
            Verdict::Degraded => {
                let spare = match survey.spare() {
                    0 => "none may fail".to_owned(),
                    spare => format!("{spare} more may fail"),
                };
                format!(
                    "leader {leader}, term {}, {} of {} voters up, {spare}",
                    self.term, survey.voters_up, survey.voters
                )
            }
            Verdict::NoQuorum => "nothing can be written".to_owned(),
        }
    }
}

impl Record for Report<'_> {
    fn table(&self, style: Style) -> String {
        let (word, tone) = match self.verdict {
            Verdict::Healthy => ("healthy", Tone::Good),
            Verdict::Degraded => ("degraded", Tone::Warning),
            Verdict::NoQuorum => ("no quorum", Tone::Bad),
        };
        let mut text = format!("{}: {}\n", tone.paint(word, style.color), self.summary());
        for one in &self.findings {
            text.push_str(&finding(one, style));
        }
        text
    }

    fn plain(&self) -> Vec<String> {
        let reasons = self.reasons.join("; ");
        vec![
            self.health.to_owned(),
            plain::optional((!reasons.is_empty()).then(|| escape(reasons.as_bytes()))),
        ]
    }
}

#[cfg(test)]
mod tests {
    use common::types::Role;

    use super::*;
    use crate::{
        output::{Format, tests::printed},
        survey::tests::{status, survey},
    };

    fn show(survey: &Survey, format: Format) -> (String, u8) {
        let report = Report::new(survey);
        let text = printed(format, false, |output| output.record(&report));
        (text, exit(report.verdict) as u8)
    }

    #[test]
    fn one_line_and_an_exit_code() {
        let leader = || status(2, Role::Leader, Some(2));
        let follower = |id| status(id, Role::Follower, Some(2));
        let healthy = survey(vec![leader(), follower(1), follower(3)], &[]);
        assert_eq!(
            show(&healthy, Format::Table),
            (
                "healthy: leader n2, term 7, 3 of 3 members up\n".to_owned(),
                0
            )
        );
        assert_eq!(
            show(&healthy, Format::Plain),
            ("healthy\t-\n".to_owned(), 0)
        );
        let degraded = survey(vec![leader(), follower(1)], &[3]);
        assert_eq!(
            show(&degraded, Format::Table),
            (
                "degraded: leader n2, term 7, 2 of 3 voters up, none may fail\n\
                 problem: n3 unreachable (Connection refused); start it again, or `raftctl members \
                 replace n3 HOST:PORT`\n"
                    .to_owned(),
                1
            )
        );
        let (json, _) = show(&degraded, Format::Json);
        assert!(
            json.starts_with(
                "{\"health\":\"degraded\",\"leader\":{\"id\":\"2\",\"name\":\"n2\",\
             \"address\":\"127.0.0.1:7422\"},\"term\":\"7\",\"quorum\":{\"voters\":3,\"up\":2,\
             \"needed\":2,\"ok\":true,\"tolerates\":0},\"reasons\":[\"n3 unreachable (Connection \
                 refused)\"],\"problems\":[{\"severity\":\"problem\",\"member\":\"3\","
            ),
            "{json}"
        );
        let lost = survey(vec![status(1, Role::Candidate, None)], &[2, 3]);
        let (text, code) = show(&lost, Format::Table);
        assert!(
            text.starts_with(
                "no quorum: nothing can be written\noutage: 1 of 3 voters up, 2 needed; start "
            ),
            "{text}"
        );
        assert_eq!(code, 6);
    }
}
