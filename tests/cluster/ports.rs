//! Ports that stay free while nobody listens on them.
//!
//! The kernel takes the local port of an outgoing connection from its ephemeral range. A member
//! that listens on such a port may find it taken when it comes back after a restart.

use std::{
    collections::HashSet,
    fs,
    hash::{BuildHasher, RandomState},
    net::TcpListener,
    sync::{LazyLock, Mutex, PoisonError},
};

static GIVEN_OUT: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// Where the kernel's own range begins and ends, if it tells.
fn ephemeral_range() -> (u16, u16) {
    let told = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok();
    let bounds: Vec<u16> = told
        .iter()
        .flat_map(|text| text.split_whitespace())
        .filter_map(|word| word.parse().ok())
        .collect();
    match bounds[..] {
        [first, last] => (first, last),
        _ => (32_768, 60_999),
    }
}

/// A port that is free now, outside the ephemeral range, and given out once in this process.
pub(crate) fn free_port() -> u16 {
    let (first, last) = ephemeral_range();
    let mut given_out = GIVEN_OUT.lock().unwrap_or_else(PoisonError::into_inner);
    for attempt in 0..10_000_u32 {
        // Keyed at random: two test runs at once take different ports.
        let random = RandomState::new().hash_one(attempt);
        let port = 20_000 + u16::try_from(random % 12_000).expect("below 12,000");
        let own = (first..=last).contains(&port) || given_out.contains(&port);
        if !own && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            given_out.insert(port);
            return port;
        }
    }
    panic!("no free port in 20000..32000 outside {first}..={last}");
}
