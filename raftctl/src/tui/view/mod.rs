//! Pictures: each a function of the model, one region a file.

use ratatui::{Frame, text::Line, widgets::Paragraph};

use super::app::{App, Areas, Overlay};

/// Draws everything, and says where it is.
pub(crate) fn draw(frame: &mut Frame, app: &App) -> Areas {
    let mut lines = vec![Line::raw(app.screen.title())];
    match &app.overlay {
        Some(Overlay::Dialog(dialog)) => {
            lines.push(Line::raw(dialog.title.clone()));
            lines.extend(dialog.effect.iter().cloned().map(Line::raw));
            lines.extend(dialog.warning.iter().cloned().map(Line::raw));
        }
        Some(Overlay::Palette(palette)) => lines.push(Line::raw(palette.input.text.clone())),
        Some(Overlay::Filter(filter)) => lines.push(Line::raw(filter.input.text.clone())),
        Some(Overlay::Help { .. }) | None => {}
    }
    if let Some(notice) = &app.notice {
        lines.push(Line::raw(notice.text.clone()));
    }
    frame.render_widget(Paragraph::new(lines), frame.area());
    Areas::default()
}
