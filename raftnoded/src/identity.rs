//! The data directory: who this member is, and that nobody else uses it.
//!
//! `identity.toml` holds the cluster id, the node id and the incarnation, a random number drawn
//! when the directory was made. Together they are shown in every handshake between members. The
//! file is written atomically (temporary name, sync, rename, sync of the directory) and carries a
//! checksum over its other fields.
//!
//! ```text
//! LOCK            held (flock) by the process that uses the directory
//! identity.toml   this file
//! wal/            the Raft log
//! snapshot/       the memory store's state, and snapshots being received
//! db/             the RocksDB store
//! ```

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::{
    config::Store,
    raft::types::{Aim, MemberInfo},
    store::Position,
};

/// The version of the directory's layout.
pub const FORMAT: u32 = 1;

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Another process uses it.
    #[error(
        "the data directory {} is in use by another process; stop that one, or give this one a \
         --data-dir of its own",
        path.display()
    )]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// A file operation failed.
    #[error("cannot {action} {}: {source}; check that it exists and is yours", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The identity file was changed or damaged.
    #[error(
        "{} is damaged: {reason}; if there is no copy of it, move the data directory away and \
         replace the member by an empty one",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The identity file was removed.
    #[error(
        "{} is missing, though the log of a member is there: put it back, or move the whole data \
         directory away and replace the member by an empty one",
        path.display()
    )]
    IdentityLost {
        /// The file.
        path: PathBuf,
    },
    /// A later program wrote the directory.
    #[error(
        "the data directory {} has format {found}, this program (raftnode {}) reads up to \
         {FORMAT}; run the newer program that wrote it",
        path.display(),
        env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// The directory.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The directory holds files, but no identity.
    #[error(
        "{} is not empty and holds no identity.toml, so it is not a data directory of raftnode; \
         give an empty or missing directory",
        path.display()
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
    },
    /// It belongs to a member of another name.
    #[error(
        "the data directory {} belongs to {found}, not to {given}; give {found}'s name, or another \
         --data-dir",
        path.display()
    )]
    OtherName {
        /// The directory.
        path: PathBuf,
        /// The name in it.
        found: String,
        /// The name given.
        given: String,
    },
    /// It holds the state of another kind of store.
    #[error(
        "the data directory {} was made with --store {found}; start with that, or replace the \
         member by an empty one with --store {given}",
        path.display()
    )]
    OtherStore {
        /// The directory.
        path: PathBuf,
        /// The store it was made with.
        found: Store,
        /// The store asked for.
        given: Store,
    },
    /// The log is another member's.
    #[error(
        "the log in {} belongs to member {found_node} of cluster {found_cluster:032x}, and this \
         directory to another member; put the right log back",
        path.display()
    )]
    OtherLog {
        /// The directory.
        path: PathBuf,
        /// The member that the log belongs to.
        found_node: u64,
        /// Its cluster.
        found_cluster: u128,
    },
    /// Another process runs with a copy of the directory.
    #[error(
        "the data directory {} is a copy of one in use: member {id} runs already, with clients on \
         {client_address} and members on {peer_address}. Two processes must not be the same member: \
         stop one of them for good, or start this one with an empty --data-dir and --join to make \
         it a member of its own",
        path.display()
    )]
    Copied {
        /// The directory.
        path: PathBuf,
        /// The member.
        id: u64,
        /// Where the other process serves clients.
        client_address: String,
        /// Where it talks to members.
        peer_address: String,
    },
    /// The log was removed from under the identity.
    #[error(
        "member {id} has taken part in its cluster, but its log in {} is gone; it must not come \
         back under its old id, for it has forgotten what it promised: put the log back, or move \
         the whole directory away and replace the member",
        path.display()
    )]
    LogLost {
        /// The directory.
        path: PathBuf,
        /// The member.
        id: u64,
    },
    /// The end of the log was removed from under the identity.
    #[error(
        "the log of member {id} in {} lacks entry {index} of term {term}, which was in it{}: it was \
         cut, an older copy was put in its place, or the disk lost what it had synced. The member \
         must not come back under its old id, for it has forgotten what it promised: put the log \
         back, or move the whole directory away and replace the member",
        path.display(),
        says(by.as_deref())
    )]
    LogCut {
        /// The directory.
        path: PathBuf,
        /// The member.
        id: u64,
        /// The term of the entry that it must hold.
        term: u64,
        /// Its index.
        index: u64,
        /// Who said so; none if it was noted when the member stopped.
        by: Option<String>,
    },
}

/// Who said something, in brackets, if it was somebody.
pub(crate) fn says(who: Option<&str>) -> String {
    who.map_or_else(String::new, |who| format!(" (says {who})"))
}

