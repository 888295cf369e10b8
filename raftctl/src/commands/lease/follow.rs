//! `raftctl lease keepalive --follow`: a lease is kept alive until it has ended or nobody can say
//! any more that it has not.

use std::{future::Future, time::Duration};

use common::{
    Client, Error,
    types::{KeepAliveLeaseRequest, LeaseId, LeaseInfo},
};
use tokio::time::Instant;

use super::Alive;
use crate::{
    failure::Failure,
    output::{Output, time::exact},
};

/// How often a lease is kept alive in its time to live: two attempts may be lost.
const TIMES: u32 = 3;

/// The shortest time between two attempts, and for one.
const SHORTEST: Duration = Duration::from_millis(200);

/// Keeps a lease alive, a line each time; an attempt takes `timeout` at most.
pub(super) async fn run(
    id: LeaseId,
    timeout: Duration,
    client: &Client,
    output: &mut Output,
) -> Result<(), Failure> {
    let request = KeepAliveLeaseRequest { id };
    let began = Instant::now();
    let first = client.keep_alive_lease(request).await?;
    // An attempt that takes as long as the time between two is better made anew.
    let patience = timeout.min(first.ttl / TIMES).max(SHORTEST);
    let impatient = client.with_timeout(patience);
    follow(
        first,
        began,
        || impatient.keep_alive_lease(request),
        |step| match step {
            Step::Confirmed(info) => {
                output.confirmation(&Alive(info.into()))?;
                output.flush()
            }
            Step::Failed(error) => {
                output.note(&format!("not kept alive this time: {error}"));
                Ok(())
            }
            Step::GivenUp => {
                output.note(&format!(
                    "lease {id} was not confirmed for its time to live, {}: it may have ended",
                    exact(first.ttl)
                ));
                Ok(())
            }
        },
    )
    .await
}

/// What came of an attempt.
#[derive(Debug, PartialEq, Eq)]
enum Step<'a> {
    Confirmed(LeaseInfo),
    Failed(&'a Error),
    /// It failed, and nothing is known of the lease any more.
    GivenUp,
}

/// Keeps a lease alive that was confirmed with `first` to a request that began at `began`; `told`
/// hears of every attempt.
///
/// # Errors
/// [`Error::LeaseNotFound`] once the lease has ended; the last error if the lease was not confirmed
/// for its time to live, counted from before the last request that was; what `told` fails with.
async fn follow<K, F, T>(
    first: LeaseInfo,
    began: Instant,
    keep_alive: K,
    mut told: T,
) -> Result<(), Failure>
where
    K: Fn() -> F,
    F: Future<Output = Result<LeaseInfo, Error>>,
    T: FnMut(Step<'_>) -> Result<(), Failure>,
{
    let every = (first.ttl / TIMES).max(SHORTEST);
    let mut ends = began + first.ttl;
    let mut next = began + every;
    told(Step::Confirmed(first))?;
    loop {
        // At once after an attempt that took its time, but not in a storm.
        tokio::time::sleep_until(next.max(Instant::now() + SHORTEST)).await;
        let began = Instant::now();
        next = began + every;
        match keep_alive().await {
            Ok(info) => {
                ends = began + info.ttl;
                told(Step::Confirmed(info))?;
            }
            Err(error @ Error::LeaseNotFound { .. }) => return Err(error.into()),
            Err(error) if Instant::now() >= ends => {
                told(Step::GivenUp)?;
                return Err(error.into());
            }
            Err(error) => told(Step::Failed(&error))?,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, collections::VecDeque};

    use super::*;
    use crate::commands::lease::tests::info;

    /// Follows a lease of 30 s with these answers; how it ended, after how many seconds, and what
    /// was told.
    fn ends(answers: Vec<Result<LeaseInfo, Error>>) -> (Failure, u64, Vec<&'static str>) {
        let answers = RefCell::new(VecDeque::from(answers));
        let mut told = Vec::new();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let (failure, seconds) = runtime.block_on(async {
            let began = Instant::now();
            let next = || {
                let answer = answers.borrow_mut().pop_front();
                async move { answer.unwrap() }
            };
            let followed = follow(info(), began, next, |step| {
                told.push(match step {
                    Step::Confirmed(_) => "confirmed",
                    Step::Failed(_) => "failed",
                    Step::GivenUp => "given up",
                });
                Ok(())
            });
            (followed.await.unwrap_err(), began.elapsed().as_secs())
        });
        assert!(answers.borrow().is_empty());
        (failure, seconds, told)
    }

    fn no_leader() -> Result<LeaseInfo, Error> {
        Err(Error::NoLeader {
            reason: "n1 knows no leader".to_owned(),
        })
    }

    #[test]
    fn a_lease_that_has_ended_is_not_found() {
        let gone = Err(Error::LeaseNotFound { id: 1150 });
        let (failure, seconds, told) = ends(vec![Ok(info()), no_leader(), gone]);
        assert_eq!(failure.exit() as u8, 3);
        assert_eq!(seconds, 30);
        assert_eq!(told, ["confirmed", "confirmed", "failed"]);
    }

    #[test]
    fn a_lease_that_nobody_confirms_is_given_up_after_its_time() {
        let answers = vec![Ok(info()), no_leader(), no_leader(), no_leader()];
        let (failure, seconds, told) = ends(answers);
        assert_eq!(failure.exit() as u8, 6);
        // Confirmed after 10 s, for 30 s.
        assert_eq!(seconds, 40);
        assert_eq!(
            told,
            ["confirmed", "confirmed", "failed", "failed", "given up"]
        );
    }
}
