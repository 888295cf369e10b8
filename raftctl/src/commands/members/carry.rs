//! Making a change although the leader may die in the middle.
//!
//! An answer that gets lost says nothing: the change may have been made. So the membership is looked
//! at, as the next leader has it, and only if it does not show the change it is asked for again. All
//! changes mean the same when they are made twice.

use std::time::{Duration, Instant};

use common::{Client, Error};

use super::Session;
use crate::{
    failure::{Exit, Failure},
    output::Output,
    survey::Survey,
};

/// The pause before the next attempt.
const PAUSE: Duration = Duration::from_millis(100);

/// Where and with what to make a change.
pub(crate) struct Carrier<'a> {
    pub(crate) session: &'a Session,
    pub(crate) client: Client,
    /// Where members answer, for the time when the endpoints do not.
    pub(crate) known: Vec<String>,
}

impl<'a> Carrier<'a> {
    /// For the cluster that was surveyed.
    pub(crate) async fn new(
        session: &'a Session,
        survey: &Survey,
        output: &Output,
    ) -> Result<Self, Failure> {
        Ok(Self {
            session,
            client: session.connect(output).await?,
            known: survey.addresses(),
        })
    }

    /// Makes a change. `done` finds it in the membership; `what` names it in a clause without a
    /// subject: "n4 was added".
    pub(crate) async fn out<T>(
        &self,
        what: &str,
        output: &Output,
        mut attempt: impl AsyncFnMut(&Client) -> Result<T, Error>,
        done: impl Fn(&Survey) -> Option<T>,
    ) -> Result<T, Failure> {
        let timeout = self.session.timeout;
        let mut deadline = Instant::now() + timeout;
        let mut lost: Option<Error> = None;
        loop {
            let error = match attempt(&self.client).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if matches!(error, Error::OutcomeUnknown { .. }) {
                if lost.is_none() {
                    output.verbose(&format!("{error}: looking at the membership"));
                    // Finding out what became of it takes a leader, and that its own time.
                    deadline = Instant::now() + timeout;
                }
                lost = Some(error.clone());
            }
            // Whether an earlier attempt may have made the change, which nobody could tell.
            let mut in_doubt = false;
            if lost.is_some() {
                match self.session.look(&self.known).await {
                    Ok(survey) if survey.has_quorum() && survey.leader_status().is_some() => {
                        if let Some(found) = done(&survey) {
                            return Ok(found);
                        }
                    }
                    _ => in_doubt = true,
                }
            }
            let unknown_now = matches!(error, Error::OutcomeUnknown { .. });
            let again = error.is_retryable() || unknown_now || in_doubt;
            match lost {
                _ if again && Instant::now() < deadline => {}
                Some(reason) if again => return Err(unknown(what, &reason)),
                _ => return Err(error.into()),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Nobody was there to tell what became of it.
fn unknown(what: &str, error: &Error) -> Failure {
    let reason = match error {
        Error::OutcomeUnknown { reason } => reason.clone(),
        error => error.to_string(),
    };
    Failure::Specific {
        exit: Exit::Timeout,
        code: error.code().as_str(),
        message: format!("it is not known whether {what}: {reason}"),
        hint: Some(
            "`raftctl members ls` shows it when there is a leader; the same command again does no \
             harm"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_outcome_names_the_change_and_where_to_look() {
        let error = Error::OutcomeUnknown {
            reason: "no answer within 5s".to_owned(),
        };
        let failure = unknown("n4 was added", &error);
        assert_eq!(failure.exit(), Exit::Timeout);
        assert_eq!(
            failure.to_string(),
            "it is not known whether n4 was added: no answer within 5s"
        );
        assert!(failure.hint().unwrap().contains("members ls"));
    }
}
