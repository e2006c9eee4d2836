//! From keys to places in the text and back.

use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One step from a table or array to what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// To the value of a key.
    Key(String),
    /// To an element, from 0.
    Index(usize),
}

/// A key of a definition, from the top.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Place(Vec<Step>);

impl Place {
    /// A key at the top.
    pub(crate) fn top(key: &str) -> Self {
        Self::default().key(key)
    }

    /// The value of `key` in the table at this place.
    pub(crate) fn key(mut self, key: &str) -> Self {
        self.0.push(Step::Key(key.to_owned()));
        self
    }

    /// The element `index` of the array at this place.
    pub(crate) fn index(mut self, index: usize) -> Self {
        self.0.push(Step::Index(index));
        self
    }

    /// First byte of the value at this place; of the last table or array on the way when there is
    /// no such value in the text (defaults).
    pub(crate) fn offset(&self, document: &Spanned<DeTable<'_>>) -> usize {
        let mut offset = document.span().start;
        let mut table = Some(document.get_ref());
        let mut array = None;
        for step in &self.0 {
            let value = match step {
                Step::Key(key) => table.and_then(|table| table.get(key.as_str())),
                Step::Index(index) => array.and_then(|array: &[Spanned<_>]| array.get(*index)),
            };
            let Some(value) = value else { break };
            offset = value.span().start;
            table = value.get_ref().as_table();
            array = value.get_ref().as_array().map(|array| &**array);
        }
        offset
    }

    /// The deepest key or element whose text holds byte `offset`; the top if none does.
    pub(crate) fn at(document: &Spanned<DeTable<'_>>, offset: usize) -> Self {
        let mut place = Self::default();
        place.descend(document.get_ref(), offset);
        place
    }

    /// Adds the steps from `table` towards byte `offset`. The depth is bounded by the TOML
    /// parser's own limit on nesting.
    fn descend(&mut self, table: &DeTable<'_>, offset: usize) -> bool {
        for (key, value) in table {
            self.0.push(Step::Key(key.get_ref().to_string()));
            if key.span().contains(&offset) || self.enter(value, offset) {
                return true;
            }
            self.0.pop();
        }
        false
    }

    /// Adds the steps below `value` towards byte `offset`; whether it lies there.
    fn enter(&mut self, value: &Spanned<DeValue<'_>>, offset: usize) -> bool {
        let inside = match value.get_ref() {
            DeValue::Table(table) => self.descend(table, offset),
            DeValue::Array(array) => array.iter().enumerate().any(|(index, element)| {
                self.0.push(Step::Index(index));
                let found = self.enter(element, offset);
                if !found {
                    self.0.pop();
                }
                found
            }),
            _ => false,
        };
        // A table under a header spans the header alone, so its content was looked at first.
        inside || value.span().contains(&offset)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if index == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Line and character of byte `offset`, both from 1; of the end when the text is shorter.
pub(crate) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    text.char_indices().take_while(|(at, _)| *at < offset).fold(
        (1_usize, 1_usize),
        |(line, column), (_, c)| match c {
            '\n' => (line.saturating_add(1), 1),
            _ => (line, column.saturating_add(1)),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a = 1\n[t]\nb = [\"x\", \"y\"]\n[[g]]\nc = 2\n[[g]]\nc = { d = 3 }\n";

    #[test]
    fn places_are_found_in_both_directions() {
        let document = DeTable::parse(TEXT).unwrap();
        for (place, shown, text) in [
            (Place::top("a"), "a", "1"),
            (Place::top("t").key("b").index(1), "t.b[1]", "\"y\""),
            (Place::top("g").index(0).key("c"), "g[0].c", "2"),
            (Place::top("g").index(1).key("c").key("d"), "g[1].c.d", "3"),
        ] {
            let offset = place.offset(&document);
            assert!(TEXT[offset..].starts_with(text), "{shown}: {}", &TEXT[offset..]);
            assert_eq!(place.to_string(), shown);
            assert_eq!(Place::at(&document, offset), place);
        }
        let key = TEXT.find("b =").unwrap();
        assert_eq!(Place::at(&document, key).to_string(), "t.b");
        let missing = Place::top("t").key("z").index(4);
        assert!(TEXT[missing.offset(&document)..].starts_with("[t]"));
    }

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        assert_eq!(line_and_column("é = 1\nx", 0), (1, 1));
        assert_eq!(line_and_column("é = 1\nx", 3), (1, 3));
        assert_eq!(line_and_column("é = 1\nx", 7), (2, 1));
        assert_eq!(line_and_column("a\n", 99), (2, 1));
    }
}
