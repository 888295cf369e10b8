//! `raftctl version`.

use serde::Serialize;

use crate::{
    failure::Failure,
    output::{Output, Record, Style},
};

#[derive(Serialize)]
struct Version {
    program: &'static str,
    version: &'static str,
    protocol: u32,
}

impl Record for Version {
    fn table(&self, _: Style) -> String {
        format!("{} {}\n", self.program, self.version)
    }

    fn plain(&self) -> Vec<String> {
        vec![self.version.to_owned()]
    }
}

pub(crate) fn run(output: &mut Output) -> Result<(), Failure> {
    output.record(&Version {
        program: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        protocol: common::transport::PROTOCOL_VERSION,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Format, tests::printed};

    #[test]
    fn the_version_in_each_form() {
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            printed(Format::Table, false, run),
            format!("raftctl {version}\n")
        );
        assert_eq!(printed(Format::Plain, false, run), format!("{version}\n"));
        let object: serde_json::Value =
            serde_json::from_str(&printed(Format::Json, false, run)).unwrap();
        assert_eq!(object["version"], version);
    }
}
