//! End-to-end tests: `raftnoded` and `raftctl` as processes, met over the wire as a user meets them.
//!
//! Nothing of the two programs is linked in; the only import is `common`, the public API. What a
//! test waits for is a condition with a deadline, never a span of time.
//!
//! ```text
//! cluster      the harness: members as child processes, connections, raftctl, a terminal
//! journal      writers whose every outcome is recorded, and the check that nothing was lost
//! history      the calls of clients under faults: what was asked, what came back, when
//! workload     what those clients do
//! scenario     a cluster with such clients at work, from its start to the checks at its end
//! faults       what is done to it
//!
//! formation    a cluster from a static list, in every order; stop and start
//! kv           keys and values through every member; consistency of reads
//! namespaces   their life, and the space they leave behind
//! conditions   writes that depend on what is there: conditions, transactions, quotas
//! watch        every change once and in order, through kills, pauses and restarts
//! exactly_once a write that is sent again is carried out once
//! expiry       keys and leases that end by themselves
//! coordination locks and elections on the command line
//! bulk         export and import
//! membership   nodes join, are replaced and removed, under load and under kills
//! failover     the leader is killed, paused or asked to stop under load
//! disk         full disks, and logs that cannot be written
//! durability   all members are killed at once
//! snapshot     laggards catch up by snapshot; the disk stays bounded
//! backup       backups of every member, and new clusters made of them
//! recovery     a new cluster from one survivor
//! activity     what members tell those who watch them live
//! formats      what a newer program wrote is refused
//! systemd      what the service manager is told, and the unit file
//! stale        how old a stale read may be
//! identity     data directories that must be refused
//! config       settings that must be refused, ports in use, what is printed at the start
//! limits       sizes, connections, requests in flight
//! hostile      garbage, half-open connections, resets, absurd deadlines
//! cli          raftctl in a pipe
//! terminal     raftctl on a terminal: prompts, escapes, Ctrl-C
//! tui          the dashboard on a terminal, through a failover
//! pictures     the pictures of the README: made from the real program, on request
//! figures      what a change of leader, and a dashboard, cost; printed, on request
//! readme       the tour of the README, as written
//! scenarios    the fifteen fault scenarios
//! broken       three builds with a known bug each, which a run must find
//! soak         faults composed at random for as long as it is told, on request
//! ```

mod cluster;
mod faults;
mod history;
mod journal;
mod scenario;
mod workload;

mod activity;
mod backup;
mod broken;
mod bulk;
mod cli;
mod conditions;
mod config;
mod coordination;
mod disk;
mod durability;
mod exactly_once;
mod expiry;
mod failover;
mod figures;
mod formation;
mod formats;
mod hostile;
mod identity;
mod kv;
mod limits;
mod membership;
mod namespaces;
mod pictures;
mod readme;
mod recovery;
mod scenarios;
mod snapshot;
mod soak;
mod stale;
mod systemd;
mod terminal;
mod tui;
mod watch;
