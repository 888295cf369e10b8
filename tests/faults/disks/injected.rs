//! Power cuts and full disks as faults of a [`Run`].

use super::{Disks, Filler};
use crate::{cluster::wait_for, scenario::Run};

/// The power of one or several members is cut.
pub(crate) const POWER_CUT: &str = "power cut";

/// The disks of one or several members are full.
pub(crate) const FULL_DISK: &str = "full disk";

impl Disks {
    /// Cuts the power of running members at once: first all their disks, then the processes.
    pub(crate) fn cut_power(&self, run: &mut Run, members: &[usize]) {
        run.begins(POWER_CUT, names(run, members));
        for index in members {
            self.volumes()[*index].cut();
        }
        for index in members {
            run.cluster.members()[*index].send_kill();
        }
        for index in members {
            run.cluster.member(*index).kill();
        }
    }

    /// Mounts the disks of members whose power was cut, and starts them. It happened if what was not
    /// synced is gone.
    pub(crate) async fn restore_power(&self, run: &mut Run, members: &[usize]) {
        let mut lost = true;
        for index in members {
            lost &= self.volumes()[*index].restore();
        }
        if lost {
            run.happened(POWER_CUT);
        }
        for index in members {
            run.restart(*index).await;
        }
    }

    /// Fills the disks of running members but for so many bytes. It happened when each of them says
    /// that it takes no writes, and why.
    pub(crate) async fn fill(&self, run: &mut Run, members: &[usize], leave: u64) -> Vec<Filler> {
        let detail = format!("{}, {leave} bytes left", names(run, members));
        run.begins(FULL_DISK, detail);
        let fillers = members
            .iter()
            .map(|index| self.volumes()[*index].fill(leave))
            .collect();
        for index in members {
            wait_for("a member with a full disk says so", async || {
                let status = run.cluster.status(*index).await?;
                let alarm = status.alarms.iter().any(|alarm| alarm.contains("is full"));
                (alarm && status.read_only.is_some()).then_some(())
            })
            .await;
        }
        run.happened(FULL_DISK);
        fillers
    }

    /// Gives the room back, and waits until each of the members takes writes again, by itself.
    pub(crate) async fn empty(&self, run: &mut Run, members: &[usize], fillers: Vec<Filler>) {
        drop(fillers);
        run.note(format!("room for {}", names(run, members)));
        for index in members {
            wait_for("a member takes writes again", async || {
                let status = run.cluster.status(*index).await?;
                status.read_only.is_none().then_some(())
            })
            .await;
        }
    }
}

fn names(run: &Run, members: &[usize]) -> String {
    let names = members
        .iter()
        .map(|index| run.cluster.members()[*index].name());
    names.collect::<Vec<_>>().join(", ")
}
