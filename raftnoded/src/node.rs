//! The composition root: opens everything in order, wires it, and takes it down in order.
//!
//! Start: lock the data directory, bind both ports, answer clients ("forming") and other members;
//! then, if there is no cluster yet, form or join one; make sure that no other process is this
//! member; open log and store; take part. A client therefore gets an answer from the first moment,
//! and a restart of all members at once needs no order.
//!
//! Stop: refuse new requests, hand leadership over, let requests under way finish, stop consensus,
//! close the files. A stop is not a leave: the member stays in the membership. One that was removed
//! from it notes so in its directory and stops for good.

mod belonging;
mod failure;
mod log;
pub(crate) mod open;
#[cfg(test)]
mod tests;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::watch};
use tokio_util::task::AbortOnDropHandle;

pub use failure::Failure;
use open::Opened;

use crate::{
    config::{Config, Fsync, Store},
    disk::Disk,
    identity::{Belonging, DataDirectory, Identity},
    listener::Connections,
    notify,
    raft::{
        Card, Compaction, Consensus, PeerServer, Room, Settings, Stand, Verdict, clock,
        machine::Machine,
    },
    rpc,
    service::{About, Bounds, Part, Service},
    store, upkeep, wal,
    watch::Hub,
};

/// How long requests under way may take to finish when the member stops.
const DRAIN: Duration = Duration::from_secs(5);

/// How long a handover of leadership may take when the member stops.
const HAND_OVER: Duration = Duration::from_secs(2);

/// A member that listens.
pub struct Node {
    config: Config,
    directory: DataDirectory,
    identity: Identity,
    service: Arc<Service>,
    clients: Connections,
    peers: PeerServer,
    client_address: String,
    peer_address: String,
    /// Drawn for this process.
    boot: u64,
    /// Where nobody could say yet whether another process is this member.
    unasked: Vec<String>,
    clock: clock::Source,
    disk: Arc<Disk>,
    _disk_watch: AbortOnDropHandle<()>,
}

impl Node {
    /// Opens the data directory and both ports, and begins to answer.
    ///
    /// # Errors
    /// [`Failure`]
    pub async fn bind(config: Config) -> Result<Self, Failure> {
        let directory = DataDirectory::open(&config.data_dir)?;
        let identity =
            directory.identity(config.name.as_deref(), &config.default_name, config.store)?;
        let client_listener = listen(config.listen, "listen").await?;
        let peer_listener = listen(config.peer_listen, "peer-listen").await?;
        let client_address = advertised(config.advertise.as_ref(), &client_listener);
        let peer_address = advertised(config.peer_advertise.as_ref(), &peer_listener);
        if config.fsync == Fsync::Never {
            tracing::warn!("--fsync never: a power cut may take back acknowledged writes");
        }
        let disk =
            Disk::new(directory.path(), config.disk_reserve).map_err(|source| Failure::Files {
                path: directory.path().display().to_string(),
                source,
            })?;
        let service = Arc::new(Service::new(About {
            name: identity.name.clone(),
            client_address: client_address.clone(),
            peer_address: peer_address.clone(),
            store: identity.store,
            fsync: config.fsync,
            disk: Arc::clone(&disk),
            auto_create_namespaces: config.auto_create_namespaces,
            bounds: Bounds {
                max_value_bytes: config.max_value_bytes,
                max_connections: config.max_connections,
                max_in_flight: config.max_in_flight,
            },
        }));
        let boot = rand::random();
        let stand = match &identity.membership {
            Some(belonging) => Stand::Member {
                cluster_id: belonging.cluster_id,
                id: belonging.node_id,
                members: Vec::new(),
                highest: 0,
            },
            None => Stand::Starting,
        };
        let card = Card {
            name: identity.name.clone(),
            incarnation: identity.incarnation,
            boot,
            client_address: client_address.clone(),
            peer_address: peer_address.clone(),
            learner: config.learner,
            stand,
        };
        Ok(Self {
            clients: rpc::serve(client_listener, Arc::clone(&service)),
            peers: PeerServer::start(peer_listener, card),
            boot,
            unasked: Vec::new(),
            config,
            directory,
            identity,
            service,
            client_address,
            peer_address,
            clock: clock::monotonic(),
            _disk_watch: AbortOnDropHandle::new(tokio::spawn(Arc::clone(&disk).watch())),
            disk,
        })
    }

