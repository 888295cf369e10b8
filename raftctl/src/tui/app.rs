//! The model: all that the dashboard knows, as plain data.

mod browser;
mod cluster;
mod input;
mod overlay;
mod raft;
mod watch;

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use common::types::{NamespaceInfo, Revision};
use ratatui::layout::Rect;

#[cfg(test)]
pub(crate) use browser::Limits;
pub(crate) use browser::{Aim, Browser, FLASH, Flash, Form, Row, Shown, Span, Value};
pub(crate) use cluster::{
    Cluster, Electing, Event, EventWeight, Member, OperationRate, Rates, Sample, Share,
};
pub(crate) use input::{Input, Typed};
pub(crate) use overlay::{
    Button, Dialog, DialogState, Field, Filter, Focus, Overlay, Palette, Purpose, Suggestion,
};
pub(crate) use raft::RaftScreen;
pub(crate) use watch::{WatchLine, WatchScreen, WatchState};

/// The screens, by the number of their key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Screen {
    #[default]
    Overview,
    Members,
    Raft,
    Namespaces,
    Browser,
    Watch,
}

impl Screen {
    pub(crate) const ALL: [Self; 6] = [
        Self::Overview,
        Self::Members,
        Self::Raft,
        Self::Namespaces,
        Self::Browser,
        Self::Watch,
    ];

    /// Its title in the tabs, and its name in the palette in lower case.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Members => "Members",
            Self::Raft => "Raft",
            Self::Namespaces => "Namespaces",
            Self::Browser => "Browser",
            Self::Watch => "Watch",
        }
    }

    /// The number of its key.
    pub(crate) fn number(self) -> u8 {
        self as u8 + 1
    }
}

/// What was chosen on the command line or by keys, and stays.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The endpoints the program was given.
    pub(crate) endpoints: Vec<String>,
    /// No command that changes anything is offered.
    pub(crate) read_only: bool,
    /// How often each member is asked.
    pub(crate) interval: Duration,
    /// Whether the mouse is taken in.
    pub(crate) mouse: bool,
    /// How it looks.
    pub(crate) theme: super::theme::Theme,
}

/// A list with one row selected. What is listed stands elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// The selected row, counted from 0 among those that pass the filter.
    pub(crate) at: usize,
}

/// A narrowing of a list, and what `n` and `N` look for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Narrowing {
    /// Only rows that contain this are listed; empty for all. In the browser: keys that begin with it.
    pub(crate) filter: String,
    /// What was last filtered by: `n` and `N` go from match to match.
    pub(crate) searched: String,
}

/// By what the rows of a screen are ordered: an index into the columns that can be, and the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) column: usize,
    pub(crate) descending: bool,
}

/// Screen 4.
#[derive(Clone, Debug, Default)]
pub(crate) struct NamespacesScreen {
    /// As last told, ordered by name; none before the first answer.
    pub(crate) listed: Option<Vec<NamespaceInfo>>,
    /// When that was.
    pub(crate) at: Option<Instant>,
    /// Whether an answer is awaited.
    pub(crate) asking: bool,
    /// When it was last asked for.
    pub(crate) asked: Option<Instant>,
    /// Why there is none, if so.
    pub(crate) error: Option<String>,
    pub(crate) selection: Selection,
    pub(crate) narrowing: Narrowing,
    /// Columns: name, keys, bytes, writes a second, reads a second.
    pub(crate) order: Order,
}

/// A line at the foot of the screen that says what came of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) text: String,
    pub(crate) bad: bool,
    /// It is gone after this.
    pub(crate) until: Instant,
}

/// A key, and what is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) key: Bytes,
    /// Its size, version and revision; none if there is no such key.
    pub(crate) found: Option<(u64, u64, Revision)>,
}

/// A text that was edited and not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) namespace: String,
    pub(crate) key: Bytes,
    pub(crate) text: Bytes,
}

/// Where things were drawn, for the mouse and for paging. Filled by the view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Areas {
    pub(crate) tabs: Vec<(Rect, Screen)>,
    /// The rows of the list of this screen: where they are, and which row is at the top.
    pub(crate) list: Option<(Rect, usize)>,
    /// The pane beside or below it that scrolls: where it is, and how many lines it has in all.
    pub(crate) pane: Option<(Rect, usize)>,
    /// The buttons of the dialog.
    pub(crate) buttons: Vec<(Rect, Button)>,
}

/// All of it.
pub(crate) struct App {
    /// The moment of the last message. The model knows no other time.
    pub(crate) now: Instant,
    /// The same by the wall clock.
    pub(crate) clock: SystemTime,
    /// Columns and lines of the terminal.
    pub(crate) size: (u16, u16),
    pub(crate) settings: Settings,
    pub(crate) screen: Screen,
    /// The cluster as it is now; the header shows it.
    pub(crate) cluster: Cluster,
    /// The cluster as it was when the picture was frozen; tables and charts show this then.
    pub(crate) frozen: Option<Box<(Instant, Cluster)>>,
    /// The selected member, on screens 1 and 2.
    pub(crate) member: Selection,
    /// The filter of screens 1 and 2.
    pub(crate) member_narrowing: Narrowing,
    /// Columns: id, name, role, last log, lag, round trip.
    pub(crate) member_order: Order,
    /// The first line of the member in full that is shown, on screen 2.
    pub(crate) member_scroll: usize,
    pub(crate) raft: RaftScreen,
    pub(crate) namespaces: NamespacesScreen,
    pub(crate) browser: Browser,
    pub(crate) watch: WatchScreen,
    /// What is open above the screen, and takes the keys.
    pub(crate) overlay: Option<Overlay>,
    /// What is there now under the key of a put that is being filled in, once that is known.
    pub(crate) target: Option<Target>,
    /// What was edited and not written: the next edit of that key goes on with it.
    pub(crate) draft: Option<Draft>,
    pub(crate) notice: Option<Notice>,
    /// Written by the loop after each picture.
    pub(crate) areas: Areas,
    /// Whether the picture on the terminal is not that of this model any more.
    pub(crate) changed: bool,
    /// Whether the program is to end.
    pub(crate) quit: bool,
}

impl App {
    /// Before the first answer.
    pub(crate) fn new(settings: Settings, now: Instant, clock: SystemTime) -> Self {
        Self {
            now,
            clock,
            size: (0, 0),
            cluster: Cluster::new(&settings.endpoints),
            settings,
            screen: Screen::default(),
            frozen: None,
            member: Selection::default(),
            member_narrowing: Narrowing::default(),
            member_order: Order::default(),
            member_scroll: 0,
            raft: RaftScreen::default(),
            namespaces: NamespacesScreen::default(),
            browser: Browser::default(),
            watch: WatchScreen::default(),
            overlay: None,
            target: None,
            draft: None,
            notice: None,
            areas: Areas::default(),
            changed: true,
            quit: false,
        }
    }

    /// What tables and charts show: the cluster now, or as it was when the picture was frozen.
    pub(crate) fn shown(&self) -> &Cluster {
        match &self.frozen {
            Some(frozen) => &frozen.1,
            None => &self.cluster,
        }
    }
}
