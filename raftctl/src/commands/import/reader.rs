//! From lines to batches, in bounded memory.

use std::io::{self, BufRead};

use common::types::Lifetime;

use super::batch::{Batch, Item};
use crate::commands::dump::{Line, Malformed, read_line};

/// The longest line: more than any server accepts as a key and its value.
const MAX_LINE: usize = 128 * 1024 * 1024;

/// How the input ended.
#[derive(Debug)]
pub(super) enum End {
    /// Nothing is missing, as far as one can tell.
    Whole,
    /// It has a first line, and no last one.
    Cut,
    /// Its last line tells of another number of keys than were read.
    Miscounted { told: u64, read: u64 },
    /// A line makes no sense; nothing after it is read.
    Malformed { line: u64, fault: Malformed },
    /// It cannot be read on.
    Unreadable(io::Error),
}

/// Reads an import.
pub(super) struct Reader<R> {
    input: R,
    /// At most so many keys in a batch.
    limit: usize,
    /// The number of the line read last, from 1 on.
    line: u64,
    /// How much was read, in bytes.
    offset: u64,
    /// Whether it began as an export.
    exported: bool,
    keys: u64,
    /// What the last batch had no room for.
    left_over: Option<Item>,
    end: Option<End>,
}

impl<R: BufRead> Reader<R> {
    pub(super) fn new(input: R, limit: usize) -> Self {
        Self {
            input,
            limit,
            line: 0,
            offset: 0,
            exported: false,
            keys: 0,
            left_over: None,
            end: None,
        }
    }

    /// The next batch; none at the end, which [`Reader::end`] tells of.
    pub(super) fn batch(&mut self) -> Option<Batch> {
        let mut batch = Batch::default();
        if let Some(item) = self.left_over.take() {
            batch.add(item);
        }
        while self.end.is_none() {
            let item = match self.item() {
                Ok(item) => item,
                Err(end) => {
                    self.end = Some(end);
                    break;
                }
            };
            if !batch.has_room(&item, self.limit) {
                self.left_over = Some(item);
                break;
            }
            batch.add(item);
        }
        batch.offset = self.offset;
        (!batch.is_empty()).then_some(batch)
    }

    /// How the input ended, once there is no further batch.
    pub(super) fn end(self) -> End {
        self.end.unwrap_or(End::Whole)
    }

    fn item(&mut self) -> Result<Item, End> {
        loop {
            let text = self.text()?;
            if text.is_empty() {
                return Err(if self.exported { End::Cut } else { End::Whole });
            }
            if text.trim_ascii().is_empty() {
                continue;
            }
            let line = read_line(&text).map_err(|mut fault| {
                if fault.is_cut && !text.ends_with(b"\n") {
                    fault.message = "the input is cut in this line".to_owned();
                }
                self.malformed(fault)
            });
            match line? {
                Line::Item { key, value, ttl } => {
                    self.keys += 1;
                    let lifetime = match ttl {
                        Some(ttl) => Lifetime::Ttl(ttl),
                        // What an export does not say a time of was there for ever.
                        None if self.exported => Lifetime::Forever,
                        None => Lifetime::Default,
                    };
                    return Ok(Item {
                        line: self.line,
                        key,
                        value,
                        lifetime,
                    });
                }
                Line::Header if self.line == 1 => self.exported = true,
                Line::Header => return Err(self.misplaced("the first line of an export")),
                Line::End { keys } if self.exported => return Err(self.ended(keys)),
                Line::End { .. } => return Err(self.misplaced("the last line of an export")),
            }
        }
    }

    /// The next line with its end, or nothing at the end of the input.
    fn text(&mut self) -> Result<Vec<u8>, End> {
        let mut text = Vec::new();
        let limit = MAX_LINE as u64 + 1;
        let mut limited = io::Read::take(&mut self.input, limit);
        let read = limited.read_until(b'\n', &mut text);
        self.offset += read.map_err(End::Unreadable)? as u64;
        self.line += 1;
        if text.len() > MAX_LINE {
            let most = MAX_LINE >> 20;
            let fault = Malformed::whole(format!("it is longer than {most} MiB"));
            return Err(self.malformed(fault));
        }
        Ok(text)
    }

    /// The last line was read: nothing may stand behind it.
    fn ended(&mut self, told: u64) -> End {
        let read = self.keys;
        loop {
            match self.text() {
                Ok(text) if text.is_empty() => break,
                Ok(text) if text.trim_ascii().is_empty() => {}
                Ok(_) => return self.misplaced("a line behind the last one of an export"),
                Err(end) => return end,
            }
        }
        if told == read {
            End::Whole
        } else {
            End::Miscounted { told, read }
        }
    }

    fn misplaced(&self, what: &str) -> End {
        self.malformed(Malformed::whole(format!(
            "it is {what}, in the wrong place"
        )))
    }

