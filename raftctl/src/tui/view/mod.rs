//! Pictures: each a function of the model, one region a file.
//!
//! ```text
//! +--------------------------------------------------------------+
//! | header: cluster, leader, term, commit index, quorum, age     |  header.rs
//! | tabs: 1 Overview   2 Members   3 Raft ...             ? help |
//! | +----------------------------------------------------------+ |
//! | |                                                          | |  overview.rs members.rs raft.rs
//! | |                       the screen                         | |  namespaces.rs browser.rs watch.rs
//! | |                                                          | |  compact.rs
//! | +----------------------------------------------------------+ |
//! | footer: keys, notice, filter                                 |  footer.rs
//! +--------------------------------------------------------------+
//!             what is open above it: help, palette, dialog          overlay.rs
//! ```
//!
//! The parts: [`panel`] (a box with a title), [`list`] (rows of columns that fit), [`chart`] (areas of a
//! sample a second), [`timeline`] (who led when), [`glyph`] (marks and short words).
//!
//! A small terminal gets less of it, never something else: the header folds and keeps leader, term
//! and commit index at every size; columns and charts go, the least important first.

pub(crate) mod browser;
pub(crate) mod chart;
pub(crate) mod compact;
pub(crate) mod footer;
pub(crate) mod glyph;
pub(crate) mod header;
pub(crate) mod line;
pub(crate) mod list;
pub(crate) mod members;
pub(crate) mod namespaces;
pub(crate) mod overlay;
pub(crate) mod overview;
pub(crate) mod panel;
pub(crate) mod raft;
pub(crate) mod timeline;
pub(crate) mod value;
pub(crate) mod watch;
pub(crate) mod wrap;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use ratatui::{Frame, layout::Rect};

use super::app::{App, Areas, Screen};

/// Below this many columns or lines, the overview is one line a member.
const SMALL: (u16, u16) = (60, 15);

/// Draws everything, and says where it is.
pub(crate) fn draw(frame: &mut Frame, app: &App) -> Areas {
    let mut areas = Areas::default();
    let whole = frame.area();
    let (header, body, footer) = regions(whole);
    header::draw(frame, header, app, &mut areas);
    if body.height > 0 {
        let small = whole.width < SMALL.0 || whole.height < SMALL.1;
        match app.screen {
            // Nothing else has a use for so few lines.
            _ if body.height < 4 => compact::draw(frame, body, app, &mut areas),
            Screen::Overview if small => compact::draw(frame, body, app, &mut areas),
            Screen::Overview => overview::draw(frame, body, app, &mut areas),
            Screen::Members => members::draw(frame, body, app, &mut areas),
            Screen::Raft => raft::draw(frame, body, app, &mut areas),
            Screen::Namespaces => namespaces::draw(frame, body, app, &mut areas),
            Screen::Browser => browser::draw(frame, body, app, &mut areas),
            Screen::Watch => watch::draw(frame, body, app, &mut areas),
        }
    }
    if footer.height > 0 {
        footer::draw(frame, footer, app, &mut areas);
    }
    overlay::draw(frame, whole, app, &mut areas);
    areas
}

/// Header, body and footer. Where lines are few the tabs go first, then the footer.
fn regions(whole: Rect) -> (Rect, Rect, Rect) {
    let header = match whole.height {
        0..8 => 1.min(whole.height),
        _ => 2,
    };
    let footer = u16::from(whole.height >= 4);
    let body = whole.height - header - footer;
    let at = |y: u16, height: u16| Rect::new(whole.x, whole.y + y, whole.width, height);
    (
        at(0, header),
        at(header, body),
        at(whole.height - footer, footer),
    )
}
