//! What each model allows.

use crate::{
    Call, Model,
    models::{
        Bank, Counter, List, Register,
        bank::{self, Change, Outcome},
        counter, list,
        register::{self, Found},
    },
};

#[test]
fn a_counter() {
    use counter::Operation::{Add, Get};
    let step = |state, operation, answered| Counter::default().step(&state, &operation, answered);
    assert_eq!(Counter::default().initial(), 0);
    assert_eq!(step(2, Add { by: -5, sum: -3 }, true), Some(-3));
    assert_eq!(step(2, Add { by: 1, sum: 4 }, true), None);
    assert_eq!(
        step(2, counter::Operation::unanswered_add(1), false),
        Some(3)
    );
    assert_eq!(step(2, Get { sum: 2 }, true), Some(2));
    assert_eq!(step(2, Get { sum: 3 }, true), None);
    let overflow = Add {
        by: 1,
        sum: i64::MIN,
    };
    assert_eq!(step(i64::MAX, overflow.clone(), true), None);
    assert_eq!(step(i64::MAX, overflow, false), None);
    assert!(
        Counter::default().is_read(&Get { sum: 1 })
            && Counter::default().is_read(&Add { by: 0, sum: 1 })
    );
    assert!(!Counter::default().is_read(&Add { by: 1, sum: 1 }));
}

#[test]
fn a_register() {
    use register::Operation::{self, CompareAndSwap, Delete, Get, Put};
    let register = Register::default();
    let step = |state, operation| register.step(&state, &operation, true);
    assert_eq!(register.initial(), None);
    assert_eq!(step(None, Get { value: None }), Some(None));
    assert_eq!(step(Some(1), Get { value: None }), None);
    assert_eq!(step(Some(1), Get { value: Some(1) }), Some(Some(1)));
    for (found, absent, present) in [
        (Found::Untold, true, true),
        (Found::Absent, true, false),
        (Found::Present, false, true),
        (Found::Value(1), false, true),
        (Found::Value(2), false, false),
    ] {
        let put = Put {
            value: 5,
            found: found.clone(),
        };
        let delete = Delete { found };
        assert_eq!(step(None, put.clone()), absent.then_some(Some(5)));
        assert_eq!(step(Some(1), put), present.then_some(Some(5)));
        assert_eq!(step(None, delete.clone()), absent.then_some(None));
        assert_eq!(step(Some(1), delete), present.then_some(None));
    }
    assert_eq!(step(None, Operation::put_if_absent(5, true)), Some(Some(5)));
    assert_eq!(step(None, Operation::put_if_absent(5, false)), None);
    assert_eq!(
        step(Some(1), Operation::put_if_absent(5, false)),
        Some(Some(1))
    );
    assert_eq!(step(Some(1), Operation::put_if_absent(5, true)), None);
    assert_eq!(
        step(Some(1), Operation::compare_and_swap(1, 5, true)),
        Some(Some(5))
    );
    assert_eq!(
        step(Some(1), Operation::compare_and_swap(1, 5, false)),
        None
    );
    assert_eq!(step(Some(2), Operation::compare_and_swap(1, 5, true)), None);
    assert_eq!(
        step(None, Operation::compare_and_swap(1, 5, false)),
        Some(None)
    );
    let delete_if = |swapped| CompareAndSwap {
        expected: Some(1),
        new: None,
        swapped,
        found: Found::Value(2),
    };
    assert_eq!(
        step(Some(1), delete_if(true)),
        None,
        "it found what it did not"
    );
    assert_eq!(step(Some(2), delete_if(false)), Some(Some(2)));
    // Whatever stands in for the answer of an unanswered call, it does not count.
    let unanswered = |state, operation| register.step(&state, &operation, false);
    assert_eq!(unanswered(Some(1), delete_if(false)), Some(None));
    assert_eq!(unanswered(Some(2), delete_if(true)), Some(Some(2)));
    let found = Found::Absent;
    assert_eq!(unanswered(Some(2), Put { value: 3, found }), Some(Some(3)));
}

