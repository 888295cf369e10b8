use super::*;

fn options(toml: &str) -> Options {
    toml::from_str(toml).unwrap()
}

#[test]
fn defaults_are_filled_in() {
    let config = Config::new(&Options::default()).unwrap();
    assert_eq!(config.listen, "127.0.0.1:7420".parse().unwrap());
    assert_eq!(config.peer_listen, "127.0.0.1:7421".parse().unwrap());
    assert_eq!(config.max_value_bytes, 1 << 20);
    assert_eq!(config.election_timeout, Duration::from_millis(300));
    assert!(config.auto_create_namespaces);
}

#[test]
fn a_member_finds_itself_in_the_list() {
    let given = options("name = 'n2'\npeers = 'n2=127.0.0.1:2, n1=127.0.0.1:1'");
    let config = Config::new(&given).unwrap();
    assert_eq!(config.peer_listen.port(), 2);
    assert_eq!(config.peer_advertise.as_deref(), Some("127.0.0.1:2"));
    assert_eq!(
        config.peers.unwrap().to_string(),
        "n1=127.0.0.1:1,n2=127.0.0.1:2"
    );
}

#[test]
fn the_first_setting_given_wins() {
    let flags = options("heartbeat = '50ms'");
    let file = options("heartbeat = '70ms'\nstore = 'rocksdb'");
    let merged = flags.or(file);
    assert_eq!(merged.heartbeat, Some(Span(Duration::from_millis(50))));
    assert_eq!(merged.store, Some(Store::Rocksdb));
}

#[test]
fn nonsense_is_refused_and_named() {
    for (toml, setting, words) in [
        ("name = 'a b'", "name", "cannot name a member"),
        (
            "name = 'n9'\npeers = 'n1=h:1'",
            "peers",
            "n9 is not in the list",
        ),
        ("listen = '0.0.0.0:1'", "listen", "--insecure"),
        ("listen = 'nonsense'", "listen", "HOST:PORT"),
        (
            "listen = '0.0.0.0:1'\ninsecure = true",
            "advertise",
            "others can call",
        ),
        (
            "heartbeat = '200ms'",
            "election-timeout",
            "twice the heartbeat",
        ),
        (
            "heartbeat = '500000000000y'",
            "election-timeout",
            "twice the heartbeat",
        ),
        ("election-timeout = '2h'", "election-timeout", "at most 1h"),
        ("threads = 0", "threads", "at least 1"),
        (
            "max-value-bytes = '33MiB'",
            "max-value-bytes",
            "not between",
        ),
        ("wait = true\njoin = 'h:1'", "wait", "--join"),
        (
            "name = 'n1'\nwait = true\npeers = 'n1=127.0.0.1:1'",
            "wait",
            "--peers",
        ),
        (
            "name = 'n1'\njoin = 'h:1'\npeers = 'n1=127.0.0.1:1'",
            "join",
            "--peers",
        ),
        ("learner = true", "learner", "--join or --wait"),
        ("wait = true\nrejoin = true", "rejoin", "whom to ask"),
        ("log-segment = '1MiB'", "log-segment", "must hold a value"),
    ] {
        let error = Config::new(&options(toml)).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("--{setting}: ")),
            "{toml}: {error}"
        );
        assert!(error.contains(words), "{toml}: {error}");
    }
    for toml in [
        "no-such-key = 1",
        "join = 'h'",
        "join = 'h:1,'",
        "peers = 'n1=h:1,n1=h:2'",
        "peers = 'n1'",
    ] {
        assert!(toml::from_str::<Options>(toml).is_err(), "{toml}");
    }
    assert!(
        Config::new(&options(
            "listen = '0.0.0.0:1'\ninsecure = true\nadvertise = 'h:1'"
        ))
        .is_ok()
    );
}

#[test]
fn what_is_shown_can_be_read_back() {
    let given = options("name = 'n1'\nheartbeat = '40ms'\nlog-retain = '1MiB'");
    let config = Config::new(&given).unwrap();
    let shown = toml::to_string(&config.to_options(&given)).unwrap();
    assert_eq!(
        Config::new(&options(&shown)).unwrap().heartbeat,
        config.heartbeat
    );
    assert_eq!(
        Config::new(&options(&shown)).unwrap().log_retain,
        config.log_retain
    );
}

#[test]
fn a_size_is_shown_to_the_byte() {
    for (bytes, shown) in [
        (0, "0"),
        (1_500_000, "1500000"),
        (3 << 10, "3KiB"),
        (64 << 20, "64MiB"),
        ((1 << 40) + 1, "1099511627777"),
        (u64::MAX, "18446744073709551615"),
        (u64::MAX - 1023, "18446744073709550592"),
    ] {
        assert_eq!(Size(bytes).to_string(), shown);
        assert_eq!(shown.parse(), Ok(Size(bytes)));
    }
    assert_eq!("1.5KiB".parse(), Ok(Size(1536)));
}
