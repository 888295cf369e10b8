//! The table itself.

use crossterm::event::KeyCode;

use super::{
    Binding, Command,
    Group::{self, Everywhere, Move},
    Press,
};
use crate::tui::app::Screen::{self, Browser, Members, Namespaces, Overview, Raft, Watch};

const ALL: &[Screen] = &Screen::ALL;
const MEMBERS: &[Screen] = &[Members, Overview];
const LED: &[Screen] = &[Members, Overview, Raft];
const SORTED: &[Screen] = &[Overview, Members, Namespaces, Browser];

/// A row; what only some have is added to it.
const fn row(
    keys: &'static [Press],
    command: Command,
    screens: &'static [Screen],
    group: Group,
    about: &'static str,
) -> Binding {
    Binding {
        keys,
        command,
        screens,
        group,
        changes: false,
        name: "",
        about,
        hint: None,
        anywhere: false,
    }
}

impl Binding {
    const fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    const fn hint(mut self, place: u8, word: &'static str) -> Self {
        self.hint = Some((place, word));
        self
    }

    const fn changes(mut self) -> Self {
        self.changes = true;
        self
    }

    const fn anywhere(mut self) -> Self {
        self.anywhere = true;
        self
    }
}

const UP: Press = Press::of(KeyCode::Up);
const DOWN: Press = Press::of(KeyCode::Down);
const PAGE_UP: Press = Press::of(KeyCode::PageUp);
const PAGE_DOWN: Press = Press::of(KeyCode::PageDown);
const HOME: Press = Press::of(KeyCode::Home);
const END: Press = Press::of(KeyCode::End);
const ENTER: Press = Press::of(KeyCode::Enter);
const ESC: Press = Press::of(KeyCode::Esc);
const TAB: Press = Press::of(KeyCode::Tab);
const BACK_TAB: Press = Press::of(KeyCode::BackTab);

const fn c(character: char) -> Press {
    Press::char(character)
}

const fn ctrl(character: char) -> Press {
    Press::ctrl(character)
}