#[test]
fn a_register_learns_which_unknown_writes_are_not_needed() {
    use register::Operation::{self, Delete, Get};
    let call = |answered: bool, operation| Call {
        client: 0,
        operation,
        start: 0,
        end: answered.then_some(1),
    };
    let mut calls = vec![
        call(true, Get { value: Some(3) }),
        call(false, Operation::put(1)),
        call(false, Operation::compare_and_swap(1, 2, true)),
        call(false, Operation::compare_and_swap(2, 3, true)),
        call(false, Operation::put(4)),
        call(false, Operation::compare_and_swap(4, 5, true)),
    ];
    let needed = |calls: &[Call<Operation<u8>>]| -> Vec<bool> {
        let learned = Register::default().learn(calls).unwrap_or_default();
        let states = [None, Some(1), Some(2), Some(4)];
        let changes = |state: &Option<u8>, call: &Call<Operation<u8>>| {
            let after = learned.step(state, &call.operation, call.is_answered());
            after.is_some_and(|after| after != *state)
        };
        let unanswered = calls.iter().filter(|call| !call.is_answered());
        unanswered
            .map(|call| states.iter().any(|state| changes(state, call)))
            .collect()
    };
    assert_eq!(needed(&calls), [true, true, true, false, false]);
    // That something is there, and who knows what, can be due to any of them.
    let found = Found::Present;
    calls.push(call(true, Delete { found }));
    assert_eq!(needed(&calls), [true; 5]);
}

#[test]
fn a_list() {
    use list::Operation::{Append, Read};
    let model = List::default();
    let append = |state: &_, value| {
        model
            .step(state, &Append { value }, true)
            .expect("possible")
    };
    let read = |state: &_, values: &[u8]| {
        let values = values.to_vec();
        model.step(state, &Read { values }, true).is_some()
    };
    let empty = model.initial();
    let twice = append(&append(&empty, 1), 1);
    assert!(read(&empty, &[]) && !read(&empty, &[1]));
    assert!(read(&twice, &[1, 1]) && !read(&twice, &[1]) && !read(&twice, &[1, 1, 1]));
    let long = (1..=20).fold(empty, |state, value| append(&state, value));
    assert_eq!(format!("{twice:?}"), "[1, 1]");
    assert_eq!(
        format!("{long:?}"),
        "20 values, the last: [13, 14, 15, 16, 17, 18, 19, 20]"
    );
    assert!(model.step(&long, &Read { values: vec![] }, false).is_some());
}

#[test]
fn a_bank() {
    use bank::Operation::{Read, Transfer};
    let model = Bank::new(vec![5, 7]);
    let transfer = |before: [i32; 2], outcome| Transfer {
        changes: vec![
            Change {
                account: 0,
                before: before[0],
                after: 4,
            },
            Change {
                account: 1,
                before: before[1],
                after: 8,
            },
        ],
        outcome,
    };
    let refused = |found: &[(usize, i32)]| Outcome::Refused {
        found: found.to_vec(),
    };
    let initial = model.initial();
    let step = |operation: &_, answered| model.step(&initial, operation, answered);
    let untouched = Some(vec![5, 7]);
    let changed = Some(vec![4, 8]);
    assert_eq!(step(&transfer([5, 7], Outcome::Applied), true), changed);
    assert_eq!(step(&transfer([5, 7], refused(&[])), true), None);
    assert_eq!(step(&transfer([5, 7], refused(&[])), false), changed);
    assert_eq!(step(&transfer([5, 6], Outcome::Applied), true), None);
    assert_eq!(step(&transfer([5, 6], Outcome::Applied), false), untouched);
    assert_eq!(
        step(&transfer([5, 6], refused(&[(0, 5), (1, 7)])), true),
        untouched
    );
    assert_eq!(step(&transfer([5, 6], refused(&[(0, 4)])), true), None);
    assert_eq!(step(&transfer([5, 6], refused(&[(9, 4)])), true), None);
    assert_eq!(
        step(
            &Read {
                accounts: vec![5, 7]
            },
            true
        ),
        untouched
    );
    assert_eq!(
        step(
            &Read {
                accounts: vec![4, 8]
            },
            true
        ),
        None
    );
    let elsewhere = Transfer {
        changes: vec![Change {
            account: 2,
            before: 0,
            after: 1,
        }],
        outcome: Outcome::Applied,
    };
    assert_eq!(step(&elsewhere, true), None);
    assert_eq!(step(&elsewhere, false), untouched);
}
