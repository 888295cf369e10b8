//! Every setting of the daemon, once: flag, environment variable, key of the file, default, check.
//!
//! [`Options`] is what was given: clap fills it from flags and `RAFTNODED_*`, serde from the file,
//! and [`Options::or`] lays one over the other. [`Config`] is what results. Precedence: flag,
//! environment, file, default.

mod values;

use std::{
    fs, io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
    time::Duration,
};

use bytesize::ByteSize;
use clap::Args;
use serde::{Deserialize, Serialize};

pub(crate) use values::check_address;
use values::check_name;
pub use values::{Addresses, Fsync, LogFormat, Peers, Span, Store};

macro_rules! options {
    ($($(#[doc = $doc:literal])+ $(#[arg($($arg:tt)*)])? $name:ident / $variable:literal: $kind:ty),+ $(,)?) => {
        /// The settings as they were given; what was not given is absent.
        #[derive(Args, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        pub struct Options {
            $(
                $(#[doc = $doc])+
                #[arg(long, global = true, env = $variable $(, $($arg)*)?)]
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $name: Option<$kind>,
            )+
        }

        impl Options {
            /// These settings, and those of `below` where one is absent.
            pub fn or(self, below: Self) -> Self {
                Self { $($name: self.$name.or(below.$name),)+ }
            }
        }
    };
}

options! {
    /// Name of this member, for people [default: the host's name]
    #[arg(value_name = "NAME")]
    name / "RAFTNODED_NAME": String,
    /// Address of the client API [default: 127.0.0.1:7420]
    #[arg(value_name = "HOST:PORT")]
    listen / "RAFTNODED_LISTEN": String,
    /// Address at which clients reach the client API [default: that of --listen]
    #[arg(value_name = "HOST:PORT")]
    advertise / "RAFTNODED_ADVERTISE": String,
    /// Address on which members talk to each other [default: this member's in --peers, else
    /// 127.0.0.1:7421]
    #[arg(value_name = "HOST:PORT")]
    peer_listen / "RAFTNODED_PEER_LISTEN": String,
    /// Address at which other members reach this one [default: this member's in --peers, else
    /// that of --peer-listen]
    #[arg(value_name = "HOST:PORT")]
    peer_advertise / "RAFTNODED_PEER_ADVERTISE": String,
    /// Directory of all data; one process at a time [default: $STATE_DIRECTORY, else
    /// $XDG_STATE_HOME/raftnoded/NAME]
    #[arg(value_name = "DIR")]
    data_dir / "RAFTNODED_DATA_DIR": PathBuf,
    /// Where the state is kept; both survive restarts [default: memory]
    #[arg(value_enum)]
    store / "RAFTNODED_STORE": Store,
    /// The members of a new cluster, the same list on each: n1=HOST:PORT,n2=HOST:PORT,... with
    /// the addresses of --peer-listen. Ignored once formed
    #[arg(value_name = "LIST")]
    peers / "RAFTNODED_PEERS": Peers,
    /// Become a member of the cluster that these members belong to; any of them will do. Ignored
    /// once joined
    #[arg(value_name = "LIST")]
    join / "RAFTNODED_JOIN": Addresses,
    /// Wait to be added to a cluster by "raftctl members add". Ignored once added
    #[arg(value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    wait / "RAFTNODED_WAIT": bool,
    /// With --join or --wait: stay a learner, which receives everything and does not vote
    #[arg(value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    learner / "RAFTNODED_LEARNER": bool,
    /// With --peers or --join: if the data directory is empty, come back as a new member in place of
    /// the one that has this name, unless that one is alive
    #[arg(value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    rejoin / "RAFTNODED_REJOIN": bool,
    /// How often a leader says that it is there [default: 100ms]
    #[arg(value_name = "TIME")]
    heartbeat / "RAFTNODED_HEARTBEAT": Span,
    /// Shortest time without a leader before a member campaigns; the longest is twice that. More
    /// for a WAN [default: 300ms]
    #[arg(value_name = "TIME")]
    election_timeout / "RAFTNODED_ELECTION_TIMEOUT": Span,
    /// Append requests in flight to each member; more for a WAN [default: 2]
    #[arg(value_name = "N")]
    append_in_flight / "RAFTNODED_APPEND_IN_FLIGHT": u32,
    /// Threads for requests and consensus [default: 1 up to 3 cores, else half of them]
    #[arg(value_name = "N")]
    threads / "RAFTNODED_THREADS": u32,
    /// When a write is acknowledged: on disk on a majority, or only handed to the operating
    /// system, which promises nothing after a power cut [default: always]
    #[arg(value_enum)]
    fsync / "RAFTNODED_FSYNC": Fsync,
    /// Longest value accepted, up to 32MiB; the same on all members [default: 1MiB]
    #[arg(value_name = "SIZE")]
    max_value_bytes / "RAFTNODED_MAX_VALUE_BYTES": ByteSize,
    /// Client connections served at once [default: 10000]
    #[arg(value_name = "N")]
    max_connections / "RAFTNODED_MAX_CONNECTIONS": u32,
    /// Requests in flight on one connection; more wait [default: 4096]
    #[arg(value_name = "N")]
    max_in_flight / "RAFTNODED_MAX_IN_FLIGHT": u32,
    /// Bytes of the latest changes kept in memory for watchers [default: 64MiB]
    #[arg(value_name = "SIZE")]
    watch_history / "RAFTNODED_WATCH_HISTORY": ByteSize,
    /// Create a namespace when something is put into it [default: true]
    #[arg(value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    auto_create_namespaces / "RAFTNODED_AUTO_CREATE_NAMESPACES": bool,
    /// Bytes of log after which a snapshot is taken [default: 64MiB]
    #[arg(value_name = "SIZE")]
    snapshot_every / "RAFTNODED_SNAPSHOT_EVERY": ByteSize,
    /// Bytes of log kept for members that lag, though a snapshot covers them [default: 64MiB]
    #[arg(value_name = "SIZE")]
    log_retain / "RAFTNODED_LOG_RETAIN": ByteSize,
    /// Size of a file of the log, 1MiB to 1GiB [default: 64MiB]
    #[arg(value_name = "SIZE")]
    log_segment / "RAFTNODED_LOG_SEGMENT": ByteSize,
    /// Disk space kept free: below it no writes are taken but deletes, and below a quarter of it
    /// none at all [default: 256MiB, or 5 % of a small disk]
    #[arg(value_name = "SIZE")]
    disk_reserve / "RAFTNODED_DISK_RESERVE": ByteSize,
    /// Form of the log on stderr [default: text on a terminal, else json]
    #[arg(value_enum)]
    log_format / "RAFTNODED_LOG_FORMAT": LogFormat,
    /// Level, or directives as in tracing's EnvFilter [default: info]
    #[arg(value_name = "LEVEL")]
    log_level / "RAFTNODED_LOG_LEVEL": String,
    /// Listen on addresses that others can reach without TLS
    #[arg(value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    insecure / "RAFTNODED_INSECURE": bool,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file has an error.
    #[error("{}: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and what.
        reason: String,
    },
    /// A setting has no sensible value.
    #[error("--{setting}: {reason}")]
    Invalid {
        /// The flag without its dashes.
        setting: &'static str,
        /// What is wrong.
        reason: String,
    },
}

fn invalid(setting: &'static str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Invalid {
        setting,
        reason: reason.into(),
    }
}

