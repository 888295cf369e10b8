//! How long a key is to live, on the command line.

use std::time::Duration;

use common::types::{LeaseId, Lifetime, MAX_TTL};

use crate::{cli::parse_duration, output::time::exact};

/// The shortest time to live: the cluster's clock counts milliseconds.
const MIN_TTL: Duration = Duration::from_millis(1);

/// A lifetime; none is the command's own default. The group can be extended or required.
#[derive(clap::Args, Clone, Copy, Debug)]
#[group(id = "lifetime", multiple = false)]
pub(super) struct LifetimeArgs {
    /// Let the key live so long from now, like 500ms, 30s or 7d
    #[arg(long, value_name = "DURATION", value_parser = parse_ttl)]
    ttl: Option<Duration>,
    /// Let the key live as long as this lease; `raftctl lease grant` makes one
    #[arg(long, value_name = "ID", value_parser = parse_lease)]
    lease: Option<LeaseId>,
    /// Let the key live for ever, whatever the namespace's default
    #[arg(long)]
    no_ttl: bool,
}

impl LifetimeArgs {
    /// What was chosen, if anything was.
    pub(super) fn chosen(self) -> Option<Lifetime> {
        let forever = self.no_ttl.then_some(Lifetime::Forever);
        let ttl = self.ttl.map(Lifetime::Ttl);
        ttl.or(self.lease.map(Lifetime::Lease)).or(forever)
    }
}

/// Parses a time to live.
pub(crate) fn parse_ttl(text: &str) -> Result<Duration, String> {
    let ttl = parse_duration(text)?;
    if ttl < MIN_TTL {
        return Err(format!("must be at least {}", exact(MIN_TTL)));
    }
    if ttl > MAX_TTL {
        return Err(format!("must be at most {}", exact(MAX_TTL)));
    }
    Ok(ttl)
}

/// Parses the number of a lease.
pub(super) fn parse_lease(text: &str) -> Result<LeaseId, String> {
    text.parse()
        .map_err(|_| "a lease is a decimal number; `raftctl lease ls` shows them".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_live_has_its_bounds() {
        assert_eq!(parse_ttl("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_ttl("1ms"), Ok(MIN_TTL));
        assert_eq!(parse_ttl("3650d"), Ok(MAX_TTL));
        assert_eq!(parse_ttl("0s"), Err("must be at least 1ms".to_owned()));
        assert_eq!(parse_ttl("3651d"), Err("must be at most 3650d".to_owned()));
        assert!(parse_ttl("30").unwrap_err().contains("500ms"));
    }

    #[test]
    fn a_lease_is_a_decimal_number() {
        assert_eq!(parse_lease("1234"), Ok(1234));
        for wrong in ["", "0x12", "-1", "mine", "18446744073709551616"] {
            assert!(parse_lease(wrong).is_err(), "{wrong}");
        }
    }
}