    /// Another source of time than the system's monotonic clock, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: clock::Source) -> Self {
        self.clock = clock;
        self
    }

    /// The member's name.
    pub fn name(&self) -> &str {
        &self.identity.name
    }

    /// The address of the client API.
    pub fn client_address(&self) -> &str {
        &self.client_address
    }

    /// The address on which members talk to each other.
    pub fn peer_address(&self) -> &str {
        &self.peer_address
    }

    /// Takes part until `shutdown` says true, or a fault ends it.
    ///
    /// # Errors
    /// [`Failure`]
    pub async fn run(mut self, mut shutdown: watch::Receiver<bool>) -> Result<(), Failure> {
        let stop = async move {
            // A sender that is gone can ask no more: then only a fault ends the member.
            if shutdown.wait_for(|stop| *stop).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::pin!(stop);
        let belonging = tokio::select! {
            () = &mut stop => {
                self.close().await;
                return Ok(());
            }
            belonging = self.belonging() => belonging?,
        };
        let (broken, mut fault) = watch::channel(None);
        let consensus = tokio::select! {
            () = &mut stop => {
                self.close().await;
                return Ok(());
            }
            consensus = self.take_part(&belonging, broken) => consensus?,
        };
        let strangers = self.watch_for_strangers(&belonging);
        let watched = tokio::spawn(observe(consensus.clone()));
        let measured = tokio::spawn(Arc::clone(&self.service).measure_quotas());

        let doubles = self.go_on_looking(&belonging);
        let failure = tokio::select! {
            () = stop => None,
            verdict = consensus.dismissed() => Some(match verdict {
                Verdict::Removed { by } => self.note_removal(by),
                Verdict::LogLost { by, acknowledged } => self.note_loss(acknowledged, by),
            }),
            stranger = strangers => Some(stranger.into()),
            double = doubles => Some(double),
            never = self.note_addresses(&consensus) => match never {},
            reason = consensus.stopped() => Some(Failure::Stopped(reason)),
            Ok(reason) = fault.wait_for(Option::is_some) => {
                Some(Failure::LogWrite(reason.clone().unwrap_or_default()))
            }
        };
        watched.abort();
        measured.abort();
        if let Some(failure) = failure {
            // The cause of a stop is often a failed write, and then the better answer.
            return Err(match &*fault.borrow() {
                Some(reason) => Failure::LogWrite(reason.clone()),
                None => failure,
            });
        }
        tracing::info!("stopping");
        notify::stopping();
        let draining = self.service.drain(DRAIN);
        let handing_over = consensus.hand_over(None, HAND_OVER);
        tokio::join!(draining, handing_over);
        self.close().await;
        consensus
            .shutdown()
            .await
            .map_err(|error| Failure::LogWrite(error.to_string()))?;
        self.note_end(consensus.log());
        tracing::info!("stopped");
        Ok(())
    }

    async fn close(&self) {
        self.clients.close().await;
        self.peers.shutdown().await;
    }

    /// Requests are answered from now on, if with no more than the reason why not.
    fn ready(&self) {
        self.service.set_ready();
        notify::ready();
    }

    /// Opens log and store, and starts consensus.
    async fn take_part(
        &mut self,
        belonging: &Belonging,
        broken: watch::Sender<Option<String>>,
    ) -> Result<Consensus, Failure> {
        let opened = self.open(belonging.cluster_id, broken).await?;
        self.begin_log(belonging, &opened.log).await?;
        if belonging.restored {
            self.begin_restored(belonging.node_id, &opened).await?;
        }
        let pristine = opened.log.is_pristine();
        let settings = Settings {
            cluster_id: belonging.cluster_id,
            node_id: belonging.node_id,
            incarnation: self.identity.incarnation,
            client_address: self.client_address.clone(),
            peer_address: self.peer_address.clone(),
            heartbeat: self.config.heartbeat,
            election_timeout: self.config.election_timeout,
            append_in_flight: self.config.append_in_flight,
            compaction: Compaction {
                snapshot_every: self.config.snapshot_every,
                retain: self.config.log_retain,
            },
        };
        let applied = store::applied(&*opened.engine)?.map_or(0, |position| position.index);
        let hub = Hub::new(self.config.watch_history, applied);
        let room = Room::new(Arc::clone(&self.disk), opened.log.clone());
        let machine = Machine::new(
            Arc::clone(&opened.engine),
            belonging.cluster_id,
            opened.files.clone(),
            self.identity.store == Store::Memory,
            Arc::clone(&self.clock),
            hub.clone(),
        )?;
        let consensus = Consensus::start(
            &settings,
            opened.log.clone(),
            machine,
            opened.files,
            room,
            &self.peers,
        )
        .await?;
        if pristine && !belonging.founders.is_empty() {
            let founders: Vec<_> = belonging.founders.iter().cloned().map(Into::into).collect();
            consensus.initialize(&founders).await?;
        }
        tokio::spawn(upkeep::reclaim(
            consensus.clone(),
            Arc::clone(&opened.engine),
        ));
        tokio::spawn(upkeep::expire(
            consensus.clone(),
            Arc::clone(&opened.engine),
        ));
        self.service.join(Part {
            cluster_id: belonging.cluster_id,
            consensus: consensus.clone(),
            engine: opened.engine,
            hub,
        });
        tokio::spawn(consensus.clone().keep_room());
        notify::status(&notify::words(&consensus));
        self.ready();
        Ok(consensus)
    }

    /// The first start of a restored member: names it, with the addresses it has here, as the only
    /// one of its cluster. Once that is in the log, or in the state, it is the past.
    async fn begin_restored(&self, node_id: u64, opened: &Opened) -> Result<(), Failure> {
        let named = store::membership(&*opened.engine)?.is_some() || opened.log.has_entries();
        if !named && let Some(applied) = store::applied(&*opened.engine)? {
            opened
                .log
                .begin_after(applied, node_id, self.info())
                .await
                .map_err(|error| Failure::LogWrite(error.to_string()))?;
        }
        Ok(())
    }

    async fn open(
        &self,
        cluster_id: u128,
        broken: watch::Sender<Option<String>>,
    ) -> Result<Opened, Failure> {
        let path = self.directory.path().to_owned();
        let store = self.identity.store;
        let options = wal::Options {
            segment_bytes: self.config.log_segment,
            fsync: self.config.fsync == Fsync::Always,
        };
        let opening = tokio::task::spawn_blocking(move || {
            let broken = move |reason| {
                broken.send_replace(Some(reason));
            };
            open::open(&path, store, cluster_id, options, broken)
        });
        opening.await.map_err(|error| Failure::Files {
            path: self.directory.path().display().to_string(),
            source: io::Error::other(error),
        })?
    }
}

async fn listen(address: SocketAddr, setting: &'static str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .map_err(|source| Failure::Port {
            address,
            setting,
            source,
        })
}

/// The address given, or the one that is really listened on: the port may have been 0.
fn advertised(given: Option<&String>, listener: &TcpListener) -> String {
    match (given, listener.local_addr()) {
        (Some(given), _) => given.clone(),
        (None, Ok(address)) => address.to_string(),
        (None, Err(_)) => String::new(),
    }
}

/// Logs what an operator wants to know of the consensus.
async fn observe(consensus: Consensus) {
    let mut last = (None, 0);
    let mut told = String::new();
    loop {
        let words = notify::words(&consensus);
        if words != told {
            notify::status(&words);
            told = words;
        }
        let view = consensus.view();
        let now = (view.leader, view.term);
        if now != last {
            match view.leader {
                Some(leader) => tracing::info!(
                    leader,
                    term = view.term,
                    index = view.last_log,
                    "leader elected"
                ),
                None => tracing::warn!(term = view.term, index = view.last_log, "no leader"),
            }
            last = now;
        }
        consensus
            .leader_changed(view.leader, Duration::from_secs(1))
            .await;
    }
}