impl Options {
    /// Reads the settings of a TOML file; its keys are the flags without their dashes.
    ///
    /// # Errors
    /// If the file cannot be read, or has an unknown key.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::File {
            path: path.to_owned(),
            source,
        })?;
        toml::from_str(&text).map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            reason: error.to_string().trim_end().to_owned(),
        })
    }
}

/// The settings that a member runs with.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The name given; the data directory may hold another if none was.
    pub name: Option<String>,
    /// The name of a new member if none was given.
    pub default_name: String,
    /// See the flag `--listen`; so on for the others.
    pub listen: SocketAddr,
    /// `--advertise`
    pub advertise: Option<String>,
    /// `--peer-listen`
    pub peer_listen: SocketAddr,
    /// `--peer-advertise`
    pub peer_advertise: Option<String>,
    /// `--data-dir`
    pub data_dir: PathBuf,
    /// `--store`, if given
    pub store: Option<Store>,
    /// `--peers`
    pub peers: Option<Peers>,
    /// `--join`
    pub join: Option<Addresses>,
    /// `--wait`
    pub wait: bool,
    /// `--learner`
    pub learner: bool,
    /// `--rejoin`
    pub rejoin: bool,
    /// `--heartbeat`
    pub heartbeat: Duration,
    /// `--election-timeout`
    pub election_timeout: Duration,
    /// `--append-in-flight`
    pub append_in_flight: usize,
    /// `--threads`
    pub threads: usize,
    /// `--fsync`
    pub fsync: Fsync,
    /// `--max-value-bytes`
    pub max_value_bytes: usize,
    /// `--max-connections`
    pub max_connections: usize,
    /// `--max-in-flight`
    pub max_in_flight: usize,
    /// `--watch-history`
    pub watch_history: usize,
    /// `--auto-create-namespaces`
    pub auto_create_namespaces: bool,
    /// `--snapshot-every`
    pub snapshot_every: u64,
    /// `--log-retain`
    pub log_retain: u64,
    /// `--log-segment`
    pub log_segment: u32,
    /// `--disk-reserve`, if given
    pub disk_reserve: Option<u64>,
    /// `--log-format`, if given
    pub log_format: Option<LogFormat>,
    /// `--log-level`
    pub log_level: String,
}

