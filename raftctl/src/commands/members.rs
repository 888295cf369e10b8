//! `raftctl members`: who belongs to the cluster, and changing that.
//!
//! Every change goes the same way. All members are asked how they are, and what the change does to
//! the quorum is said ([`effect`]); what wants an answer is asked; the leader makes the change, and
//! if its answer gets lost the membership tells whether it was made ([`carry`]); then a new member is
//! followed until it votes ([`wait`]).

mod carry;
mod change;
pub(crate) mod effect;
mod list;
mod report;
pub(crate) mod target;
mod wait;

use super::Session;
use crate::{
    cli::parse_endpoint,
    failure::{Exit, Failure},
    output::Output,
    survey::{Seen, Survey, label},
};

pub(crate) use carry::Carrier;
use wait::WaitArgs;

#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    /// List the members: voters, learners, and those that join
    ///
    /// `raftctl status` shows how they are doing. A narrow terminal shows fewer columns.
    ///
    /// plain: NAME, ID, KIND (voter, learner or joining), ADDRESS, PEER_ADDRESS, ROLE, HEALTH,
    /// ENTRIES_BEHIND, VERSION, CAUGHT_UP_PERCENT, REPLACES.
    Ls,
    /// Add a node that was started with `raftnoded --wait`
    ///
    /// It is added as a learner, which counts for no quorum, and becomes a voter as soon as it has
    /// caught up; the command waits for that. Before, it says what becomes of the quorum. If the
    /// time is over first (exit code 7), the cluster goes on by itself.
    ///
    /// plain, of this and the other changes: ID, NAME, KIND, VOTERS, QUORUM, TOLERATES, ADDRESS,
    /// PEER_ADDRESS.
    Add {
        /// Where the node listens, for clients or for members
        #[arg(value_name = "HOST:PORT", value_parser = parse_endpoint)]
        address: String,
        /// Let it stay a learner: it receives everything and does not vote
        #[arg(long)]
        learner: bool,
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Remove a member
    ///
    /// Asks before a healthy one goes. A leader hands its leadership over first. What would leave
    /// fewer voters up than a quorum is refused without --force, and with it wants the name typed
    /// (or --yes). The removed node ends by itself, with exit code 6.
    Remove {
        /// The member
        #[arg(value_name = "ID|NAME")]
        member: String,
        /// Remove it although the cluster may stop
        #[arg(long)]
        force: bool,
    },
    /// Let a learner vote, as soon as it has caught up
    Promote {
        /// The member
        #[arg(value_name = "ID|NAME")]
        member: String,
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Take the vote from a member; it stays as a learner
    ///
    /// Asks first. A leader hands its leadership over.
    Demote {
        /// The member
        #[arg(value_name = "ID|NAME")]
        member: String,
        /// Do it although the cluster may stop
        #[arg(long)]
        force: bool,
    },
    /// Put a new node in the place of a member, one that is dead above all
    ///
    /// The node was started with `raftnoded --wait`. It catches up first; then it becomes a voter
    /// and the old member goes, in one step.
    Replace {
        /// The member that goes
        #[arg(value_name = "OLD")]
        member: String,
        /// Where the new node listens, for clients or for members
        #[arg(value_name = "HOST:PORT", value_parser = parse_endpoint)]
        address: String,
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Change the addresses of a member
    #[command(group = clap::ArgGroup::new("addresses").required(true).multiple(true))]
    Update {
        /// The member
        #[arg(value_name = "ID|NAME")]
        member: String,
        /// Where clients reach it from now on
        #[arg(long, value_name = "HOST:PORT", value_parser = parse_endpoint, group = "addresses")]
        addr: Option<String>,
        /// Where other members reach it from now on; it must answer there
        #[arg(long, value_name = "HOST:PORT", value_parser = parse_endpoint, group = "addresses")]
        peer_addr: Option<String>,
    },
}

pub(crate) async fn run(
    command: &Command,
    session: &Session,
    output: &mut Output,
) -> Result<(), Failure> {
    match command {
        Command::Ls => {
            let survey = session.survey(output).await?;
            list::print(&survey, output)
        }
        Command::Add {
            address,
            learner,
            wait,
        } => change::add(address, *learner, None, *wait, session, output).await,
        Command::Remove { member, force } => change::remove(member, *force, session, output).await,
        Command::Promote { member, wait } => change::promote(member, *wait, session, output).await,
        Command::Demote { member, force } => change::demote(member, *force, session, output).await,
        Command::Replace {
            member,
            address,
            wait,
        } => change::add(address, false, Some(member), *wait, session, output).await,
        Command::Update {
            member,
            addr,
            peer_addr,
        } => {
            let (addr, peer_addr) = (addr.as_deref(), peer_addr.as_deref());
            change::update(member, addr, peer_addr, session, output).await
        }
    }
}

/// The member of this name or id.
///
/// # Errors
/// [`Exit::NotFound`] if there is none, [`Exit::Usage`] if there are several.
pub(crate) fn find<'a>(wanted: &str, survey: &'a Survey) -> Result<&'a Seen, Failure> {
    let id = wanted.parse().ok();
    let fits = |seen: &&Seen| seen.member.name == wanted || Some(seen.member.id) == id;
    let found: Vec<&Seen> = survey.membership().filter(fits).collect();
    match found[..] {
        [one] => Ok(one),
        [] => Err(Failure::Specific {
            exit: Exit::NotFound,
            code: "member_not_found",
            message: format!("there is no member {wanted:?}"),
            hint: Some(format!("the members are {}", names(survey.membership()))),
        }),
        _ => Err(Failure::Usage {
            message: format!("{wanted:?} fits several members"),
            hint: Some(format!("use the id: {}", names(found.iter().copied()))),
        }),
    }
}

/// `n1 (id 1), n2 (id 2)`.
fn names<'a>(members: impl Iterator<Item = &'a Seen>) -> String {
    let names: Vec<String> = members
        .map(|seen| format!("{} (id {})", label(&seen.member), seen.member.id))
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use common::types::Role;

    use super::*;
    use crate::survey::tests::{member, status, survey};

    #[test]
    fn a_member_is_found_by_name_and_id_and_never_by_guess() {
        let mut odd = member(3);
        odd.name = "2".to_owned();
        let mut leader = status(1, Role::Leader, Some(1));
        leader.members = vec![member(1), member(2), odd];
        let survey = survey(vec![leader], &[2, 3]);
        let found = |wanted| find(wanted, &survey).map(|seen| seen.member.id);
        assert_eq!(found("n1").unwrap(), 1);
        assert_eq!(found("1").unwrap(), 1);
        let missing = found("n9").unwrap_err();
        assert_eq!(missing.exit() as u8, 3);
        assert_eq!(missing.code(), "member_not_found");
        assert_eq!(missing.to_string(), "there is no member \"n9\"");
        assert_eq!(
            missing.hint().unwrap(),
            "the members are n1 (id 1), n2 (id 2), 2 (id 3)"
        );
        assert_eq!(found("2").unwrap_err().exit() as u8, 2);
    }
}
