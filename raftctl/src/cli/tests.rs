use clap::{CommandFactory, error::ErrorKind};

use super::*;

fn parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from([&["raftctl"], arguments].concat())
}

/// The help as it is printed, a hundred columns wide and without colour.
fn help(path: &[&str]) -> String {
    let mut command = Cli::command().term_width(100);
    command.build();
    let mut command = &mut command;
    for name in path {
        command = command.find_subcommand_mut(name).unwrap();
    }
    command.render_help().to_string()
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn the_help_shows_what_there_is_and_nothing_else() {
    assert_eq!(help(&[]), include_str!("help.txt"));
}

#[test]
fn only_built_commands_exist() {
    fn names(command: &clap::Command) -> Vec<&str> {
        command
            .get_subcommands()
            .map(clap::Command::get_name)
            .collect()
    }
    let root = Cli::command();
    assert_eq!(
        names(&root),
        [
            "put",
            "get",
            "del",
            "ls",
            "count",
            "touch",
            "incr",
            "edit",
            "watch",
            "txn",
            "export",
            "import",
            "lease",
            "lock",
            "elect",
            "ns",
            "status",
            "health",
            "tui",
            "members",
            "leader",
            "snapshot",
            "bench",
            "completion",
            "version"
        ]
    );
    let under = |name: &str| names(root.find_subcommand(name).unwrap());
    assert_eq!(
        under("lease"),
        ["grant", "keepalive", "revoke", "ls", "show"]
    );
    assert_eq!(under("ns"), ["create", "ls", "describe", "set", "delete"]);
    assert_eq!(
        under("members"),
        [
            "ls", "add", "remove", "promote", "demote", "replace", "update"
        ]
    );
    assert_eq!(under("leader"), ["show", "transfer"]);
    assert_eq!(under("bench"), ["put", "get", "mixed", "txn"]);
}

#[test]
fn every_command_and_option_has_help() {
    fn check(command: &clap::Command) {
        let name = command.get_name();
        assert!(command.get_about().is_some(), "{name}");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{name} {argument}");
        }
        command.get_subcommands().for_each(check);
    }
    check(&Cli::command());
}

#[test]
fn global_options_stand_before_or_after_the_command() {
    for arguments in [
        [
            "-o",
            "json",
            "-q",
            "--timeout",
            "2s",
            "-e",
            "a:1,b",
            "status",
        ],
        [
            "status",
            "-o",
            "json",
            "-q",
            "--timeout",
            "2s",
            "-e",
            "a:1,b",
        ],
    ] {
        let globals = parse(&arguments).unwrap().globals;
        assert_eq!(globals.output, Format::Json);
        assert!(globals.quiet);
        assert_eq!(globals.timeout, Duration::from_secs(2));
        assert_eq!(globals.endpoints().unwrap(), ["a:1", "b:7420"]);
    }
}

