//! Stale reads that must not be too old.

use super::*;
use crate::types::{Consistency, GetReply, GetRequest, Staleness};

const MAX_AGE: Duration = Duration::from_millis(10);

/// What a member says to a get: its id as the revision.
pub(super) fn answer(me: &Leader, script: &Mutex<Script>) -> Result<GetReply, Error> {
    let mut script = script.lock().unwrap();
    script.requests += 1;
    match &script.answer {
        Answer::Error(error) => Err(error.clone()),
        _ => Ok(GetReply {
            entry: None,
            revision: me.id,
            staleness: Some(Staleness {
                applied: me.id,
                age: Some(Duration::ZERO),
            }),
        }),
    }
}

fn too_stale() -> Answer {
    Answer::Error(Error::TooStale {
        age: None,
        max_age: MAX_AGE,
    })
}

async fn read(client: &Client) -> Result<u64, Error> {
    let consistency = Consistency::Stale {
        max_age: Some(MAX_AGE),
    };
    let request = GetRequest::new("default", "k", consistency);
    client.get(request).await.map(|reply| reply.revision)
}

#[tokio::test]
async fn a_member_that_is_too_old_is_passed_over_for_one_that_is_not() {
    let old = Played::start(1, Greeting::Follows(None), too_stale()).await;
    let older = Played::start(2, Greeting::Follows(None), too_stale()).await;
    let young = Played::start(3, Greeting::Follows(None), Answer::Done).await;
    let client = Client::new(config([&old, &older, &young]));
    let began = Instant::now();
    assert_eq!(read(&client).await, Ok(3));
    assert!(began.elapsed() < PATIENCE / 2);
    assert_eq!((old.requests(), older.requests()), (1, 1));
    // What answered is asked first from then on.
    assert_eq!(read(&client).await, Ok(3));
    assert_eq!((old.requests(), older.requests()), (1, 1));
}

#[tokio::test]
async fn while_all_are_too_old_they_are_asked_in_turn_until_the_time_is_over() {
    let members = [
        Played::start(1, Greeting::Follows(None), too_stale()).await,
        Played::start(2, Greeting::Follows(None), too_stale()).await,
    ];
    let mut config = config(&members);
    config.timeout = Duration::from_millis(600);
    let client = Client::new(config);
    let refused = read(&client).await;
    assert!(
        matches!(refused, Err(Error::TooStale { .. })),
        "{refused:?}"
    );
    let asked = members.each_ref().map(Played::requests);
    assert!(asked[0] > 1 && asked[1] > 1, "{asked:?}");
    // Backed off between the rounds.
    assert!(asked[0] + asked[1] < 100, "{asked:?}");
    // One that has caught up meanwhile is found by a request under way.
    let waiting = tokio::spawn({
        let client = client.with_timeout(PATIENCE);
        async move { read(&client).await }
    });
    members[1].becomes(Greeting::Follows(None), Answer::Done);
    assert_eq!(waiting.await.unwrap(), Ok(2));
}

#[tokio::test]
async fn a_leader_that_is_too_old_is_not_the_end_either() {
    let leader = Played::start(1, Greeting::Leads, too_stale()).await;
    let other = Played::start(2, Greeting::Follows(None), Answer::Done).await;
    let client = Client::new(config([&leader, &other]));
    assert_eq!(read(&client).await, Ok(2));
    assert_eq!(leader.requests(), 1);
}
