//! What `lock` and `elect` have in common: a place in a queue, the turn, and giving it up again,
//! whichever way the command ends.

mod tenure;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use common::{
    Client, Error,
    client::{Contender, Contest},
    types::Entry,
};

pub(super) use tenure::Tenure;

use super::follow::Outage;
use crate::{
    failure::{Exit, Failure},
    output::{Output, bytes::quote, table::grouped, time::exact},
    signals::Taken,
};

/// How long the end may be put off by giving a place up. It lapses by itself when its lease ends.
const LEAVING: Duration = Duration::from_secs(3);

/// The pause before a question that could not be answered is asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// A name that somebody wants to hold.
pub(super) struct Claim<'a> {
    /// What the name is the name of: "lock", "office".
    pub(super) what: &'static str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    pub(super) ttl: Duration,
}

/// How waiting for a name ended.
pub(super) enum Turn {
    /// It is held.
    Come(Contender),
    /// A signal came first; the place is given up.
    Ended(ExitCode),
}

impl Claim<'_> {
    pub(super) fn title(&self) -> String {
        format!("{} {}", self.what, quote(self.name.as_bytes()))
    }

    /// Waits for the turn, at most `wait` if somebody else holds the name. The place is given up
    /// unless the turn has come.
    ///
    /// # Errors
    /// `held` if the time to wait is over, `lease_lost` if the place was lost; what is in the way of
    /// the first contact.
    pub(super) async fn acquire(
        &self,
        client: &Client,
        value: Vec<u8>,
        wait: Option<Duration>,
        signals: &mut Taken,
        output: &Output,
    ) -> Result<Turn, Failure> {
        let began = Instant::now();
        let contending = client.contend(Contest {
            namespace: self.namespace.to_owned(),
            name: self.name.to_owned().into(),
            value: value.into(),
            ttl: self.ttl,
        });
        tokio::pin!(contending);
        let contender = tokio::select! {
            contender = &mut contending => contender?,
            caught = signals.next() => {
                // The place may be taken already: it is given up as soon as that is known.
                if let Ok(Ok(contender)) = tokio::time::timeout(LEAVING, contending).await {
                    self.leave(contender, signals, output).await;
                }
                return Ok(Turn::Ended(caught.exit()));
            }
        };
        let turn = tokio::select! {
            turn = self.turn(&contender, began, wait, output) => turn,
            caught = signals.next() => {
                self.leave(contender, signals, output).await;
                return Ok(Turn::Ended(caught.exit()));
            }
        };
        match turn {
            Ok(()) => Ok(Turn::Come(contender)),
            Err(failure) => {
                self.leave(contender, signals, output).await;
                Err(failure)
            }
        }
    }

    async fn turn(
        &self,
        contender: &Contender,
        began: Instant,
        wait: Option<Duration>,
        output: &Output,
    ) -> Result<(), Failure> {
        let mut outage = Outage::default();
        let holder = self.persist(contender, &mut outage, output, || contender.holder());
        let holder = holder.await?;
        if holder.key == *contender.key() {
            return Ok(());
        }
        if wait.is_none_or(|wait| began.elapsed() < wait) {
            output.note(&format!(
                "waiting for {}, which {} holds (token {})",
                self.title(),
                quote(&holder.value),
                grouped(holder.create_revision)
            ));
        }
        let limit = async {
            match wait {
                Some(wait) => tokio::time::sleep_until((began + wait).into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            held = self.persist(contender, &mut outage, output, || contender.held()) => held,
            () = limit => {
                // It may be another one by now.
                let asked = tokio::time::timeout(PAUSE, contender.holder()).await;
                Err(self.held_by(&asked.ok().and_then(Result::ok).unwrap_or(holder)))
            }
        }
    }

    /// Asks until there is an answer, as long as the place is kept.
    async fn persist<T, F>(
        &self,
        contender: &Contender,
        outage: &mut Outage,
        output: &Output,
        ask: impl Fn() -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let asking = async {
            loop {
                match ask().await {
                    Err(error) if error.is_retryable() => {
                        outage.note("waiting", &error, output);
                        tokio::time::sleep(PAUSE).await;
                    }
                    answer => {
                        outage.over("waiting", output);
                        return answer;
                    }
                }
            }
        };
        tokio::select! {
            answer = asking => match answer {
                Err(Error::LeaseNotFound { .. }) => Err(self.lost("the place in the queue for ")),
                answer => Ok(answer?),
            },
            () = contender.lost() => Err(self.lost("the place in the queue for ")),
        }
    }

    /// Gives the place up, unless that takes too long or another signal comes.
    pub(super) async fn leave(&self, contender: Contender, signals: &mut Taken, output: &Output) {
        let problem = tokio::select! {
            released = tokio::time::timeout(LEAVING, contender.release()) => match released {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer within {LEAVING:?}"),
            },
            caught = signals.next() => format!("{caught:?} came first").to_lowercase(),
        };
        output.warning(&format!(
            "{} was not given up ({problem}): it is free in {} at the latest",
            self.title(),
            exact(self.ttl)
        ));
    }

    /// The failure of a place that was lost; `part` says what of it, if not all.
    pub(super) fn lost(&self, part: &str) -> Failure {
        Failure::Specific {
            exit: Exit::Error,
            code: "lease_lost",
            message: format!(
                "{part}{} was lost: its lease was not kept alive for {}",
                self.title(),
                exact(self.ttl)
            ),
            hint: Some(
                "a longer --ttl outlasts a longer outage; see `raftctl status` for the cluster"
                    .to_owned(),
            ),
        }
    }

    fn held_by(&self, holder: &Entry) -> Failure {
        Failure::Specific {
            exit: Exit::Precondition,
            code: "held",
            message: format!(
                "{} is held by {} (token {})",
                self.title(),
                quote(&holder.value),
                grouped(holder.create_revision)
            ),
            hint: None,
        }
    }

    /// The failure of a question for a holder where there is none.
    pub(super) fn held_by_nobody(&self) -> Failure {
        Failure::Specific {
            exit: Exit::NotFound,
            code: "not_held",
            message: format!(
                "nobody holds {} in namespace {:?}",
                self.title(),
                self.namespace
            ),
            hint: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim() -> Claim<'static> {
        Claim {
            what: "lock",
            namespace: "default",
            name: "deploy",
            ttl: Duration::from_secs(10),
        }
    }

    #[test]
    fn failures_say_who_holds_it_and_what_was_lost() {
        let holder = Entry {
            key: "deploy/01".into(),
            value: "host pid 7".into(),
            create_revision: 1200,
            size: 0,
            revision: 1200,
            version: 1,
            ttl: None,
            lease: None,
        };
        let held = claim().held_by(&holder);
        assert_eq!(held.exit(), Exit::Precondition);
        assert_eq!(
            held.to_string(),
            "lock \"deploy\" is held by \"host pid 7\" (token 1 200)"
        );
        let lost = claim().lost("");
        assert_eq!(lost.exit(), Exit::Error);
        assert_eq!(
            lost.to_string(),
            "lock \"deploy\" was lost: its lease was not kept alive for 10s"
        );
        let nobody = claim().held_by_nobody();
        assert_eq!(nobody.exit(), Exit::NotFound);
        assert_eq!(
            nobody.to_string(),
            "nobody holds lock \"deploy\" in namespace \"default\""
        );
    }
}
