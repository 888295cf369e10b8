//! The configuration file with mutated bytes.

use fuzzing::{Answer, Target};

use super::*;

/// Every setting, and a few.
fn samples() -> [Vec<u8>; 2] {
    let all = "name = \"n1\"\nlisten = \"127.0.0.1:7421\"\nadvertise = \"h1:7421\"\n\
               peer-listen = \"127.0.0.1:7431\"\npeer-advertise = \"h1:7431\"\n\
               data-dir = \"/var/lib/raftnoded\"\nstore = \"memory\"\n\
               peers = \"n1=127.0.0.1:7431,n2=127.0.0.1:7432\"\nrejoin = false\n\
               heartbeat = \"100ms\"\nelection-timeout = \"300ms\"\nappend-in-flight = 2\n\
               threads = 1\nfsync = \"always\"\nmax-value-bytes = \"1MiB\"\n\
               max-connections = 10000\nmax-in-flight = 4096\nwatch-history = \"64MiB\"\n\
               auto-create-namespaces = true\nsnapshot-every = \"64MiB\"\n\
               log-retain = \"64MiB\"\nlog-segment = \"64MiB\"\ndisk-reserve = \"256MiB\"\n\
               log-format = \"json\"\nlog-level = \"info\"\ninsecure = false\n";
    let few = "listen = \"127.0.0.1:0\"\njoin = \"127.0.0.1:7432,127.0.0.1:7433\"\n\
               learner = true\nheartbeat = \"1s 20ms\"\nelection-timeout = \"1m\"\n";
    [all.into(), few.into()]
}

/// Whether an address can be resolved without asking anybody.
fn is_numeric(address: &Option<String>) -> bool {
    address
        .as_ref()
        .is_none_or(|it| it.parse::<SocketAddr>().is_ok())
}

#[test]
fn config() {
    let directory = tempfile::tempdir().expect("made");
    let path = directory.path().join("raftnoded.toml");
    let read = move |input: &[u8]| -> Answer {
        let _stays = &directory;
        fs::write(&path, input).expect("written");
        let refusal = |error: ConfigError| {
            let words = error.to_string();
            words.replace(path.to_str().expect("text"), "FILE")
        };
        let given = Options::read(&path).map_err(refusal)?;
        let text = toml::to_string(&given).expect("what was read can be written");
        assert_eq!(toml::from_str::<Options>(&text).expect("and read"), given);
        let own = given.peers.as_ref().and_then(|peers| {
            let own = peers
                .0
                .iter()
                .find(|(name, _)| Some(name) == given.name.as_ref());
            own.map(|(_, address)| address.clone())
        });
        if ![&given.listen, &given.peer_listen, &own]
            .into_iter()
            .all(is_numeric)
        {
            return Err("an address by name".to_owned());
        }
        let config = Config::new(&given).map_err(refusal)?;
        // What `config show` prints is another way to say the same.
        let shown = config.to_options(&given);
        let again = Config::new(&shown).map_err(refusal).expect("what is shown");
        assert_eq!(again.to_options(&shown), shown);
        Ok(format!("{:?} {:?}", config.store, config.log_format))
    };
    Target::new("config", env!("CARGO_MANIFEST_DIR"))
        .samples(samples())
        .rounds(4_000)
        .run(read);
}
