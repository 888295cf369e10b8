use std::time::Duration;

use super::*;
use crate::output::{Format, tests::printed};

fn info(settings: NamespaceSettings) -> NamespaceInfo {
    NamespaceInfo {
        name: "default".to_owned(),
        id: 1,
        create_revision: 2,
        keys: 1200,
        bytes: 1536,
        settings,
    }
}

fn bounded() -> NamespaceInfo {
    info(NamespaceSettings {
        max_keys: Some(1400),
        max_bytes: Some(64 << 20),
        max_value_bytes: None,
        default_ttl: Some(Duration::from_secs(600)),
    })
}

#[test]
fn namespaces_in_each_form() {
    let namespaces = [info(NamespaceSettings::default()), bounded()];
    let list = |format| printed(format, false, |output| print_all(&namespaces, output));
    assert_eq!(
        list(Format::Table),
        "NAME     ID   KEYS     SIZE  USED  CREATED AT\n\
         default   1  1 200  1.5 KiB     -           2\n\
         default   1  1 200  1.5 KiB  85 %           2\n"
    );
    assert_eq!(
        printed(Format::Table, false, |output| {
            print_all(&namespaces[..1], output)
        }),
        "NAME     ID   KEYS     SIZE  CREATED AT\n\
         default   1  1 200  1.5 KiB           2\n"
    );
    assert_eq!(
        list(Format::Plain),
        "default\t1\t1200\t1536\t2\t-\t-\t-\t-\n\
         default\t1\t1200\t1536\t2\t1400\t67108864\t-\t600000\n"
    );
    assert_eq!(
        list(Format::Json),
        "{\"name\":\"default\",\"id\":\"1\",\"keys\":1200,\"bytes\":1536,\
         \"create_revision\":\"2\",\"max_keys\":null,\"max_bytes\":null,\
         \"max_value_bytes\":null,\"default_ttl_ms\":null}\n\
         {\"name\":\"default\",\"id\":\"1\",\"keys\":1200,\"bytes\":1536,\
         \"create_revision\":\"2\",\"max_keys\":1400,\"max_bytes\":67108864,\
         \"max_value_bytes\":null,\"default_ttl_ms\":600000}\n"
    );
}

#[test]
fn one_namespace_with_what_it_allows() {
    let described = |info: &NamespaceInfo| {
        printed(Format::Table, false, |output| {
            output.record(&NamespaceRow::from(info))
        })
    };
    assert_eq!(
        described(&bounded()),
        "name                 default\n\
         id                   1\n\
         keys                 1 200 of 1 400 (85 %)\n\
         size                 1.5 KiB of 64 MiB (0 %)\n\
         max-value            none\n\
         default-ttl          10m\n\
         created at revision  2\n"
    );
    let unbounded = described(&info(NamespaceSettings::default()));
    assert!(unbounded.contains("keys                 1 200\nsize                 1.5 KiB\n"));
}

#[test]
fn one_that_was_created_or_changed() {
    let info = bounded();
    let created = |format| {
        printed(format, false, |output| {
            output.confirmation(&Created(NamespaceRow::from(&info)))
        })
    };
    assert_eq!(
        created(Format::Table),
        "OK  created default  id 1  revision 2\n"
    );
    assert!(created(Format::Json).starts_with("{\"name\":\"default\",\"id\":\"1\","));
    let changed = |format| {
        printed(format, false, |output| {
            output.confirmation(&Changed(NamespaceRow::from(&info)))
        })
    };
    assert_eq!(
        changed(Format::Table),
        "OK  default  max-keys 1 400  max-bytes 64 MiB  max-value none  default-ttl 10m\n"
    );
    assert_eq!(changed(Format::Plain), created(Format::Plain));
}

#[test]
fn full_is_full() {
    assert_eq!(percent(1399, 1400), 99);
    assert_eq!(percent(1400, 1400), 100);
    assert_eq!(percent(3000, 1400), 214);
    assert_eq!(percent(0, 0), 100);
    assert_eq!(percent(u64::MAX, 1), u64::MAX);
}

#[test]
fn what_is_beyond_a_new_bound_is_told() {
    let mut full = bounded();
    assert_eq!(beyond(&full), Vec::<String>::new());
    full.settings.max_keys = Some(1000);
    assert_eq!(
        beyond(&full),
        [
            "default holds 1 200 keys already, max-keys is 1 000: nothing that adds to it is \
             accepted until it holds less"
        ]
    );
}