#[test]
fn endpoints_are_completed_with_the_default_port() {
    let table = [
        ("10.0.0.1", "10.0.0.1:7420"),
        ("node-1", "node-1:7420"),
        (" node-1:99 ", "node-1:99"),
        ("::1", "[::1]:7420"),
        ("[::1]", "[::1]:7420"),
        ("[::1]:99", "[::1]:99"),
    ];
    for (text, endpoint) in table {
        assert_eq!(parse_endpoint(text).unwrap(), endpoint);
    }
    for wrong in ["", "http://a:1", "a:", "a:0", "a:70000", ":7420", "a:b"] {
        assert!(parse_endpoint(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_option_beats_the_variable_and_the_variable_the_default() {
    let resolve = |option: &[&str], variable: Option<&str>| {
        let option: Vec<String> = option.iter().map(ToString::to_string).collect();
        endpoints_from(&option, variable.map(OsString::from))
    };
    assert_eq!(resolve(&["a:1"], Some("b:2")).unwrap(), ["a:1"]);
    assert_eq!(resolve(&[], Some("b:2, c")).unwrap(), ["b:2", "c:7420"]);
    assert_eq!(resolve(&[], Some("")).unwrap(), [DEFAULT_ENDPOINT]);
    assert_eq!(resolve(&[], None).unwrap(), [DEFAULT_ENDPOINT]);
    let failure = resolve(&[], Some("b:port")).unwrap_err();
    assert_eq!(failure.exit() as u8, 2);
    assert_eq!(
        failure.to_string(),
        "RAFTCTL_ENDPOINTS: \"port\" is not a port"
    );
}

#[test]
fn a_timeout_is_longer_than_zero_and_at_most_an_hour() {
    assert_eq!(parse_timeout("1m 30s").unwrap(), Duration::from_secs(90));
    assert!(parse_timeout("0s").is_err());
    assert!(parse_timeout("2h").is_err());
    assert!(parse_timeout("5").unwrap_err().contains("500ms"));
}

#[test]
fn a_value_may_begin_with_a_dash_and_be_empty() {
    for value in ["-5", "--x", "-", "", "-1,5"] {
        let cli = parse(&["put", "default", "k", value]).unwrap();
        let Command::Put(args) = &cli.command else {
            panic!("not a put");
        };
        assert!(
            format!("{args:?}").contains(&format!("value: Some({value:?})")),
            "{args:?}"
        );
    }
    // What is an option stays one, and -- makes it a value.
    let cli = parse(&["put", "default", "k", "v", "--yes"]).unwrap();
    assert!(cli.globals.yes);
    let cli = parse(&["put", "default", "k", "--", "--yes"]).unwrap();
    assert!(!cli.globals.yes);
}

#[test]
fn a_number_to_add_may_be_negative() {
    for by in ["-5", "5", "-9223372036854775808"] {
        let cli = parse(&["incr", "default", "c", by]).unwrap();
        let Command::Incr(args) = &cli.command else {
            panic!("not an incr");
        };
        assert!(
            format!("{args:?}").contains(&format!("by: {by},")),
            "{args:?}"
        );
    }
    let cli = parse(&["incr", "default", "c"]).unwrap();
    assert!(format!("{:?}", cli.command).contains("by: 1,"));
    assert!(parse(&["incr", "default", "c", "1.5"]).is_err());
}

#[test]
fn arguments_that_exclude_each_other_are_refused() {
    let kind = |arguments: &[&str]| parse(arguments).unwrap_err().kind();
    let conflict = ErrorKind::ArgumentConflict;
    assert_eq!(kind(&["put", "ns", "k", "v", "--file", "f"]), conflict);
    assert_eq!(kind(&["get", "ns", "k", "--hex", "--base64"]), conflict);
    assert_eq!(kind(&["del", "ns", "k", "--prefix", "p"]), conflict);
    assert_eq!(kind(&["status", "-q", "-v"]), conflict);
    assert_eq!(kind(&["del", "ns"]), ErrorKind::MissingRequiredArgument);
    assert_eq!(
        kind(&["ls", "ns", "--limit", "0"]),
        ErrorKind::ValueValidation
    );
    for lifetimes in [
        &["--ttl", "3s", "--lease", "7"][..],
        &["--ttl", "3s", "--no-ttl"],
        &["--lease", "7", "--keep-ttl"],
        &["--keep-ttl", "--no-ttl"],
    ] {
        let line = [&["put", "ns", "k", "v"], lifetimes].concat();
        assert_eq!(kind(&line), conflict, "{lifetimes:?}");
    }
    assert_eq!(
        kind(&["ns", "set", "bank"]),
        ErrorKind::MissingRequiredArgument
    );
    assert_eq!(
        kind(&["touch", "ns", "k"]),
        ErrorKind::MissingRequiredArgument
    );
    assert_eq!(
        kind(&["touch", "ns", "k", "--ttl", "3s", "--no-ttl"]),
        conflict
    );
    for conditions in [
        &["--if-version", "3", "--if-absent"][..],
        &["--if-version", "3", "--if-revision", "3"],
    ] {
        let line = [&["put", "ns", "k", "v"], conditions].concat();
        assert_eq!(kind(&line), conflict, "{conditions:?}");
    }
    for with_prefix in [&["--if-version", "3"][..], &["--prev"]] {
        let line = [&["del", "ns", "--prefix", "p"], with_prefix].concat();
        assert_eq!(kind(&line), conflict, "{with_prefix:?}");
    }
}

#[test]
fn a_change_of_the_members_names_what_it_needs() {
    let kind = |line: &str| {
        let arguments: Vec<&str> = line.split(' ').collect();
        parse(&arguments).map(|_| ()).map_err(|error| error.kind())
    };
    for fine in [
        "members add node-4",
        "members add 10.0.0.4:7420 --learner --wait-for 5m",
        "members add 10.0.0.4:7420 --no-wait",
        "members remove n3 --force",
        "members replace n3 10.0.0.4:7421 --no-wait",
        "members update 3 --addr a:1 --peer-addr b:2",
        "leader transfer",
        "leader transfer n2",
        "status --watch --interval 500ms --details",
    ] {
        assert_eq!(kind(fine), Ok(()), "{fine}");
    }
    let missing = Err(ErrorKind::MissingRequiredArgument);
    for incomplete in [
        "members add",
        "members remove",
        "members replace n3",
        "members update n3",
        "status --interval 2s",
    ] {
        assert_eq!(kind(incomplete), missing, "{incomplete}");
    }
    let both = "members add a:1 --no-wait --wait-for 5s";
    assert_eq!(kind(both), Err(ErrorKind::ArgumentConflict));
    let invalid = Err(ErrorKind::ValueValidation);
    assert_eq!(kind("members add http://a:1"), invalid);
    assert_eq!(kind("status --watch --interval 1ms"), invalid);
}

#[test]
fn a_wrong_command_line_is_told_in_one_line_for_json() {
    let error = parse(&["del", "ns"]).unwrap_err();
    let failure = usage_failure(&error);
    assert_eq!(failure.exit() as u8, 2);
    assert_eq!(failure.code(), "usage");
    assert_eq!(
        failure.to_string(),
        "the following required arguments were not provided: <KEY>..."
    );
    let error = parse(&["stats"]).unwrap_err();
    let hint = usage_failure(&error).hint().unwrap();
    assert!(hint.contains("'status'"), "{hint}");
}