impl Config {
    /// Fills in the defaults and checks everything that can be checked without starting.
    ///
    /// # Errors
    /// [`ConfigError`]: which setting, and what is wrong with it.
    pub fn new(given: &Options) -> Result<Self, ConfigError> {
        let default_name = rustix::system::uname()
            .nodename()
            .to_str()
            .ok()
            .filter(|name| check_name(name).is_ok())
            .unwrap_or("raftnode")
            .to_owned();
        if let Some(name) = &given.name {
            check_name(name).map_err(|reason| invalid("name", reason))?;
        }
        let name = given.name.as_ref().unwrap_or(&default_name);
        let wait = given.wait.unwrap_or(false);
        let learner = given.learner.unwrap_or(false);
        let rejoin = given.rejoin.unwrap_or(false);
        check_origin(given, wait, learner, rejoin)?;
        let own_peer_address = match &given.peers {
            None => None,
            Some(peers) => {
                let own = peers.0.iter().find(|(peer, _)| peer == name);
                let Some((_, address)) = own else {
                    return Err(invalid(
                        "peers",
                        format!("{name} is not in the list {peers}; give --name one of its names"),
                    ));
                };
                Some(address.clone())
            }
        };
        let insecure = given.insecure.unwrap_or(false);
        let listen = given.listen.as_deref().unwrap_or("127.0.0.1:7420");
        let peer_listen = given
            .peer_listen
            .as_deref()
            .or(own_peer_address.as_deref())
            .unwrap_or("127.0.0.1:7421");
        for (setting, address) in [
            ("advertise", &given.advertise),
            ("peer-advertise", &given.peer_advertise),
        ] {
            if let Some(address) = address {
                check_address(address).map_err(|reason| invalid(setting, reason))?;
            }
        }
        let listen = resolve("listen", listen, insecure)?;
        let peer_listen = resolve("peer-listen", peer_listen, insecure)?;
        let peer_advertise = given.peer_advertise.clone().or(own_peer_address.clone());
        for (listened, advertised, setting) in [
            (listen, &given.advertise, "advertise"),
            (peer_listen, &peer_advertise, "peer-advertise"),
        ] {
            if listened.ip().is_unspecified() && advertised.is_none() {
                return Err(invalid(
                    setting,
                    format!("{listened} is no address that others can call; give the one they can"),
                ));
            }
        }
        let heartbeat = given.heartbeat.map_or(Duration::from_millis(100), |s| s.0);
        let election_timeout = given
            .election_timeout
            .map_or(Duration::from_millis(300), |s| s.0);
        if heartbeat < Duration::from_millis(5) {
            return Err(invalid("heartbeat", "give at least 5ms"));
        }
        if election_timeout < heartbeat * 2 {
            return Err(invalid(
                "election-timeout",
                format!(
                    "{} is not at least twice the heartbeat of {}",
                    Span(election_timeout),
                    Span(heartbeat)
                ),
            ));
        }
        let log_segment = size(
            given.log_segment,
            "log-segment",
            64 << 20,
            1 << 20..=1 << 30,
        )?;
        let max_value = size(
            given.max_value_bytes,
            "max-value-bytes",
            1 << 20,
            1..=32 << 20,
        )?;
        if max_value > log_segment / 2 {
            return Err(invalid(
                "log-segment",
                format!("half of it must hold a value of --max-value-bytes, {max_value} bytes"),
            ));
        }
        Ok(Self {
            name: given.name.clone(),
            data_dir: data_dir(given, name)?,
            default_name,
            listen,
            advertise: given.advertise.clone(),
            peer_listen,
            peer_advertise,
            store: given.store,
            peers: given.peers.clone(),
            join: given.join.clone(),
            wait,
            learner,
            rejoin,
            heartbeat,
            election_timeout,
            append_in_flight: count(given.append_in_flight, "append-in-flight", 2)?,
            threads: count(given.threads, "threads", default_threads())?,
            fsync: given.fsync.unwrap_or_default(),
            max_value_bytes: usize::try_from(max_value).unwrap_or(usize::MAX),
            max_connections: count(given.max_connections, "max-connections", 10_000)?,
            max_in_flight: count(given.max_in_flight, "max-in-flight", 4096)?,
            watch_history: usize::try_from(size(
                given.watch_history,
                "watch-history",
                64 << 20,
                0..=1 << 40,
            )?)
            .unwrap_or(usize::MAX),
            auto_create_namespaces: given.auto_create_namespaces.unwrap_or(true),
            snapshot_every: size(
                given.snapshot_every,
                "snapshot-every",
                64 << 20,
                1 << 20..=1 << 40,
            )?,
            log_retain: size(given.log_retain, "log-retain", 64 << 20, 0..=1 << 40)?,
            log_segment: u32::try_from(log_segment).unwrap_or(u32::MAX),
            disk_reserve: given.disk_reserve.map(|size| size.as_u64()),
            log_format: given.log_format,
            log_level: given.log_level.clone().unwrap_or_else(|| "info".to_owned()),
        })
    }

