//! Colours and glyphs, by what the terminal can show. One colour for the leader, one for warnings,
//! one for errors; everything else is as the terminal has it, or dim. Nothing is said by colour
//! alone.

use std::ffi::OsString;

use ratatui::style::{Color, Modifier, Style};

/// How many colours there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// None: bold, dim and reverse only.
    None,
    /// The sixteen of the terminal's own palette.
    Sixteen,
    /// Any.
    True,
}

/// How things look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Theme {
    pub(crate) depth: Depth,
    /// Whether there are characters beyond ASCII.
    pub(crate) unicode: bool,
}

impl Theme {
    /// By what the environment says of the terminal, where colour may be used.
    pub(crate) fn of(
        color: bool,
        unicode: bool,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Self {
        let says = |name: &str, word: &str| {
            variable(name).is_some_and(|value| value.to_string_lossy().contains(word))
        };
        let depth = if !color {
            Depth::None
        } else if says("COLORTERM", "truecolor") || says("COLORTERM", "24bit") {
            Depth::True
        } else {
            Depth::Sixteen
        };
        Self { depth, unicode }
    }

    fn colored(self, sixteen: Color, (red, green, blue): (u8, u8, u8), without: Modifier) -> Style {
        match self.depth {
            Depth::None => Style::new().add_modifier(without),
            Depth::Sixteen => Style::new().fg(sixteen),
            Depth::True => Style::new().fg(Color::Rgb(red, green, blue)),
        }
    }

    /// The leader, and what is chosen: the accent.
    pub(crate) fn leader(self) -> Style {
        self.colored(Color::Cyan, (86, 182, 194), Modifier::BOLD)
            .add_modifier(Modifier::BOLD)
    }

    /// What is well again, or new.
    pub(crate) fn good(self) -> Style {
        self.colored(Color::Green, (126, 186, 98), Modifier::empty())
    }

    /// What wants attention.
    pub(crate) fn warning(self) -> Style {
        self.colored(Color::Yellow, (222, 178, 86), Modifier::BOLD)
    }

    /// What is wrong.
    pub(crate) fn bad(self) -> Style {
        self.colored(Color::Red, (224, 108, 117), Modifier::BOLD)
    }

    /// What matters less: labels, borders, old data.
    pub(crate) fn dim(self) -> Style {
        match self.depth {
            Depth::None | Depth::Sixteen => Style::new().add_modifier(Modifier::DIM),
            Depth::True => Style::new().fg(Color::Rgb(118, 126, 138)),
        }
    }

    /// Titles, heads of columns.
    pub(crate) fn heading(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// The selected row, the focused button.
    pub(crate) fn selected(self) -> Style {
        match self.depth {
            Depth::None | Depth::Sixteen => Style::new().add_modifier(Modifier::REVERSED),
            Depth::True => Style::new()
                .bg(Color::Rgb(48, 56, 70))
                .add_modifier(Modifier::BOLD),
        }
    }

    /// Charts: writes, and reads.
    pub(crate) fn chart(self) -> Style {
        self.colored(Color::Blue, (97, 143, 209), Modifier::empty())
    }

    /// The one where there are characters beyond ASCII, else the other.
    pub(crate) fn glyph(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { unicode } else { ascii }
    }

    /// Heights of a sparkline, from nothing to full.
    pub(crate) fn heights(self) -> &'static [&'static str] {
        if self.unicode {
            &[" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
        } else {
            &[" ", "_", ".", "-", "=", "^", "#"]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_follows_the_environment() {
        let of = |color, value: &'static str| {
            Theme::of(color, true, |name| {
                (name == "COLORTERM").then(|| OsString::from(value))
            })
            .depth
        };
        assert_eq!(of(false, "truecolor"), Depth::None);
        assert_eq!(of(true, "truecolor"), Depth::True);
        assert_eq!(of(true, "24bit"), Depth::True);
        assert_eq!(of(true, ""), Depth::Sixteen);
    }
}
