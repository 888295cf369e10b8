//! `raftctl health`: one line, and an exit code for scripts and probes.

use serde::Serialize;

use super::{
    Session,
    status::{LeaderObject, QuorumObject},
};
use crate::{
    failure::{Exit, Failure},
    output::{Output, Record, Style, bytes::escape, plain, table::Tone},
    survey::{Survey, Verdict},
};

pub(crate) async fn run(session: &Session, output: &mut Output) -> Result<Exit, Failure> {
    let survey = session.survey(output).await?;
    let line = HealthLine::new(&survey);
    output.record(&line)?;
    Ok(exit(line.verdict))
}

fn exit(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Healthy => Exit::Ok,
        Verdict::Degraded => Exit::Error,
        Verdict::NoQuorum => Exit::NoQuorum,
    }
}

/// The one line of `raftctl health`.
#[derive(Serialize)]
struct HealthLine<'a> {
    health: &'static str,
    leader: Option<LeaderObject<'a>>,
    term: String,
    quorum: QuorumObject,
    reasons: Vec<String>,
    #[serde(skip)]
    verdict: Verdict,
    #[serde(skip)]
    members: usize,
}

impl<'a> HealthLine<'a> {
    fn new(survey: &'a Survey) -> Self {
        let (verdict, reasons) = survey.verdict();
        Self {
            health: verdict.as_str(),
            leader: LeaderObject::of(survey),
            term: survey.term.to_string(),
            quorum: QuorumObject::of(survey),
            reasons,
            verdict,
            members: survey.members.len(),
        }
    }
}

impl Record for HealthLine<'_> {
    fn table(&self, style: Style) -> String {
        let reasons = escape(self.reasons.join("; ").as_bytes());
        match self.verdict {
            Verdict::Healthy => {
                let leader = self.leader.as_ref().map_or("-", |leader| leader.name);
                format!(
                    "{}: leader {}, term {}, {} of {} members up\n",
                    Tone::Good.paint("healthy", style.color),
                    escape(leader.as_bytes()),
                    self.term,
                    self.members,
                    self.members
                )
            }
            Verdict::Degraded => {
                format!(
                    "{}: {reasons}\n",
                    Tone::Warning.paint("degraded", style.color)
                )
            }
            Verdict::NoQuorum => {
                format!("{}: {reasons}\n", Tone::Bad.paint("no quorum", style.color))
            }
        }
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
        let line = HealthLine::new(survey);
        let text = printed(format, false, |output| output.record(&line));
        (text, exit(line.verdict) as u8)
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
                "degraded: n3 unreachable (Connection refused)\n".to_owned(),
                1
            )
        );
        assert_eq!(
            show(&degraded, Format::Json).0,
            "{\"health\":\"degraded\",\"leader\":{\"id\":\"2\",\"name\":\"n2\",\
             \"address\":\"127.0.0.1:7422\"},\"term\":\"7\",\"quorum\":{\"voters\":3,\"up\":2,\
             \"needed\":2,\"ok\":true},\"reasons\":[\"n3 unreachable (Connection refused)\"]}\n"
        );
        let lost = survey(vec![status(1, Role::Candidate, None)], &[2, 3]);
        let (text, code) = show(&lost, Format::Table);
        assert!(
            text.starts_with("no quorum: 1 of 3 voters up, 2 needed; no leader; "),
            "{text}"
        );
        assert_eq!(code, 6);
    }
}
