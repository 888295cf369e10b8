//! Faults of disks: power cuts and lack of room, on file systems that each member has to itself; and
//! files that change while nobody looks.
//!
//! A [`Volume`] is an ext4 file system in a sparse file. Cutting its power is the ioctl
//! `EXT4_IOC_SHUTDOWN` with the flag `NOLOGFLUSH`: from then on nothing reaches the file, neither
//! what waits in the page cache nor the transaction that the journal has open. That is what a
//! machine loses that goes dark; what was synced is in the file and stays. The process is killed
//! AFTER the file system stands still: killed before, its last writes could still be written back.
//!
//! ```text
//! volume       one file system: made, cut off, filled, mounted anew
//! place        where they lie, and the leftovers of runs that were killed
//! log          damage to the log of a stopped member
//! injected     all that as a fault of a run, and how it is seen to happen
//! sections     places in a snapshot file
//! ```
//!
//! # Caveats
//!
//! - A sector is written whole or not at all, and in the order in which the kernel sends it: a disk
//!   that lies about its cache, or tears a sector, is not simulated.
//! - This needs Linux, root, a loop device, and `mkfs.ext4`, `e2fsck`, `mount` and `umount`. Where
//!   one of them is missing, [`Disks::under`] says which; who asks must say loudly that it skipped.
//! - A member that runs with `--fsync never` promises nothing after a power cut, and is not tested
//!   with one.

mod injected;
pub(crate) mod log;
mod place;
pub(crate) mod sections;
mod tests;
mod volume;

use crate::cluster::Cluster;
use place::Place;
pub(crate) use volume::{Filler, Volume};

/// A file system of its own for each member of a cluster. Dropped after the members: declare it
/// before whatever owns the cluster.
pub(crate) struct Disks {
    volumes: Vec<Volume>,
    // After the volumes: they lie in it.
    _place: Place,
}

impl Disks {
    /// Puts the data directory of every member, none of which was started yet, on a file system of
    /// `bytes` bytes, of which about a tenth is the file system's own.
    ///
    /// # Errors
    /// What this machine lacks.
    pub(crate) fn under(cluster: &mut Cluster, bytes: u64) -> Result<Self, String> {
        let place = Place::new()?;
        let volumes = (0..cluster.members().len())
            .map(|index| {
                let member = cluster.member(index);
                let volume = Volume::create(place.path(), member.name(), bytes)?;
                member.set_data(&volume.data());
                Ok(volume)
            })
            .collect::<Result<_, String>>()?;
        Ok(Self {
            volumes,
            _place: place,
        })
    }

    /// The file system of a member.
    pub(crate) fn of(&self, index: usize) -> &Volume {
        &self.volumes[index]
    }

    /// All of them, in the order of the members.
    pub(crate) fn volumes(&self) -> &[Volume] {
        &self.volumes
    }
}
