//! Who holds a name, in each form.

use serde::Serialize;

use crate::output::{
    Record, Row, Style,
    bytes::escape,
    json, plain,
    table::{Cell, Tone, facts, grouped},
};

/// Who holds a name, or that nobody does: `token` is null then, and there is no key and no value.
#[derive(Serialize)]
pub(in crate::commands) struct Tenure<'a> {
    namespace: &'a str,
    name: &'a str,
    #[serde(serialize_with = "json::as_optional_string")]
    token: Option<u64>,
    #[serde(flatten)]
    key: Option<json::Key<'a>>,
    #[serde(flatten)]
    value: Option<json::Value<'a>>,
    #[serde(skip)]
    bytes: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> Tenure<'a> {
    /// `holder`: its token, key and value.
    pub(in crate::commands) fn new(
        namespace: &'a str,
        name: &'a str,
        holder: Option<(u64, &'a [u8], &'a [u8])>,
    ) -> Self {
        Self {
            namespace,
            name,
            token: holder.map(|(token, _, _)| token),
            key: holder.map(|(_, key, _)| json::Key::new(key)),
            value: holder.map(|(_, _, value)| json::Value::new(value)),
            bytes: holder.map(|(_, key, value)| (key, value)),
        }
    }

    fn fields(&self) -> Vec<String> {
        vec![
            plain::optional(self.token),
            plain::optional(self.bytes.map(|(key, _)| escape(key))),
            plain::optional(self.bytes.map(|(_, value)| escape(value))),
        ]
    }
}

impl Record for Tenure<'_> {
    fn table(&self, style: Style) -> String {
        let (key, value) = self.bytes.unwrap_or_default();
        facts(
            &[
                ("token", self.token.map(grouped).unwrap_or_default()),
                ("key", escape(key)),
                ("value", escape(value)),
            ],
            style.color,
        )
    }

    fn plain(&self) -> Vec<String> {
        self.fields()
    }
}

impl Row for Tenure<'_> {
    fn cells(&self) -> Vec<Cell> {
        match self.bytes {
            Some((key, value)) => vec![
                Cell::optional(self.token),
                Cell::toned(escape(value), Tone::Accent),
                Cell::new(escape(key)),
            ],
            None => vec![Cell::optional(None), Cell::toned("nobody", Tone::Warning)],
        }
    }

    fn plain(&self) -> Vec<String> {
        self.fields()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Format, tests::printed};

    #[test]
    fn a_holder_in_each_form() {
        let show = |format| {
            printed(format, false, |output| {
                let holder = Some((1200, &b"deploy/01"[..], &b"a\tb"[..]));
                let tenure = Tenure::new("default", "deploy", holder);
                output.record(&tenure)
            })
        };
        assert_eq!(
            show(Format::Table),
            "token  1 200\nkey    deploy/01\nvalue  a\\tb\n"
        );
        assert_eq!(show(Format::Plain), "1200\tdeploy/01\ta\\tb\n");
        assert_eq!(
            show(Format::Json),
            "{\"namespace\":\"default\",\"name\":\"deploy\",\"token\":\"1200\",\
             \"key\":\"deploy/01\",\"value\":\"a\\tb\"}\n"
        );
    }
}
