//! A line of text that is being typed.

/// The text, and where the cursor is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) text: String,
    /// In bytes, at the boundary of a grapheme.
    pub(crate) cursor: usize,
}

impl Input {
    /// This text, with the cursor behind it.
    pub(crate) fn of(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            cursor: text.len(),
            text,
        }
    }
}
