//! The form for scripts: a record is a line, its fields are separated by tabs, nothing else.
//!
//! Columns are stable: later releases only append. Fields that hold bytes or names are escaped
//! ([`escape`](super::bytes::escape)), an absent one is `-`.

/// What stands for a field that has no value.
pub(crate) const ABSENT: &str = "-";

/// Fields as a line, newline included.
pub(crate) fn line<S: AsRef<str>>(fields: &[S]) -> String {
    let mut line = String::new();
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            line.push('\t');
        }
        line.push_str(field.as_ref());
    }
    line.push('\n');
    line
}

/// A field that may have no value.
pub(crate) fn optional<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| ABSENT.to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_tabs_between_its_fields() {
        assert_eq!(line(&["a", "", "c"]), "a\t\tc\n");
        assert_eq!(line(&[optional(Some(5)), optional::<u64>(None)]), "5\t-\n");
    }
}
