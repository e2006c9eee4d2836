//! The `[Install]` section of unit files and drop-ins. systemd.syntax(7), systemd.unit(5).

/// What `[Install]` says, words split and quotes taken off, specifiers not yet expanded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Install {
    pub(super) wanted_by: Vec<String>,
    pub(super) required_by: Vec<String>,
    pub(super) upheld_by: Vec<String>,
    pub(super) alias: Vec<String>,
    pub(super) also: Vec<String>,
    pub(super) default_instance: Option<String>,
}

impl Install {
    /// Adds what a unit file or drop-in says. An empty list takes the earlier ones back.
    pub(super) fn add(&mut self, text: &str) {
        let mut inside = false;
        for line in logical_lines(text) {
            if line.starts_with('[') {
                inside = line == "[Install]";
            } else if let Some((directive, value)) = line.split_once('=').filter(|_| inside) {
                self.set(directive.trim_end(), value.trim_start());
            }
        }
    }

    fn set(&mut self, directive: &str, value: &str) {
        let list = match directive {
            "WantedBy" => &mut self.wanted_by,
            "RequiredBy" => &mut self.required_by,
            "UpheldBy" => &mut self.upheld_by,
            "Alias" => &mut self.alias,
            "Also" => &mut self.also,
            "DefaultInstance" => {
                self.default_instance = (!value.is_empty()).then(|| value.to_owned());
                return;
            }
            _ => return,
        };
        if value.is_empty() && directive != "Also" {
            list.clear();
        }
        list.extend(words(value));
    }
}

/// Lines without comments, those that end in a backslash joined with the next one. A comment
/// among the joined lines is passed over.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut joined = String::new();
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            continue;
        }
        match line.strip_suffix('\\') {
            Some(start) => {
                joined.push_str(start);
                joined.push(' ');
            }
            None => {
                joined.push_str(line);
                lines.push(std::mem::take(&mut joined).trim().to_owned());
            }
        }
    }
    lines.push(joined.trim().to_owned());
    lines.retain(|line| !line.is_empty());
    lines
}

/// Words between spaces; quotes hold a word together.
fn words(value: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in value.chars() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_add_up_and_empty_ones_start_again() {
        let mut install = Install::default();
        install.add(
            "WantedBy=not.target\n[Install]\nWantedBy=a.target b.target\nWantedBy=\n\
             WantedBy = c.target \\\n# between\n  \"d e.target\"\n;RequiredBy=no\nDefaultInstance=x\n\
             Also=a.socket\nAlso=\nAlso=b.socket\n[Service]\nAlias=no.service\n[Install]\nUpheldBy=u.target",
        );
        install.add("[Install]\nAlias=late.service\n");
        assert_eq!(install.wanted_by, ["c.target", "d e.target"]);
        assert_eq!(install.also, ["a.socket", "b.socket"]);
        assert_eq!(install.upheld_by, ["u.target"]);
        assert_eq!(install.alias, ["late.service"]);
        assert_eq!(install.required_by, [""; 0]);
        assert_eq!(install.default_instance.as_deref(), Some("x"));
    }
}