/// All keys.
pub(super) static TABLE: &[Binding] = &[
    // Moving.
    row(&[c('j'), DOWN], Command::Down, ALL, Move, "the next row").hint(1, "move"),
    row(&[c('k'), UP], Command::Up, ALL, Move, "the row before"),
    row(
        &[PAGE_DOWN, ctrl('f')],
        Command::PageDown,
        ALL,
        Move,
        "a page further",
    ),
    row(
        &[PAGE_UP, ctrl('b')],
        Command::PageUp,
        ALL,
        Move,
        "a page back",
    ),
    row(&[c('g'), HOME], Command::First, ALL, Move, "the first row"),
    row(&[c('G'), END], Command::Last, ALL, Move, "the last row"),
    row(
        &[TAB],
        Command::Focus,
        ALL,
        Move,
        "the other pane, or the next screen",
    ),
    row(
        &[BACK_TAB],
        Command::FocusBack,
        ALL,
        Move,
        "the other pane, or the screen before",
    ),
    row(
        &[ESC],
        Command::Back,
        ALL,
        Move,
        "out of the pane; drop the filter",
    ),
    row(
        &[c('n')],
        Command::NextMatch,
        ALL,
        Move,
        "the next row that has what was filtered by",
    ),
    row(
        &[c('N')],
        Command::PreviousMatch,
        ALL,
        Move,
        "the one before that has it",
    ),
    // What the screens have of their own.
    row(
        &[ENTER],
        Command::Open,
        &[Overview],
        Group::Screen,
        "show the member in full",
    )
    .hint(2, "open"),
    row(
        &[ENTER],
        Command::Open,
        &[Raft],
        Group::Screen,
        "open the key of the entry in the browser",
    )
    .hint(2, "key"),
    row(
        &[ENTER],
        Command::Open,
        &[Namespaces],
        Group::Screen,
        "open the namespace in the browser",
    )
    .hint(2, "browse"),
    row(
        &[ENTER],
        Command::Open,
        &[Browser],
        Group::Screen,
        "scroll in the value",
    )
    .hint(2, "value"),
    row(
        &[ENTER],
        Command::Open,
        &[Watch],
        Group::Screen,
        "open the key in the browser",
    )
    .hint(2, "key"),
    row(
        &[c('/')],
        Command::Filter,
        &[Overview, Members, Raft, Namespaces, Watch],
        Everywhere,
        "list only what contains a text",
    )
    .named("filter")
    .hint(3, "filter"),
    row(
        &[c('/')],
        Command::Filter,
        &[Browser],
        Group::Screen,
        "list only keys with a prefix",
    )
    .named("prefix")
    .hint(3, "prefix"),
    row(
        &[c('T')],
        Command::Transfer,
        LED,
        Group::Screen,
        "transfer leadership",
    )
    .changes()
    .anywhere()
    .named("transfer leadership")
    .hint(10, "transfer"),
    row(
        &[c('a')],
        Command::Add,
        MEMBERS,
        Group::Screen,
        "add a member",
    )
    .changes()
    .anywhere()
    .named("add member")
    .hint(11, "add member"),
    row(
        &[c('p')],
        Command::Promote,
        MEMBERS,
        Group::Screen,
        "promote the learner to a voter",
    )
    .changes()
    .named("promote member")
    .hint(12, "promote"),
    row(
        &[ctrl('d')],
        Command::Delete,
        MEMBERS,
        Group::Screen,
        "remove the member",
    )
    .changes()
    .named("remove member")
    .hint(13, "remove"),
    row(
        &[c('a')],
        Command::Add,
        &[Namespaces],
        Group::Screen,
        "create a namespace",
    )
    .changes()
    .anywhere()
    .named("create namespace")
    .hint(10, "create"),
    row(
        &[ctrl('d')],
        Command::Delete,
        &[Namespaces],
        Group::Screen,
        "delete the namespace and its keys",
    )
    .changes()
    .named("delete namespace")
    .hint(11, "delete"),
    row(
        &[c('e')],
        Command::Edit,
        &[Browser],
        Group::Screen,
        "edit the value in $EDITOR, with compare-and-swap",
    )
    .changes()
    .named("edit")
    .hint(10, "edit"),
    row(
        &[c('a')],
        Command::Add,
        &[Browser],
        Group::Screen,
        "put a key",
    )
    .changes()
    .named("put")
    .hint(11, "put"),
    row(
        &[ctrl('d')],
        Command::Delete,
        &[Browser],
        Group::Screen,
        "delete the key",
    )
    .changes()
    .named("delete key")
    .hint(12, "delete"),
    row(
        &[c('v')],
        Command::Form,
        &[Browser],
        Group::Screen,
        "show the value as text, JSON or hex",
    )
    .named("form")
    .hint(14, "form"),
    row(
        &[c('w')],
        Command::Watch,
        &[Namespaces],
        Group::Screen,
        "watch the namespace",
    )
    .named("watch namespace")
    .hint(13, "watch"),
    row(
        &[c('w')],
        Command::Watch,
        &[Browser],
        Group::Screen,
        "watch the keys with the prefix",
    )
    .named("watch keys")
    .hint(13, "watch"),
    row(
        &[c('y')],
        Command::Copy,
        MEMBERS,
        Group::Screen,
        "copy the name of the member",
    )
    .named("copy name"),
    row(
        &[c('y')],
        Command::Copy,
        &[Raft],
        Group::Screen,
        "copy the line of the log",
    )
    .named("copy line"),
    row(
        &[c('y')],
        Command::Copy,
        &[Namespaces],
        Group::Screen,
        "copy the name of the namespace",
    )
    .named("copy namespace"),
    row(
        &[c('y')],
        Command::Copy,
        &[Browser, Watch],
        Group::Screen,
        "copy the key",
    )
    .named("copy key")
    .hint(15, "copy"),
    row(
        &[c('Y')],
        Command::CopyValue,
        &[Browser, Watch],
        Group::Screen,
        "copy the whole value of the key",
    )
    .named("copy value"),
    row(
        &[c('s')],
        Command::Sort,
        SORTED,
        Everywhere,
        "order by the next column",
    )
    .named("sort"),
    row(
        &[c('S')],
        Command::ReverseSort,
        SORTED,
        Everywhere,
        "the other way round",
    )
    .named("reverse order"),
    // On all screens.
    row(
        &[c('1')],
        Command::Go(Overview),
        ALL,
        Everywhere,
        "the overview",
    )
    .named("overview"),
    row(
        &[c('2')],
        Command::Go(Members),
        ALL,
        Everywhere,
        "the members",
    )
    .named("members"),
    row(
        &[c('3')],
        Command::Go(Raft),
        ALL,
        Everywhere,
        "elections and the log",
    )
    .named("raft"),
    row(
        &[c('4')],
        Command::Go(Namespaces),
        ALL,
        Everywhere,
        "the namespaces",
    )
    .named("namespaces"),
    row(
        &[c('5')],
        Command::Go(Browser),
        ALL,
        Everywhere,
        "the keys of a namespace",
    )
    .named("browser"),
    row(
        &[c('6')],
        Command::Go(Watch),
        ALL,
        Everywhere,
        "changes as they happen",
    )
    .named("watch"),
    row(
        &[c(':')],
        Command::Palette,
        ALL,
        Everywhere,
        "a command by its name",
    )
    .hint(4, "command"),
    row(&[c('?')], Command::Help, ALL, Everywhere, "these keys")
        .named("help")
        .hint(30, "help"),
    row(
        &[c(' ')],
        Command::Freeze,
        ALL,
        Everywhere,
        "freeze the picture, and go on",
    )
    .named("freeze")
    .hint(20, "freeze"),
    row(
        &[c('+'), c('=')],
        Command::Faster,
        ALL,
        Everywhere,
        "ask the members more often",
    )
    .named("faster"),
    row(
        &[c('-')],
        Command::Slower,
        ALL,
        Everywhere,
        "ask the members less often",
    )
    .named("slower"),
    row(
        &[c('%')],
        Command::Mouse,
        ALL,
        Everywhere,
        "take the mouse in, or leave it to the terminal",
    )
    .named("mouse"),
    row(
        &[ctrl('l')],
        Command::Redraw,
        ALL,
        Everywhere,
        "draw everything anew",
    )
    .named("redraw"),
    row(
        &[ctrl('z')],
        Command::Suspend,
        ALL,
        Everywhere,
        "back to the shell for a while",
    )
    .named("suspend"),
    row(&[c('q'), ctrl('c')], Command::Quit, ALL, Everywhere, "quit")
        .named("quit")
        .hint(40, "quit"),
];
