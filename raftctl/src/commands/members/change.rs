//! The changes, each from the look at the cluster to the confirmation.

use std::time::Instant;

use common::{
    Client, Error, ErrorCode,
    types::{AddMemberRequest, Member, RemoveMemberRequest, SetMemberRequest},
};

use super::{
    carry::Carrier,
    effect::{Change, Effect, described},
    find,
    report::{Changed, counted},
    target,
    wait::{self, Goal, WaitArgs},
};
use crate::{
    commands::Session,
    failure::{Exit, Failure},
    output::Output,
    survey::{Kind, Seen, Survey, label},
};

/// `members add` and `members replace`.
pub(super) async fn add(
    address: &str,
    learner: bool,
    replaces: Option<&str>,
    wait: WaitArgs,
    session: &Session,
    output: &mut Output,
) -> Result<(), Failure> {
    let survey = session.led_survey(output).await?;
    let old = replaces.map(|name| find(name, &survey)).transpose()?;
    if let Some(old) = old.filter(|old| Kind::of(&old.member) != Kind::Voter) {
        return Err(no_voter_to_replace(old));
    }
    let old_id = old.map(|old| old.member.id);
    let target = target::look(address, old_id, &survey, session.per_member()).await?;
    let change = old.map_or(Change::Add { learner }, Change::Replace);
    let effect = Effect::of(change, &survey);
    tell(&effect, output);
    if let Some(old) = old
        && old.is_up()
    {
        let clause = format!(
            "this puts {} in the place of {}",
            target.label(),
            described(old)
        );
        session.prompt.confirm(clause).await?;
    }
    let began = Instant::now();
    let carrier = Carrier::new(session, &survey, output).await?;
    let request = AddMemberRequest {
        address: target.peer_address.clone(),
        learner,
        replaces: old_id,
    };
    let before: Vec<u64> = survey.membership().map(|seen| seen.member.id).collect();
    let added = |survey: &Survey| {
        survey
            .membership()
            .map(|seen| &seen.member)
            .find(|member| {
                member.peer_address == target.peer_address && !before.contains(&member.id)
            })
            .cloned()
    };
    let member = carrier
        .out(
            &format!("{} was added", target.label()),
            output,
            async |client: &Client| client.add_member(request.clone()).await,
            added,
        )
        .await?;
    output.verbose(&format!("{} has id {}", label(&member), member.id));
    let goal = if learner {
        Goal::Learner
    } else {
        Goal::Voter { replaces: old_id }
    };
    wait::until(goal, &member, wait, &carrier, output).await?;
    let (member, after) = afterwards(member, &carrier, output).await?;
    let changed = match old {
        Some(old) => Changed::new("replaced", &member, after).replacing(&old.member),
        None => Changed::new("added", &member, after),
    };
    output.confirmation(&changed.took(began.elapsed()))
}

/// `members remove`.
pub(super) async fn remove(
    name: &str,
    force: bool,
    session: &Session,
    output: &mut Output,
) -> Result<(), Failure> {
    let survey = session.led_survey(output).await?;
    let seen = find(name, &survey)?;
    if survey.membership().count() == 1 || (seen.member.voter && survey.voters == 1) {
        return Err(only_voter(seen, "removed"));
    }
    let effect = Effect::of(Change::Remove(seen), &survey);
    agree("removes", seen, &effect, force, session, output).await?;
    let began = Instant::now();
    let carrier = Carrier::new(session, &survey, output).await?;
    let id = seen.member.id;
    let request = RemoveMemberRequest { id, force };
    let gone = |survey: &Survey| survey.member(id).is_none().then(|| seen.member.clone());
    carrier
        .out(
            &format!("{} was removed", label(&seen.member)),
            output,
            async |client: &Client| client.remove_member(request).await,
            gone,
        )
        .await?;
    let (_, after) = afterwards(seen.member.clone(), &carrier, output).await?;
    let changed = Changed::new("removed", &seen.member, after);
    output.confirmation(&changed.gone().took(began.elapsed()))?;
    output.flush()?;
    if seen.is_up() {
        output.note(&format!(
            "the process of {} ends by itself; its data directory can be deleted",
            label(&seen.member)
        ));
    }
    Ok(())
}