    /// The same as settings with every value spelled out, for `config show`.
    pub fn to_options(&self, given: &Options) -> Options {
        let number = |n: usize| u32::try_from(n).ok();
        Options {
            name: self
                .name
                .clone()
                .or_else(|| Some(self.default_name.clone())),
            listen: Some(self.listen.to_string()),
            advertise: self.advertise.clone(),
            peer_listen: Some(self.peer_listen.to_string()),
            peer_advertise: self.peer_advertise.clone(),
            data_dir: Some(self.data_dir.clone()),
            store: Some(self.store.unwrap_or_default()),
            peers: self.peers.clone(),
            join: self.join.clone(),
            wait: Some(self.wait),
            learner: Some(self.learner),
            rejoin: Some(self.rejoin),
            heartbeat: Some(Span(self.heartbeat)),
            election_timeout: Some(Span(self.election_timeout)),
            append_in_flight: number(self.append_in_flight),
            threads: number(self.threads),
            fsync: Some(self.fsync),
            max_value_bytes: Some(ByteSize(self.max_value_bytes as u64)),
            max_connections: number(self.max_connections),
            max_in_flight: number(self.max_in_flight),
            watch_history: Some(ByteSize(self.watch_history as u64)),
            auto_create_namespaces: Some(self.auto_create_namespaces),
            snapshot_every: Some(ByteSize(self.snapshot_every)),
            log_retain: Some(ByteSize(self.log_retain)),
            log_segment: Some(ByteSize(u64::from(self.log_segment))),
            disk_reserve: self.disk_reserve.map(ByteSize),
            log_format: self.log_format,
            log_level: Some(self.log_level.clone()),
            insecure: given.insecure,
        }
    }
}

