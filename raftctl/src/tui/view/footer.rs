//! The last line: what came of the last command, else the keys that matter here.

use ratatui::{Frame, layout::Rect, text::Span};

use super::{glyph, line, panel};
use crate::tui::{
    app::{App, Areas},
    keys, text,
};

/// Between two keys.
const GAP: usize = 3;

/// It.
pub(crate) fn draw(frame: &mut Frame, area: Rect, app: &App, _areas: &mut Areas) {
    if area.height == 0 || area.width == 0 {
        return;
    }
    let theme = app.settings.theme;
    let cells = usize::from(area.width);
    let spans = match &app.notice {
        Some(notice) => {
            let room = cells.saturating_sub(2);
            // What is bad says so without colour too.
            let (mark, style) = if notice.bad {
                ("! ", theme.bad())
            } else {
                ("", theme.heading())
            };
            let said = format!("{mark}{}", line::typed(theme, &notice.text));
            let said = text::cut(&said, room, glyph::ellipsis(theme));
            vec![Span::raw(" "), Span::styled(said, style)]
        }
        None => hints(app, cells),
    };
    panel::put(frame, area, 0, spans, theme);
}

/// As many as fit whole, the way out at the right end.
fn hints(app: &App, cells: usize) -> Vec<Span<'static>> {
    let theme = app.settings.theme;
    let mut hints = keys::hints(app);
    let quit = hints.iter().position(|(_, word)| *word == "quit");
    let quit = quit.map(|at| hints.remove(at));
    let wide = |(key, word): &(String, &str)| text::width(key) + 1 + text::width(word);
    let spans = |(key, word): (String, &'static str)| {
        [
            Span::styled(key, theme.heading()),
            Span::styled(format!(" {word}"), theme.dim()),
        ]
    };
    // A cell at either side; the way out is never left out.
    let room = cells.saturating_sub(2);
    let last = quit.as_ref().map_or(0, wide);
    let mut shown = vec![Span::raw(" ")];
    let mut taken = 0;
    for hint in hints {
        let before = if taken > 0 { GAP } else { 0 };
        let behind = if last > 0 { GAP + last } else { 0 };
        if taken + before + wide(&hint) + behind > room {
            break;
        }
        taken += before + wide(&hint);
        shown.push(Span::raw(" ".repeat(before)));
        shown.extend(spans(hint));
    }
    if let Some(quit) = quit {
        let between = room.saturating_sub(taken + last);
        shown.push(Span::raw(" ".repeat(between)));
        shown.extend(spans(quit));
    }
    shown
}
