//! What must hold of a key, on the command line.

use common::types::{Condition, Revision};

/// A condition on a key that exists; the group can be extended.
#[derive(clap::Args, Clone, Copy, Debug)]
#[group(id = "condition", multiple = false)]
pub(super) struct ConditionArgs {
    /// Only if the key has this version; else exit code 4
    #[arg(long, value_name = "N", value_parser = parse_ordinal)]
    if_version: Option<u64>,
    /// Only if the key was last written by this revision; else exit code 4
    #[arg(long, value_name = "N", value_parser = parse_ordinal)]
    if_revision: Option<Revision>,
}

impl ConditionArgs {
    /// What was chosen, if anything was.
    pub(super) fn chosen(self) -> Option<Condition> {
        let version = self.if_version.map(Condition::Version);
        version.or(self.if_revision.map(Condition::Revision))
    }
}

/// Parses a version or a revision. No key has 0: it would be a condition that never holds.
fn parse_ordinal(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err("versions and revisions begin at 1".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("not a whole number of 64 bits".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_revisions_begin_at_1() {
        assert_eq!(parse_ordinal("1"), Ok(1));
        assert_eq!(parse_ordinal("18446744073709551615"), Ok(u64::MAX));
        assert!(parse_ordinal("0").unwrap_err().contains("begin at 1"));
        assert!(parse_ordinal("-1").is_err());
    }
}