/// A member has its cluster from one place.
fn check_origin(
    given: &Options,
    wait: bool,
    learner: bool,
    rejoin: bool,
) -> Result<(), ConfigError> {
    let exclusive = |setting, other: &str, does: &str| {
        Err(invalid(
            setting,
            format!("{does}, and --{other} says otherwise; give one of them"),
        ))
    };
    if given.join.is_some() && given.peers.is_some() {
        return exclusive("join", "peers", "the node joins a cluster that exists");
    }
    if wait && given.peers.is_some() {
        return exclusive("wait", "peers", "the node waits to be added to a cluster");
    }
    if wait && given.join.is_some() {
        return exclusive("wait", "join", "the node waits to be added to a cluster");
    }
    if learner && !wait && given.join.is_none() {
        return Err(invalid(
            "learner",
            "only a node that joins a cluster can be a learner; give --join or --wait, too",
        ));
    }
    if rejoin && given.peers.is_none() && given.join.is_none() {
        return Err(invalid(
            "rejoin",
            "the node must know whom to ask; give --peers or --join, too",
        ));
    }
    Ok(())
}

/// One thread beats two on two cores: consensus wakes once for a batch and not once for a message.
fn default_threads() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(cores / 2).unwrap_or(u32::MAX).max(1)
}

fn count(given: Option<u32>, setting: &'static str, default: u32) -> Result<usize, ConfigError> {
    match given.unwrap_or(default) {
        0 => Err(invalid(setting, "give at least 1")),
        count => Ok(count as usize),
    }
}

fn size(
    given: Option<ByteSize>,
    setting: &'static str,
    default: u64,
    range: std::ops::RangeInclusive<u64>,
) -> Result<u64, ConfigError> {
    let size = given.map_or(default, |size| size.as_u64());
    if range.contains(&size) {
        Ok(size)
    } else {
        Err(invalid(
            setting,
            format!(
                "{size} bytes is not between {} and {} bytes",
                range.start(),
                range.end()
            ),
        ))
    }
}

fn resolve(
    setting: &'static str,
    address: &str,
    insecure: bool,
) -> Result<SocketAddr, ConfigError> {
    check_address(address).map_err(|reason| invalid(setting, reason))?;
    let found = address
        .to_socket_addrs()
        .map_err(|error| invalid(setting, format!("{address}: {error}")))?
        .next()
        .ok_or_else(|| invalid(setting, format!("{address} resolves to nothing")))?;
    let loopback = match found.ip() {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback(),
    };
    if !loopback && !insecure {
        return Err(invalid(
            setting,
            format!(
                "others can reach {address}, and traffic is neither encrypted nor authenticated; \
                 listen on a loopback address, or give --insecure if the network is trusted"
            ),
        ));
    }
    Ok(found)
}

fn data_dir(given: &Options, name: &str) -> Result<PathBuf, ConfigError> {
    if let Some(directory) = &given.data_dir {
        return Ok(directory.clone());
    }
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(directory) = variable("STATE_DIRECTORY") {
        return Ok(directory.into());
    }
    let state = variable("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".local").join("state")));
    state
        .map(|state| state.join("raftnoded").join(name))
        .ok_or_else(|| {
            invalid(
                "data-dir",
                "neither $STATE_DIRECTORY, $XDG_STATE_HOME nor $HOME is set; give the directory",
            )
        })
}

#[cfg(test)]
mod tests;
