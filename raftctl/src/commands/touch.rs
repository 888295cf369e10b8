//! `raftctl touch`.

use std::ffi::OsString;

use common::types::TouchRequest;
use serde::Serialize;

use super::{Session, argument_bytes, lifetime::LifetimeArgs};
use crate::{
    failure::Failure,
    output::{Output, Record, Style, json, table::grouped},
};

const DETAILS: &str = "\
The value, the version and the revision of the key stay as they are. A key that does not exist is
exit code 3. Prints the revision of the change; plain: REVISION.

Examples:
  raftctl touch default session/4711 --ttl 30m      half an hour from now
  raftctl touch default owner --lease 1150
  raftctl touch default code --no-ttl               it does not expire any more";

#[derive(clap::Args, Debug)]
#[command(
    after_help = DETAILS,
    group = clap::ArgGroup::new("choice").required(true).args(["ttl", "lease", "no_ttl"])
)]
pub(crate) struct Args {
    /// The namespace
    #[arg(value_name = "NS")]
    namespace: String,
    /// The key
    key: OsString,
    #[command(flatten)]
    lifetime: LifetimeArgs,
}

#[derive(Serialize)]
struct Touched<'a> {
    namespace: &'a str,
    #[serde(flatten)]
    key: json::Key<'a>,
    #[serde(serialize_with = "json::as_string")]
    revision: u64,
}

impl Record for Touched<'_> {
    fn table(&self, _: Style) -> String {
        format!("OK  revision {}\n", grouped(self.revision))
    }

    fn plain(&self) -> Vec<String> {
        vec![self.revision.to_string()]
    }
}

pub(crate) async fn run(
    args: &Args,
    session: &Session,
    output: &mut Output,
) -> Result<(), Failure> {
    let key = argument_bytes(&args.key);
    let client = session.connect(output).await?;
    let reply = client
        .touch(TouchRequest {
            namespace: args.namespace.clone(),
            key: key.clone(),
            lifetime: args.lifetime.chosen().unwrap_or_default(),
        })
        .await?;
    if !reply.found {
        return Err(Failure::KeyNotFound {
            namespace: args.namespace.clone(),
            key: key.into(),
        });
    }
    output.confirmation(&Touched {
        namespace: &args.namespace,
        key: json::Key::new(&key),
        revision: reply.revision,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Format, tests::printed};

    #[test]
    fn a_touch_is_confirmed_in_each_form() {
        let show = |format| {
            printed(format, false, |output| {
                output.confirmation(&Touched {
                    namespace: "default",
                    key: json::Key::new(b"k"),
                    revision: 1200,
                })
            })
        };
        assert_eq!(show(Format::Table), "OK  revision 1 200\n");
        assert_eq!(show(Format::Plain), "1200\n");
        assert_eq!(
            show(Format::Json),
            "{\"namespace\":\"default\",\"key\":\"k\",\"revision\":\"1200\"}\n"
        );
    }
}
