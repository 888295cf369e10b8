//! What a client does with a write whose answer was cut off.

use super::*;

/// A client whose writes belong to sessions.
async fn careful<'a>(members: impl IntoIterator<Item = &'a Played>) -> Client {
    let mut config = config(members);
    config.exactly_once = true;
    Client::connect(config).await.unwrap()
}

#[tokio::test]
async fn a_write_that_was_cut_off_is_sent_again_under_the_same_number() {
    let old = Played::start(1, Greeting::Leads, Answer::Done).await;
    let named = Greeting::Follows(Some(old.leader.clone()));
    let new = Played::start(2, named, Answer::Done).await;
    let client = careful([&old, &new]).await;
    client.put(put("k")).await.unwrap();
    let unknown = Error::OutcomeUnknown {
        reason: "a new leader was elected".to_owned(),
    };
    for cut in [Answer::HangUp, Answer::Error(unknown), Answer::Silence] {
        let (sent, received) = (old.requests(), new.requests());
        old.becomes(Greeting::Leads, cut);
        let waiting = tokio::spawn({
            let client = client.clone();
            async move { client.put(put("k")).await }
        });
        while old.requests() == sent {
            tokio::task::yield_now().await;
        }
        old.becomes(Greeting::Follows(Some(new.leader.clone())), Answer::Silence);
        new.becomes(Greeting::Leads, Answer::Done);
        // One that is only silent is left for another one in a part of the time there is.
        assert_eq!(waiting.await.unwrap().unwrap().revision, 2);
        let first = old.tags()[sent].expect("a number");
        assert_eq!(new.tags()[received..], [Some(first)]);
        assert_eq!(first.session, 100);
        // Back to the old one.
        new.becomes(
            Greeting::Follows(Some(old.leader.clone())),
            Answer::Error(Error::NotLeader {
                leader: Some(old.leader.clone()),
            }),
        );
        old.becomes(Greeting::Leads, Answer::Done);
        client.put(put("k")).await.unwrap();
    }
}

#[tokio::test]
async fn a_session_that_has_expired_is_replaced_unless_the_write_was_sent_before() {
    let leader = Played::start(1, Greeting::Leads, Answer::Done).await;
    let client = careful([&leader]).await;
    client.put(put("k")).await.unwrap();
    let expired = Answer::Error(Error::SessionExpired { session: 100 });

    // Said to the first attempt: another session, and no word of it.
    leader.becomes(Greeting::Leads, expired.clone());
    let sent = leader.requests();
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.put(put("k")).await }
    });
    while leader.requests() == sent {
        tokio::task::yield_now().await;
    }
    leader.becomes(Greeting::Leads, Answer::Done);
    waiting.await.unwrap().unwrap();

    // Said to a later one: nobody knows what became of the first.
    leader.becomes(Greeting::Leads, Answer::HangUp);
    let sent = leader.requests();
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.put(put("k")).await }
    });
    while leader.requests() == sent {
        tokio::task::yield_now().await;
    }
    leader.becomes(Greeting::Leads, expired);
    let unknown = waiting.await.unwrap();
    assert!(
        matches!(unknown, Err(Error::OutcomeUnknown { .. })),
        "{unknown:?}"
    );
}

#[tokio::test]
async fn what_was_cut_off_stays_unknown_whatever_later_attempts_meet() {
    let leader = Played::start(1, Greeting::Leads, Answer::Done).await;
    let client = careful([&leader]).await;
    client.put(put("k")).await.unwrap();
    for later in [
        Error::NotLeader { leader: None },
        Error::ShuttingDown,
        Error::NoLeader {
            reason: "none".to_owned(),
        },
        Error::ReadOnly {
            reason: "its disk is full".to_owned(),
        },
    ] {
        leader.becomes(Greeting::Leads, Answer::HangUp);
        let sent = leader.requests();
        let hasty = client.with_timeout(Duration::from_millis(500));
        let waiting = tokio::spawn(async move { hasty.put(put("k")).await });
        while leader.requests() == sent {
            tokio::task::yield_now().await;
        }
        leader.becomes(Greeting::Leads, Answer::Error(later));
        let unknown = waiting.await.unwrap();
        assert!(
            matches!(unknown, Err(Error::OutcomeUnknown { .. })),
            "{unknown:?}"
        );
    }
}

#[tokio::test]
async fn what_was_cut_off_stays_unknown_where_the_next_leader_takes_less() {
    let old = Played::start(1, Greeting::Leads, Answer::Done).await;
    let named = Greeting::Follows(Some(old.leader.clone()));
    let new = Played::start(2, named, Answer::Done).await;
    new.takes(3);
    let client = careful([&old, &new]).await;
    client.put(put("k")).await.unwrap();
    old.becomes(Greeting::Leads, Answer::HangUp);
    let sent = old.requests();
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.put(put("k")).await }
    });
    while old.requests() == sent {
        tokio::task::yield_now().await;
    }
    let follows = Greeting::Follows(Some(new.leader.clone()));
    old.becomes(follows, Answer::Silence);
    new.becomes(Greeting::Leads, Answer::Done);
    let unknown = waiting.await.unwrap();
    assert!(
        matches!(unknown, Err(Error::OutcomeUnknown { .. })),
        "{unknown:?}"
    );
    // One that was sent to nobody is refused as it is.
    let refused = client.put(put("k")).await;
    assert!(
        matches!(refused, Err(Error::TooLarge { .. })),
        "{refused:?}"
    );
}
