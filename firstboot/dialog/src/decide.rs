//! Which face suits a console.

use anklume_language::Language;

use crate::{Face, LineFace, ScreenFace, Terminal};

/// Variable that chooses the face where no option of the program did: `line` or `screen`.
const VARIABLE: &str = "ANKLUME_FACE";

/// A face for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// [`LineFace`].
    Line,
    /// [`ScreenFace`].
    Screen,
}

/// What a terminal draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looks {
    /// Characters beyond ASCII, half blocks among them. Texts are UTF-8 in any case; this is for drawings.
    pub unicode: bool,
    /// Colours.
    pub colours: bool,
}

/// What is known of a console.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hints {
    /// The face that was asked for, if one was.
    pub wanted: Option<Kind>,
    /// Whether both ends are a terminal.
    pub terminal: bool,
    /// Name below `/dev`.
    pub name: Option<String>,
    /// Whether the size is known.
    pub sized: bool,
    /// `TERM`.
    pub term: Option<String>,
    /// The first of `LC_ALL`, `LC_CTYPE`, `LANG` that says something.
    pub locale: Option<String>,
    /// Whether `NO_COLOR` says something (no-color.org).
    pub plain: bool,
}

impl Hints {
    /// Looks at `terminal` and at the environment of the process. `wanted` is what the program was told; the
    /// variable `ANKLUME_FACE` counts without it.
    #[must_use]
    pub fn gather(terminal: &Terminal, wanted: Option<Kind>) -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let named = match variable(VARIABLE).as_deref() {
            Some("line") => Some(Kind::Line),
            Some("screen") => Some(Kind::Screen),
            _ => None,
        };
        Self {
            wanted: wanted.or(named),
            terminal: terminal.is_terminal(),
            name: terminal.name(),
            sized: terminal.size().is_some(),
            term: variable("TERM"),
            locale: ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable),
            plain: variable("NO_COLOR").is_some(),
        }
    }

    fn virtual_console(&self) -> bool {
        let number = self.name.as_deref().and_then(|name| name.strip_prefix("tty"));
        number.is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
    }

    /// The kind of terminal. A program may speak on more consoles than the one that `TERM` is about: the
    /// Linux console is always `linux`.
    fn term(&self) -> &str {
        if self.virtual_console() { "linux" } else { self.term.as_deref().unwrap_or_default() }
    }

    /// What the terminal draws.
    #[must_use]
    pub fn looks(&self) -> Looks {
        let locale = self.locale.as_deref().unwrap_or_default().to_ascii_lowercase();
        let utf8 = locale.ends_with("utf-8") || locale.ends_with("utf8");
        let screen = decide(self) == Kind::Screen;
        // The Linux console is in UTF-8 mode unless the kernel is told otherwise, and its built-in font, code
        // page 437, has the half blocks.
        let unicode = self.terminal && (self.term() == "linux" || (utf8 && !is_dumb(self.term())));
        Looks { unicode: unicode && !self.serial(), colours: screen && !self.plain }
    }

    /// Whether it is a serial line or what hypervisors and firmware have instead: everything named `tty` that
    /// is not a number (`ttyS0`, `ttyAMA0`, `ttyUSB0`), and `/dev/console`, which may be one.
    fn serial(&self) -> bool {
        let name = self.name.as_deref().unwrap_or_default();
        let named = ["tty", "hvc", "hvsi", "sclp", "xvc", "console"];
        !self.virtual_console() && named.iter().any(|start| name.starts_with(start))
    }
}

fn is_dumb(term: &str) -> bool {
    matches!(term, "" | "dumb" | "unknown" | "network" | "dialup" | "emacs")
}

/// The face for a console: the one that was asked for where that can work, lines on serial consoles, on
/// terminals that move no cursor or do not know their size, and on pipes; else the screen.
#[must_use]
pub fn decide(hints: &Hints) -> Kind {
    match hints.wanted {
        // A pipe has no keys.
        Some(Kind::Screen) if hints.terminal => return Kind::Screen,
        Some(Kind::Line | Kind::Screen) => return Kind::Line,
        None => {}
    }
    let screen = hints.terminal && hints.sized && !hints.serial() && !is_dumb(hints.term());
    if screen { Kind::Screen } else { Kind::Line }
}

/// The face that [`decide`] chooses.
#[must_use]
pub fn open(terminal: Terminal, language: Language, hints: &Hints) -> Box<dyn Face> {
    match decide(hints) {
        Kind::Line => Box::new(LineFace::new(terminal, language, hints.looks())),
        Kind::Screen => Box::new(ScreenFace::new(terminal, language, hints.looks())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(name: &str, term: &str) -> Hints {
        let term = (!term.is_empty()).then(|| term.to_owned());
        Hints { terminal: true, sized: true, name: Some(name.to_owned()), term, ..Hints::default() }
    }

    #[test]
    fn each_console_has_its_face() {
        for (name, term, kind) in [
            ("tty1", "linux", Kind::Screen),
            ("tty12", "", Kind::Screen),
            // `TERM` is about another console.
            ("tty1", "dumb", Kind::Screen),
            ("pts/3", "xterm-256color", Kind::Screen),
            ("pts/3", "dumb", Kind::Line),
            ("pts/3", "", Kind::Line),
            ("ttyS0", "vt220", Kind::Line),
            ("ttyAMA0", "linux", Kind::Line),
            ("hvc0", "vt220", Kind::Line),
            ("console", "linux", Kind::Line),
        ] {
            assert_eq!(decide(&hints(name, term)), kind, "{name} {term}");
        }
        assert_eq!(decide(&Hints { sized: false, ..hints("pts/3", "xterm") }), Kind::Line);
        assert_eq!(decide(&Hints { terminal: false, ..hints("tty1", "linux") }), Kind::Line);
    }

    #[test]
    fn who_asks_for_a_face_gets_it_where_it_can_work() {
        let line = Hints { wanted: Some(Kind::Line), ..hints("tty1", "linux") };
        assert_eq!(decide(&line), Kind::Line);
        let screen = Hints { wanted: Some(Kind::Screen), ..hints("ttyS0", "vt220") };
        assert_eq!(decide(&screen), Kind::Screen);
        assert_eq!(decide(&Hints { terminal: false, ..screen }), Kind::Line);
    }

    #[test]
    fn drawings_are_ascii_where_it_is_not_known_better() {
        let utf8 = Some("fr_FR.UTF-8".to_owned());
        let looks = |hints: Hints| (hints.looks().unicode, hints.looks().colours);
        assert_eq!(looks(hints("tty1", "")), (true, true));
        assert_eq!(looks(hints("pts/3", "xterm")), (false, true));
        assert_eq!(looks(Hints { locale: utf8.clone(), ..hints("pts/3", "xterm") }), (true, true));
        assert_eq!(looks(Hints { locale: utf8, ..hints("ttyS0", "vt220") }), (false, false));
        assert_eq!(looks(Hints { plain: true, ..hints("tty1", "linux") }), (true, false));
    }
}