/// `members promote`.
pub(super) async fn promote(
    name: &str,
    wait: WaitArgs,
    session: &Session,
    output: &mut Output,
) -> Result<(), Failure> {
    let survey = session.led_survey(output).await?;
    let seen = find(name, &survey)?;
    if seen.member.voter {
        let changed = Changed::new("promoted", &seen.member, counted(&survey));
        return output.confirmation(&changed.already());
    }
    tell(&Effect::of(Change::Promote(seen), &survey), output);
    let began = Instant::now();
    let carrier = Carrier::new(session, &survey, output).await?;
    let request = SetMemberRequest {
        voter: Some(true),
        ..unchanged(seen.member.id, false)
    };
    let member = set(&request, seen, "was promoted", &carrier, output, |member| {
        member.voter || !member.stays_learner
    })
    .await?;
    let goal = Goal::Voter { replaces: None };
    wait::until(goal, &member, wait, &carrier, output).await?;
    let (member, after) = afterwards(member, &carrier, output).await?;
    output.confirmation(&Changed::new("promoted", &member, after).took(began.elapsed()))
}

/// `members demote`.
pub(super) async fn demote(
    name: &str,
    force: bool,
    session: &Session,
    output: &mut Output,
) -> Result<(), Failure> {
    let survey = session.led_survey(output).await?;
    let seen = find(name, &survey)?;
    if Kind::of(&seen.member) == Kind::Learner {
        let changed = Changed::new("demoted", &seen.member, counted(&survey));
        return output.confirmation(&changed.already());
    }
    if seen.member.voter && survey.voters == 1 {
        return Err(only_voter(seen, "demoted"));
    }
    let effect = Effect::of(Change::Demote(seen), &survey);
    agree("takes the vote from", seen, &effect, force, session, output).await?;
    let began = Instant::now();
    let carrier = Carrier::new(session, &survey, output).await?;
    let request = SetMemberRequest {
        voter: Some(false),
        ..unchanged(seen.member.id, force)
    };
    let member = set(&request, seen, "was demoted", &carrier, output, |member| {
        !member.voter && member.stays_learner
    })
    .await?;
    let (member, after) = afterwards(member, &carrier, output).await?;
    output.confirmation(&Changed::new("demoted", &member, after).took(began.elapsed()))
}

/// `members update`.
pub(super) async fn update(
    name: &str,
    client_address: Option<&str>,
    peer_address: Option<&str>,
    session: &Session,
    output: &mut Output,
) -> Result<(), Failure> {
    let survey = session.led_survey(output).await?;
    let seen = find(name, &survey)?;
    let mut taken = survey
        .membership()
        .filter(|other| other.member.id != seen.member.id);
    let collides = |member: &Member, address: &str| {
        member.client_address == address || member.peer_address == address
    };
    for address in [client_address, peer_address].into_iter().flatten() {
        if let Some(other) = taken.find(|other| collides(&other.member, address)) {
            return Err(Failure::Api(Error::MemberExists {
                what: address.to_owned(),
                name: other.member.name.clone(),
                id: other.member.id,
            }));
        }
    }
    if let Some(address) = client_address {
        answers_as(address, seen, session, output).await?;
    }
    for (what, old, new) in [
        ("address", &seen.member.client_address, client_address),
        ("peer address", &seen.member.peer_address, peer_address),
    ] {
        if let Some(new) = new {
            output.note(&format!("{}: {what} {old} -> {new}", label(&seen.member)));
        }
    }
    let began = Instant::now();
    let carrier = Carrier::new(session, &survey, output).await?;
    let request = SetMemberRequest {
        client_address: client_address.map(str::to_owned),
        peer_address: peer_address.map(str::to_owned),
        ..unchanged(seen.member.id, false)
    };
    let is_so = |member: &Member| {
        client_address.is_none_or(|address| member.client_address == address)
            && peer_address.is_none_or(|address| member.peer_address == address)
    };
    let updated = set(&request, seen, "was updated", &carrier, output, is_so).await;
    let member = updated.map_err(|failure| not_there(seen, failure))?;
    let (member, after) = afterwards(member, &carrier, output).await?;
    output.confirmation(&Changed::new("updated", &member, after).took(began.elapsed()))
}