impl DirectoryError {
    fn io<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + use<'a> {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

/// Who a member is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The version of the directory's layout.
    format: u32,
    /// The name people use.
    pub name: String,
    /// The kind of store.
    pub store: Store,
    /// Drawn when the directory was made; in hexadecimal, since TOML's integers are signed.
    #[serde(with = "hex64")]
    pub incarnation: u64,
    /// Absent until the cluster is formed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub membership: Option<Belonging>,
}

/// The cluster that a member belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Belonging {
    /// The cluster.
    #[serde(with = "hex128")]
    pub cluster_id: u128,
    /// The member in it.
    pub node_id: u64,
    /// Whether the log was begun: from then on a log without its stamp is a lost one.
    pub log_begun: bool,
    /// Whether the cluster was made from the state of another one. Its first start writes the first
    /// entry of its log, and `--peers` speaks of the other cluster.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restored: bool,
    /// The members that the first entry of the log names; empty if others wrote it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub founders: Vec<FounderRecord>,
    /// The peer addresses of all members, as last known: where to ask before taking part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<String>,
    /// Whether the member was removed from the cluster: it must not take part any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
    /// An entry that the log must hold, or have purged; absent until the member was stopped in order,
    /// or was told by its leader what it had lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub must_hold: Option<Position>,
}

impl Belonging {
    /// Where members may be that know about this one.
    pub fn known_addresses(&self) -> Vec<String> {
        let founders = self.founders.iter().map(|one| one.peer_address.clone());
        self.peers.iter().cloned().chain(founders).collect()
    }
}

/// See [`Belonging::founders`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FounderRecord {
    id: u64,
    name: String,
    #[serde(with = "hex64")]
    incarnation: u64,
    client_address: String,
    peer_address: String,
}

impl From<(u64, MemberInfo)> for FounderRecord {
    fn from((id, info): (u64, MemberInfo)) -> Self {
        Self {
            id,
            name: info.name,
            incarnation: info.incarnation,
            client_address: info.client_address,
            peer_address: info.peer_address,
        }
    }
}

impl From<FounderRecord> for (u64, MemberInfo) {
    fn from(record: FounderRecord) -> Self {
        let info = MemberInfo {
            name: record.name,
            incarnation: record.incarnation,
            client_address: record.client_address,
            peer_address: record.peer_address,
            aim: Aim::Voter,
        };
        (record.id, info)
    }
}

/// An open data directory. It stays locked until this is dropped.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    _lock: File,
}

impl DataDirectory {
    /// Makes the directory if it is missing, and locks it.
    ///
    /// # Errors
    /// [`DirectoryError`]
    pub fn open(path: &Path) -> Result<Self, DirectoryError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(DirectoryError::io("make", path))?;
        let lock_path = path.join("LOCK");
        let identity = path.join("identity.toml");
        if !lock_path.exists() && !identity.exists() {
            let mut files = fs::read_dir(path).map_err(DirectoryError::io("read", path))?;
            if files.next().is_some() {
                return Err(DirectoryError::Foreign {
                    path: path.to_owned(),
                });
            }
        }
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&lock_path)
            .map_err(DirectoryError::io("open", &lock_path))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(DirectoryError::Locked {
                path: path.to_owned(),
            }),
            Err(error) => Err(DirectoryError::io("lock", &lock_path)(error.into())),
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn identity_path(&self) -> PathBuf {
        self.path.join("identity.toml")
    }

    /// Who the member of this directory is, which must agree with what is given explicitly. A new
    /// directory gets a new identity.
    ///
    /// # Errors
    /// [`DirectoryError`]
    pub fn identity(
        &self,
        given_name: Option<&str>,
        default_name: &str,
        given_store: Option<Store>,
    ) -> Result<Identity, DirectoryError> {
        let Some(identity) = self.existing()? else {
            // The log is made after the identity, so it never stands alone.
            if self.path.join("wal").exists() {
                return Err(DirectoryError::IdentityLost {
                    path: self.identity_path(),
                });
            }
            let identity = Identity {
                format: FORMAT,
                name: given_name.unwrap_or(default_name).to_owned(),
                store: given_store.unwrap_or_default(),
                incarnation: rand::random(),
                membership: None,
            };
            self.write(&identity)?;
            return Ok(identity);
        };
        if let Some(given) = given_name.filter(|given| **given != identity.name) {
            return Err(DirectoryError::OtherName {
                path: self.path.clone(),
                found: identity.name,
                given: given.to_owned(),
            });
        }
        if let Some(given) = given_store.filter(|given| *given != identity.store) {
            return Err(DirectoryError::OtherStore {
                path: self.path.clone(),
                found: identity.store,
                given,
            });
        }
        Ok(identity)
    }

    /// Who the member of this directory is; none if it is new.
    ///
    /// # Errors
    /// [`DirectoryError::Damaged`], [`DirectoryError::Newer`], or if it cannot be read.
    pub fn existing(&self) -> Result<Option<Identity>, DirectoryError> {
        let path = self.identity_path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(DirectoryError::io("read", &path)(error)),
        };
        let damaged = |reason: String| DirectoryError::Damaged {
            path: path.clone(),
            reason,
        };
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let format: Format = toml::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if format.format > FORMAT {
            return Err(DirectoryError::Newer {
                path: self.path.clone(),
                found: format.format,
            });
        }
        let body = text
            .split_once('\n')
            .and_then(|(first, body)| {
                let checksum = first.strip_prefix("# checksum ")?;
                (u32::from_str_radix(checksum, 16) == Ok(crc32c::crc32c(body.as_bytes())))
                    .then_some(body)
            })
            .ok_or_else(|| damaged("its checksum does not match".to_owned()))?;
        toml::from_str(body)
            .map(Some)
            .map_err(|error| damaged(error.to_string()))
    }

    /// Replaces the identity file.
    ///
    /// # Errors
    /// If it cannot be written; the former file is then unchanged.
    pub fn write(&self, identity: &Identity) -> Result<(), DirectoryError> {
        let path = self.identity_path();
        let body = toml::to_string(identity).map_err(|error| DirectoryError::Damaged {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        let text = format!("# checksum {:08x}\n{body}", crc32c::crc32c(body.as_bytes()));
        let replace = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.path)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            File::open(&self.path)?.sync_all()
        };
        replace().map_err(DirectoryError::io("write", &path))
    }
}

