//! A line of text that is being typed.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use unicode_segmentation::UnicodeSegmentation;

/// The text, and where the cursor is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) text: String,
    /// In bytes, at the boundary of a grapheme.
    pub(crate) cursor: usize,
}

/// What a key did to the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    /// The text is another one.
    Text,
    /// Only the cursor moved, or nothing was left to do.
    Cursor,
    /// The key means nothing in a line.
    Nothing,
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

    /// Takes a key in, as the lines of shells do.
    pub(crate) fn key(&mut self, key: &KeyEvent) -> Typed {
        let before = self.text.len();
        let plain = (KeyModifiers::SHIFT | KeyModifiers::NONE).contains(key.modifiers);
        match key.code {
            KeyCode::Char(character) if plain => self.insert(&character.to_string()),
            KeyCode::Char(character) if key.modifiers == KeyModifiers::CONTROL => match character {
                'a' => self.cursor = 0,
                'e' => self.cursor = self.text.len(),
                'u' => self.cut(0, self.cursor),
                'k' => self.cut(self.cursor, self.text.len()),
                'w' => self.cut(self.word_start(), self.cursor),
                'h' => self.cut(self.before(), self.cursor),
                _ => return Typed::Nothing,
            },
            KeyCode::Left if plain => self.cursor = self.before(),
            KeyCode::Right if plain => self.cursor = self.behind(),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.len(),
            KeyCode::Backspace => self.cut(self.before(), self.cursor),
            KeyCode::Delete => self.cut(self.cursor, self.behind()),
            _ => return Typed::Nothing,
        }
        if self.text.len() == before {
            Typed::Cursor
        } else {
            Typed::Text
        }
    }

    /// Takes in what was pasted. It stays one line: whatever breaks lines becomes a space, and other
    /// control characters are left out. Says whether that made a difference.
    pub(crate) fn paste(&mut self, text: &str) -> bool {
        let trimmed = text.strip_suffix('\n').unwrap_or(text);
        let trimmed = trimmed.strip_suffix('\r').unwrap_or(trimmed);
        let kept: String = trimmed
            .replace("\r\n", "\n")
            .chars()
            .filter_map(|character| match character {
                '\n' | '\r' | '\t' => Some(' '),
                control if control.is_control() => None,
                character => Some(character),
            })
            .collect();
        self.insert(&kept);
        kept != trimmed
    }

    fn insert(&mut self, text: &str) {
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
        // What was inserted may have become one grapheme with what follows.
        let boundary = |at: &usize| *at >= self.cursor;
        let starts = self.text.grapheme_indices(true).map(|(at, _)| at);
        self.cursor = starts.into_iter().find(boundary).unwrap_or(self.text.len());
    }

    fn cut(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        self.cursor = from;
    }

    fn before(&self) -> usize {
        let head = self.text[..self.cursor].graphemes(true).next_back();
        self.cursor - head.map_or(0, str::len)
    }

    fn behind(&self) -> usize {
        let tail = self.text[self.cursor..].graphemes(true).next();
        self.cursor + tail.map_or(0, str::len)
    }

    /// Where the word before the cursor begins.
    fn word_start(&self) -> usize {
        let head = self.text[..self.cursor].trim_end();
        let space = head.char_indices().rfind(|(_, it)| it.is_whitespace());
        space.map_or(0, |(at, space)| at + space.len_utf8())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(input: &mut Input, code: KeyCode) -> Typed {
        input.key(&KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn ctrl(input: &mut Input, character: char) -> Typed {
        input.key(&KeyEvent::new(
            KeyCode::Char(character),
            KeyModifiers::CONTROL,
        ))
    }

    #[test]
    fn the_cursor_goes_by_graphemes() {
        // A letter with a combining accent, a wide character, and a family of three.
        let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
        let mut input = Input::of(format!("e\u{301}日{family}"));
        assert_eq!(press(&mut input, KeyCode::Left), Typed::Cursor);
        assert_eq!(input.cursor, 6);
        assert_eq!(press(&mut input, KeyCode::Backspace), Typed::Text);
        assert_eq!(input.text, format!("e\u{301}{family}"));
        assert_eq!(press(&mut input, KeyCode::Delete), Typed::Text);
        assert_eq!(input, Input::of("e\u{301}"));
        press(&mut input, KeyCode::Home);
        press(&mut input, KeyCode::Right);
        assert_eq!(input.cursor, 3);
        assert_eq!(press(&mut input, KeyCode::Right), Typed::Cursor);
        assert_eq!(press(&mut input, KeyCode::Backspace), Typed::Text);
        assert_eq!(input, Input::default());
        assert_eq!(press(&mut input, KeyCode::Backspace), Typed::Cursor);
        assert_eq!(press(&mut input, KeyCode::F(1)), Typed::Nothing);
    }

    #[test]
    fn a_combining_character_joins_what_stands_before_the_cursor() {
        let mut input = Input::of("ex");
        press(&mut input, KeyCode::Left);
        press(&mut input, KeyCode::Char('\u{301}'));
        assert_eq!((input.text.as_str(), input.cursor), ("e\u{301}x", 3));
        let mut flags = Input::of("\u{1f1e9}");
        press(&mut flags, KeyCode::Home);
        press(&mut flags, KeyCode::Char('\u{1f1e6}'));
        assert_eq!(flags.cursor, flags.text.len());
    }

    #[test]
    fn words_and_halves_are_cut_as_in_a_shell() {
        let mut input = Input::of("watch default  user:");
        ctrl(&mut input, 'w');
        assert_eq!(input.text, "watch default  ");
        ctrl(&mut input, 'w');
        assert_eq!(input.text, "watch ");
        input = Input::of("abcd");
        press(&mut input, KeyCode::Left);
        ctrl(&mut input, 'k');
        assert_eq!(input.text, "abc");
        press(&mut input, KeyCode::Left);
        ctrl(&mut input, 'u');
        assert_eq!((input.text.as_str(), input.cursor), ("c", 0));
        ctrl(&mut input, 'e');
        assert_eq!(input.cursor, 1);
        ctrl(&mut input, 'a');
        assert_eq!(input.cursor, 0);
        assert_eq!(ctrl(&mut input, 'x'), Typed::Nothing);
    }

    #[test]
    fn a_paste_stays_one_harmless_line() {
        let mut input = Input::of("[]");
        press(&mut input, KeyCode::Left);
        assert!(!input.paste("a b\n"));
        assert_eq!((input.text.as_str(), input.cursor), ("[a b]", 4));
        assert!(input.paste("1\r\n2\x1b[0m"));
        assert_eq!(input.text, "[a b1 2[0m]");
    }
}
