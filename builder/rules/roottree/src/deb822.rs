//! Paragraphs of `Name: value` fields: deb822(5), as dpkg's database and apt's sources use it.

/// A field of a paragraph.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a str,
    /// The value with its continuation lines, each trimmed.
    pub(crate) lines: Vec<&'a str>,
}

impl<'a> Field<'a> {
    pub(crate) fn words(&self) -> impl Iterator<Item = &'a str> {
        self.lines.iter().flat_map(|line| line.split_ascii_whitespace())
    }

    pub(crate) fn first_line(&self) -> &'a str {
        self.lines.first().copied().unwrap_or_default()
    }
}

/// The first field of this name; case does not matter.
pub(crate) fn field<'f, 'a>(paragraph: &'f [Field<'a>], name: &str) -> Option<&'f Field<'a>> {
    paragraph.iter().find(|field| field.name.eq_ignore_ascii_case(name))
}

/// The paragraphs of `text`. Lines that are neither field nor continuation are passed over, and
/// so are comments.
pub(crate) fn paragraphs(text: &str) -> impl Iterator<Item = Vec<Field<'_>>> {
    let mut lines = text.lines();
    std::iter::from_fn(move || {
        let mut paragraph: Vec<Field<'_>> = Vec::new();
        loop {
            let line = lines.next();
            match line {
                None if paragraph.is_empty() => return None,
                None => return Some(paragraph),
                Some(line) if line.trim().is_empty() => {
                    if !paragraph.is_empty() {
                        return Some(paragraph);
                    }
                }
                Some(line) => add(&mut paragraph, line),
            }
        }
    })
}

fn add<'a>(paragraph: &mut Vec<Field<'a>>, line: &'a str) {
    if line.starts_with('#') {
        return;
    }
    if line.starts_with([' ', '\t']) {
        if let Some(field) = paragraph.last_mut() {
            field.lines.push(line.trim());
        }
    } else if let Some((name, value)) = line.split_once(':') {
        paragraph.push(Field { name: name.trim(), lines: vec![value.trim()] });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_continuations_keep_a_paragraph_together() {
        let text = "\n\nA: 1\n# no\nB: 2\n\t3 4\n .\n\nnonsense\nC:\n";
        let all: Vec<_> = paragraphs(text).collect();
        assert_eq!(all.len(), 2);
        let b = field(&all[0], "b").unwrap();
        assert_eq!(b.words().collect::<Vec<_>>(), ["2", "3", "4", "."]);
        assert_eq!(field(&all[1], "C").unwrap().first_line(), "");
    }
}