macro_rules! hexadecimal {
    ($module:ident, $number:ty, $digits:literal) => {
        mod $module {
            use serde::{Deserialize, Deserializer, Serializer, de::Error};

            pub(super) fn serialize<S: Serializer>(
                number: &$number,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&format!($digits, number))
            }

            pub(super) fn deserialize<'de, D: Deserializer<'de>>(
                deserializer: D,
            ) -> Result<$number, D::Error> {
                let digits = String::deserialize(deserializer)?;
                <$number>::from_str_radix(&digits, 16).map_err(D::Error::custom)
            }
        }
    };
}
hexadecimal!(hex64, u64, "{:016x}");
hexadecimal!(hex128, u128, "{:032x}");

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(path: &Path) -> DataDirectory {
        DataDirectory::open(path).unwrap()
    }

    #[test]
    fn an_identity_outlives_the_process_and_a_flipped_byte_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("n1");
        let data = opened(&path);
        let mut identity = data.identity(Some("n1"), "host", None).unwrap();
        identity.membership = Some(Belonging {
            cluster_id: u128::MAX,
            node_id: 3,
            log_begun: false,
            restored: false,
            founders: vec![(3, MemberInfo::default()).into()],
            peers: vec!["h:1".to_owned()],
            removed: true,
            must_hold: Some(Position { term: 2, index: 9 }),
        });
        data.write(&identity).unwrap();
        assert_eq!(data.identity(None, "other", None).unwrap(), identity);

        let file = path.join("identity.toml");
        let good = fs::read(&file).unwrap();
        for i in 0..good.len() {
            let mut bad = good.clone();
            bad[i] ^= 1;
            fs::write(&file, bad).unwrap();
            assert!(data.identity(None, "other", None).is_err(), "byte {i}");
        }
    }

    #[test]
    fn a_directory_is_used_by_one_process_and_under_one_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("n1");
        let data = opened(&path);
        assert!(matches!(
            DataDirectory::open(&path),
            Err(DirectoryError::Locked { .. })
        ));
        data.identity(Some("n1"), "host", Some(Store::Memory))
            .unwrap();
        assert!(matches!(
            data.identity(Some("n2"), "host", None),
            Err(DirectoryError::OtherName { .. })
        ));
        assert!(matches!(
            data.identity(None, "host", Some(Store::Rocksdb)),
            Err(DirectoryError::OtherStore { .. })
        ));
        drop(data);
        opened(&path);
    }

    #[test]
    fn a_directory_with_other_files_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("precious"), "data").unwrap();
        let refused = DataDirectory::open(directory.path());
        assert!(matches!(refused, Err(DirectoryError::Foreign { .. })));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_newer_directory_asks_for_the_newer_program() {
        let directory = tempfile::tempdir().unwrap();
        let data = opened(directory.path());
        fs::write(
            directory.path().join("identity.toml"),
            "format = 2\nnew = 1\n",
        )
        .unwrap();
        let refused = data.identity(None, "host", None);
        assert!(matches!(
            refused,
            Err(DirectoryError::Newer { found: 2, .. })
        ));
    }
}