/// A new client address is not asked by the cluster itself: whoever answers there must be the
/// member.
async fn answers_as(
    address: &str,
    seen: &Seen,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    match Client::status_of(address, session.per_member()).await {
        Ok(status) if status.id == seen.member.id => Ok(()),
        Ok(status) => {
            let reason = format!("{} (id {}) answers there", status.name, status.id);
            let address = address.to_owned();
            let unavailable = Error::NodeUnavailable { address, reason };
            Err(not_there(seen, unavailable.into()))
        }
        Err(_) => {
            output.warning(&format!(
                "nothing answers at {address} yet: clients find {} there only when it does",
                label(&seen.member)
            ));
            Ok(())
        }
    }
}

/// The member was not found at its new peer address: said of a member, not of a new node.
fn not_there(seen: &Seen, failure: Failure) -> Failure {
    let Failure::Api(Error::NodeUnavailable { address, reason }) = failure else {
        return failure;
    };
    let name = label(&seen.member);
    Failure::Specific {
        exit: Exit::Unreachable,
        code: ErrorCode::NodeUnavailable.as_str(),
        message: format!("{name} cannot be moved to {address}: {reason}; nothing was changed"),
        hint: Some(format!(
            "start {name} with its new addresses first, then update them here"
        )),
    }
}

fn unchanged(id: u64, force: bool) -> SetMemberRequest {
    SetMemberRequest {
        id,
        voter: None,
        client_address: None,
        peer_address: None,
        force,
    }
}

async fn set(
    request: &SetMemberRequest,
    seen: &Seen,
    what: &str,
    carrier: &Carrier<'_>,
    output: &Output,
    is_so: impl Fn(&Member) -> bool,
) -> Result<Member, Failure> {
    carrier
        .out(
            &format!("{} {what}", label(&seen.member)),
            output,
            async |client: &Client| client.set_member(request.clone()).await,
            |survey| {
                let member = &survey.member(request.id)?.member;
                is_so(member).then(|| member.clone())
            },
        )
        .await
}

/// Says what a change does, before it is made.
fn tell(effect: &Effect, output: &Output) {
    output.note(&effect.to_string());
    for warning in &effect.warnings {
        output.warning(warning);
    }
}

/// Asks before a member goes or loses its vote: with its name to be typed if the cluster stops.
async fn agree(
    verb: &str,
    seen: &Seen,
    effect: &Effect,
    force: bool,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    let risk = effect.risk();
    if let Some(risk) = &risk
        && !force
    {
        return Err(risk.clone().into());
    }
    tell(effect, output);
    let clause = format!("this {verb} {}", described(seen));
    if risk.is_some() {
        output.warning(&format!(
            "{} of {} voters will be up, and a quorum is {}: the cluster stops until others are \
             back",
            effect.up, effect.after.voters, effect.after.quorum
        ));
        return session.prompt.type_out(clause, label(&seen.member)).await;
    }
    if seen.is_up() {
        session.prompt.confirm(clause).await?;
    }
    Ok(())
}

/// The member and the voters as they are now; as they were told last if nobody answers.
async fn afterwards(
    member: Member,
    carrier: &Carrier<'_>,
    output: &Output,
) -> Result<(Member, super::effect::Counts), Failure> {
    let survey = carrier.session.led_again(&carrier.known, output).await?;
    let now = survey.member(member.id).map(|seen| seen.member.clone());
    Ok((now.unwrap_or(member), counted(&survey)))
}

fn only_voter(seen: &Seen, verb: &str) -> Failure {
    Failure::Specific {
        exit: Exit::Precondition,
        code: "only_voter",
        message: format!(
            "{} is the only voter and cannot be {verb}: without it there is no cluster",
            label(&seen.member)
        ),
        hint: Some("`raftctl members add HOST:PORT` adds another one first".to_owned()),
    }
}

fn no_voter_to_replace(old: &Seen) -> Failure {
    let name = label(&old.member);
    Failure::Specific {
        exit: Exit::Precondition,
        code: "no_voter",
        message: format!("{name} is no voter, and only a voter needs to be replaced in one step"),
        hint: Some(format!(
            "`raftctl members remove {name}`, then `raftctl members add HOST:PORT --learner`"
        )),
    }
}
