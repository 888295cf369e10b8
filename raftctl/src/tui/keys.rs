//! One table from keys to commands. The help prints it, the hints at the foot of the screen and the
//! palette come from it.

use super::app::Screen;

/// What the user wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Quit,
    Help,
    Palette,
    /// Begin to type a filter.
    Filter,
    /// The next row that contains what was filtered by, and the one before.
    NextMatch,
    PreviousMatch,
    Go(Screen),
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    /// Enter: whatever the selected row leads to.
    Open,
    /// Esc: out of the pane, the filter.
    Back,
    /// Tab: the other pane, else the next screen.
    Focus,
    FocusBack,
    /// Order by the next column; then the other way round.
    Sort,
    ReverseSort,
    Freeze,
    Faster,
    Slower,
    /// The next form of the value.
    Form,
    Edit,
    /// Put a key, create a namespace, add a member: whatever the screen lists.
    Add,
    /// Delete, or remove, what is selected.
    Delete,
    /// Watch the selected namespace, or the prefix of the browser.
    Watch,
    /// The selected key or name.
    Copy,
    /// The whole value of the selected key.
    CopyValue,
    Transfer,
    Promote,
    Mouse,
    Redraw,
    /// Palette only: open a namespace in the browser.
    Browse(String),
    /// Palette only: watch a namespace, and a prefix in it.
    WatchKeys {
        namespace: String,
        prefix: String,
    },
}
