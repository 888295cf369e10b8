//! What is told of a violation.

use std::time::Duration;

use super::histories::{call, unanswered};
use crate::{
    Call, Verdict, check,
    models::{
        Register,
        register::Operation::{self, Get},
    },
};

type Calls = Vec<Call<Operation<&'static str>>>;

fn millis(calls: Calls) -> Calls {
    let scaled = |call: Call<_>| Call {
        start: 5_000_000 + 1_000_000 * call.start,
        end: call.end.map(|end| 5_000_000 + 1_000_000 * end),
        ..call
    };
    calls.into_iter().map(scaled).collect()
}

#[test]
fn a_stale_read_is_told_with_what_led_to_it() {
    let calls = millis(vec![
        call(0, 0, 1, Operation::put("a")),
        call(1, 2, 4, Operation::put("b")),
        unanswered(3, 3, Operation::put("c")),
        call(2, 5, 7, Get { value: Some("a") }),
        call(0, 6, 8, Get { value: Some("b") }),
        call(0, 9, 10, Get { value: Some("b") }),
    ]);
    let verdict = check(&Register::default(), &calls, Duration::from_secs(10));
    let expected = r#"not linearizable: the longest order found has 3 of 5 answered calls
its last calls:
         client 0       0.000000 ..     1.000000 ms  put "a"
         client 1       2.000000 ..     4.000000 ms  put "b"
         client 0       6.000000 ..     8.000000 ms  get -> "b"
which leads to the state: Some("b")
where none of these can come next and lead on:
         client 2       5.000000 ..     7.000000 ms  get -> "a"
all calls of that time, by their starts:
         client 3       3.000000 ..            ? ms  put "c"
  STUCK  client 2       5.000000 ..     7.000000 ms  get -> "a"
  placed client 0       6.000000 ..     8.000000 ms  get -> "b"
"#;
    assert_eq!(verdict.to_string(), expected);
}

#[test]
fn other_verdicts_are_told_too() {
    let verdict = |calls: &Calls, budget| check(&Register::default(), calls, budget).to_string();
    assert_eq!(verdict(&vec![], Duration::MAX), "linearizable");
}

#[test]
#[should_panic = "ends before it starts"]
fn a_call_that_ends_before_it_starts_is_an_error() {
    let calls = [call(0, 5, 4, Operation::put("a"))];
    check(&Register::default(), &calls, Duration::MAX);
}

#[test]
#[should_panic = "one client, two calls at once"]
fn a_client_that_does_two_things_at_once_is_an_error() {
    let calls = [
        call(1, 3, 6, Operation::put("b")),
        call(1, 0, 4, Operation::put("a")),
    ];
    check(&Register::default(), &calls, Duration::MAX);
}

#[test]
fn a_client_goes_on_after_an_unknown_outcome() {
    let calls = [
        unanswered(1, 0, Operation::put("a")),
        call(1, 1, 2, Get { value: None }),
        call(1, 2, 3, Get { value: Some("a") }),
    ];
    let verdict = check(&Register::default(), &calls, Duration::MAX);
    assert!(matches!(verdict, Verdict::Linearizable), "{verdict}");
}
