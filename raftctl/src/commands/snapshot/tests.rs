use super::*;
use crate::survey::tests::{status, survey};

#[test]
fn a_follower_that_is_well_is_asked_first_and_the_leader_last_of_these() {
    let mut behind = status(3, Role::Follower, Some(1));
    behind.applied -= 500;
    let found = survey(
        vec![
            status(1, Role::Leader, Some(1)),
            status(2, Role::Follower, Some(1)),
            behind,
        ],
        &[],
    );
    let names: Vec<_> = by_leisure(&found).into_iter().map(|t| t.label).collect();
    assert_eq!(names, ["n2", "n3", "n1"]);
    // Those that do not answer are not asked.
    let found = survey(vec![status(1, Role::Leader, Some(1))], &[2, 3]);
    let names: Vec<_> = by_leisure(&found).into_iter().map(|t| t.label).collect();
    assert_eq!(names, ["n1"]);
}

#[test]
fn a_member_is_found_by_name_id_and_address() {
    let found = survey(vec![status(1, Role::Leader, Some(1))], &[2, 3]);
    for text in ["n2", "2", "127.0.0.1:7422"] {
        assert_eq!(Target::named(text, &found).unwrap().label, "n2");
    }
    let failure = Target::named("n9", &found).unwrap_err();
    assert_eq!(failure.exit(), Exit::NotFound);
    assert_eq!(failure.code(), "member_not_found");
    assert_eq!(address("n2").unwrap(), None);
    let given = address("host:7421").unwrap().unwrap();
    assert_eq!(given.address, "host:7421");
    assert!(address("host:port").is_err());
}