    fn malformed(&self, fault: Malformed) -> End {
        End::Malformed {
            line: self.line,
            fault,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HEADER: &str = r#"{"raftnode_export":1,"namespace":"default","revision":"9"}"#;

    /// The keys of each batch, and how it ended.
    fn read(text: &str, limit: usize) -> (Vec<Vec<String>>, End) {
        let mut reader = Reader::new(text.as_bytes(), limit);
        let mut batches = Vec::new();
        while let Some(batch) = reader.batch() {
            let keys = batch.items.iter().map(|item| {
                let key = String::from_utf8_lossy(&item.key);
                format!("{}:{key}", item.line)
            });
            batches.push(keys.collect());
        }
        (batches, reader.end())
    }

    fn lines(keys: &[&str]) -> String {
        keys.iter()
            .map(|key| format!("{{\"key\":\"{key}\",\"value\":\"\"}}\n"))
            .collect()
    }

    #[test]
    fn lines_become_batches_in_order() {
        let text = format!("\n{}", lines(&["a", "b", "c"]));
        let (batches, end) = read(&text, 2);
        assert_eq!(batches, [vec!["2:a", "3:b"], vec!["4:c"]]);
        assert!(matches!(end, End::Whole));
        // A key that comes again is left to the next batch.
        let (batches, _) = read(&lines(&["a", "b", "a"]), 9);
        assert_eq!(batches, [vec!["1:a", "2:b"], vec!["3:a"]]);
        let (batches, end) = read("", 9);
        assert!(batches.is_empty() && matches!(end, End::Whole));
    }

    #[test]
    fn an_export_is_whole_with_its_last_line_only() {
        let whole = |told: u64| {
            let keys = lines(&["a", "b"]);
            format!("{HEADER}\n{keys}{{\"end\":true,\"keys\":\"{told}\"}}\n\n")
        };
        let (batches, end) = read(&whole(2), 9);
        assert_eq!(batches, [["2:a", "3:b"]]);
        assert!(matches!(end, End::Whole), "{end:?}");
        let (_, end) = read(&whole(3), 9);
        assert!(matches!(end, End::Miscounted { told: 3, read: 2 }));
        let (batches, end) = read(&format!("{HEADER}\n{}", lines(&["a"])), 9);
        assert_eq!(batches, [["2:a"]]);
        assert!(matches!(end, End::Cut));
    }

    #[test]
    fn nothing_is_read_after_a_line_that_makes_no_sense() {
        let table = [
            (format!("{}{{}}\n{}", lines(&["a", "b"]), lines(&["c"])), 3),
            (format!("{}{HEADER}\n", lines(&["a", "b"])), 3),
            (
                format!("{}{{\"end\":true,\"keys\":\"2\"}}", lines(&["a", "b"])),
                3,
            ),
            // Cut in the middle of a line.
            (format!("{}{{\"key\":\"c", lines(&["a", "b"])), 3),
        ];
        for (text, place) in table {
            let (batches, end) = read(&text, 9);
            assert_eq!(batches, [["1:a", "2:b"]], "{text}");
            assert!(
                matches!(end, End::Malformed { line, .. } if line == place),
                "{text}: {end:?}"
            );
        }
        let behind = format!(
            "{HEADER}\n{{\"end\":true,\"keys\":\"0\"}}\n{}",
            lines(&["a"])
        );
        let (batches, end) = read(&behind, 9);
        assert!(batches.is_empty());
        assert!(matches!(end, End::Malformed { line: 3, .. }), "{end:?}");
    }

    #[test]
    fn input_that_is_cut_in_a_line_is_said_to_be() {
        let message = |text: &str| match read(text, 9) {
            (_, End::Malformed { fault, .. }) => fault.message,
            (_, end) => panic!("{end:?}"),
        };
        let cut = r#"{"key":"c"#;
        assert_eq!(message(cut), "the input is cut in this line");
        let ended = format!("{cut}\n");
        assert!(message(&ended).contains("control character"), "{ended}");
    }

    #[test]
    fn what_has_no_time_in_an_export_lives_for_ever() {
        let text = "{\"key\":\"a\",\"value\":\"\"}\n{\"key\":\"b\",\"value\":\"\",\"ttl_ms\":5}\n";
        let lifetimes = |text: &str| {
            let batch = Reader::new(text.as_bytes(), 9).batch().unwrap();
            let lifetimes: Vec<_> = batch.items.iter().map(|item| item.lifetime).collect();
            lifetimes
        };
        let five = Lifetime::Ttl(Duration::from_millis(5));
        assert_eq!(lifetimes(text), [Lifetime::Default, five]);
        let exported = format!("{HEADER}\n{text}");
        assert_eq!(lifetimes(&exported), [Lifetime::Forever, five]);
    }
}
