//! Numbered lines.

mod entry;
mod progress;

use anklume_language::{Language, say};
use zeroize::Zeroizing;

use crate::layout::{hang, records};
use crate::question::{Choice, Choices, Confirm, Item, Question, Secret, Table, Text};
use crate::terminal::Terminal;
use crate::{Capabilities, Ended, Face, Looks, Progress, Reply, harmless, words, wrap};
use entry::{Echo, Typed};

/// Where the width is not known: what every terminal and every line of braille software has.
const WIDTH: usize = 80;
const HEIGHT: usize = 24;
/// A row is read by ear and by finger: no longer, however wide the window is.
const WIDEST: usize = 100;
/// A narrower window breaks lines itself.
const NARROWEST: usize = 16;
/// Most bytes of the answer to a question with options.
const OPTION_BYTES: usize = 256;

/// Questions in numbered lines: no cursor movement, no colours, nothing drawn twice.
///
/// Options are chosen by number or by the first letters of their label. `?` explains, `<` (or Escape) goes
/// back, `q` leaves where that is allowed; an empty line takes the default, which stands in brackets. So
/// neither a text nor a secret can be just `?` or `<`, and a text not `q` where leaving is allowed.
#[derive(Debug)]
pub struct LineFace {
    terminal: Terminal,
    language: Language,
    looks: Looks,
    /// The language in which the keys were explained.
    introduced: Option<Language>,
}

impl LineFace {
    /// Speaks on `terminal`.
    #[must_use]
    pub fn new(terminal: Terminal, language: Language, looks: Looks) -> Self {
        Self { terminal, language, looks, introduced: None }
    }

    fn width(&self) -> usize {
        let width = self.terminal.size().map_or(WIDTH, |(width, _)| usize::from(width));
        // The last column stays free: some terminals begin a new row once it is written.
        width.saturating_sub(1).clamp(NARROWEST, WIDEST)
    }

    fn rows(&mut self, rows: &[String]) {
        for row in rows {
            self.terminal.write(format!("{row}\n").as_bytes());
        }
    }

    fn paragraph(&mut self, text: &str) {
        let mut rows = wrap(&harmless(text), self.width());
        rows.push(String::new());
        self.rows(&rows);
    }

    /// A reason or an explanation, close to its question.
    fn reply(&mut self, text: &str) {
        let rows = wrap(&harmless(text), self.width());
        self.rows(&rows);
    }

    fn introduce(&mut self) {
        if self.introduced == Some(self.language) {
            return;
        }
        self.introduced = Some(self.language);
        self.paragraph(self.language.pick(
            "Type an answer, then Enter. An empty line takes what stands in brackets. ? explains, < or the \
             Escape key goes back a step, Ctrl-C ends.",
            "Tapez une réponse, puis Entrée. Une ligne vide prend ce qui est entre crochets. ? explique, < ou \
             la touche Échap revient en arrière, Ctrl-C termine.",
        ));
    }

    /// The options of a question, each a row with its number, explanation and reason below it.
    fn options(&mut self, options: &[Item]) {
        let digits = options.len().to_string().len();
        let width = self.width();
        let mut rows = Vec::new();
        for (number, item) in (1..).zip(options) {
            let lead = format!("  {number:>digits$}  ");
            let below = " ".repeat(lead.len());
            rows.extend(hang(&lead, &harmless(&item.label), width));
            if !item.explanation.is_empty() {
                rows.extend(hang(&below, &harmless(&item.explanation), width));
            }
            if let Some(reason) = &item.refused {
                rows.extend(hang(&below, &words::refused(self.language, reason), width));
            }
        }
        self.rows(&rows);
    }

    /// Asks until `judge` takes what was typed. `options` are shown before the `line` that is typed behind,
    /// with the default in brackets.
    fn ask<T>(&mut self, asked: &Asked<'_, T>) -> Result<Reply<T>, Ended> {
        self.terminal.check()?;
        self.introduce();
        if asked.question.fresh {
            self.terminal.drop_until_quiet()?;
        } else if asked.echo != Echo::Shown {
            self.terminal.drop_typed()?;
        }
        self.pose(asked);
        loop {
            let typed = self.typed(asked)?;
            match Order::of(asked, &typed) {
                Order::Explain => {
                    self.reply(&words::help(self.language, &asked.question));
                    self.rows(&[String::new()]);
                    self.pose(asked);
                    continue;
                }
                Order::Back if asked.question.back => {
                    self.rows(&[String::new()]);
                    return Ok(Reply::Back);
                }
                Order::Back => self.reply(&words::no_way_back(self.language)),
                Order::Leave => self.leave()?,
                Order::Answer => match (asked.judge)(self.language, &typed) {
                    Ok(answer) => {
                        self.rows(&[String::new()]);
                        return Ok(Reply::Answer(answer));
                    }
                    Err(reason) => self.reply(&reason),
                },
            }
        }
    }

    fn pose<T>(&mut self, asked: &Asked<'_, T>) {
        self.reply(asked.question.prompt);
        self.options(asked.options);
    }

    fn typed<T>(&mut self, asked: &Asked<'_, T>) -> Result<Typed, Ended> {
        let prompt = match asked.default.is_empty() {
            true => "> ".to_owned(),
            false => format!("[{}] > ", harmless(&asked.default)),
        };
        let language = self.language;
        self.terminal.ask(|terminal| {
            // Not before: Ctrl-C is a key by now, also for who is quick.
            terminal.write(prompt.as_bytes());
            entry::line(terminal, language, asked.most, asked.echo)
        })
    }

    /// Leaves if that is meant.
    fn leave(&mut self) -> Result<(), Ended> {
        loop {
            self.reply(&words::leave(self.language));
            let language = self.language;
            let typed = self.terminal.ask(|terminal| {
                terminal.write(format!("{} > ", yes_no(language)).as_bytes());
                entry::line(terminal, language, OPTION_BYTES, Echo::Shown)
            })?;
            match words::yes_or_no(&typed.text) {
                Some(true) => return Err(Ended::Left),
                Some(false) => return Ok(()),
                None => {}
            }
        }
    }
}

fn yes_no(language: Language) -> &'static str {
    language.pick("y/n", "o/n")
}

/// A question, whatever its kind.
struct Asked<'a, T> {
    question: Question<'a>,
    options: &'a [Item],
    /// Shown in brackets; empty if there is none.
    default: String,
    most: usize,
    echo: Echo,
    judge: &'a dyn Fn(Language, &Typed) -> Result<T, String>,
}

/// What a line means.
enum Order {
    Explain,
    Back,
    Leave,
    Answer,
}

impl Order {
    fn of<T>(asked: &Asked<'_, T>, typed: &Typed) -> Self {
        let text = if asked.echo == Echo::Shown { typed.text.trim() } else { typed.text.as_str() };
        match text {
            "" if typed.escaped => Self::Back,
            "<" => Self::Back,
            "?" => Self::Explain,
            "q" | "Q" if asked.question.leave && asked.echo == Echo::Shown => Self::Leave,
            _ => Self::Answer,
        }
    }
}

/// The default, if nothing was typed.
fn or_default<T: Clone>(typed: &Typed, default: Option<T>) -> Option<T> {
    default.filter(|_| typed.text.trim().is_empty() && !typed.how.invalid)
}

impl Face for LineFace {
    fn language(&self) -> Language {
        self.language
    }

    fn set_language(&mut self, language: Language) {
        self.language = language;
    }

    fn capabilities(&self) -> Capabilities {
        let height = self.terminal.size().map_or(HEIGHT, |(_, height)| usize::from(height));
        Capabilities { width: self.width(), height, unicode: self.looks.unicode, colours: false }
    }

    fn heading(&mut self, title: &str, step: Option<(usize, usize)>) -> Result<(), Ended> {
        self.terminal.check()?;
        let title = match step {
            None => title.to_owned(),
            Some((step, of)) => {
                say!(
                    self.language,
                    "Step {step} of {of}: {title}",
                    "Étape {step} sur {of} : {title}"
                )
            }
        };
        self.paragraph(&title);
        self.terminal.check()
    }

    fn say(&mut self, text: &str) {
        self.paragraph(text);
    }

    fn warn(&mut self, text: &str) {
        self.paragraph(&say!(self.language, "Warning: {text}", "Attention : {text}"));
    }

    fn table(&mut self, table: &Table) {
        let mut rows = records(&table.harmless(), self.width());
        rows.push(String::new());
        self.rows(&rows);
    }

    fn verbatim(&mut self, rows: &[String]) {
        let mut rows: Vec<_> = rows.iter().map(|row| crate::harmless_line(row)).collect();
        rows.push(String::new());
        self.rows(&rows);
    }

    fn choose(&mut self, choice: &Choice<'_>) -> Result<Reply<usize>, Ended> {
        let allowed =
            |at: &usize| choice.options.get(*at).is_some_and(|item| item.refused.is_none());
        let default = choice.default.filter(allowed);
        self.ask(&Asked {
            question: choice.question,
            options: choice.options,
            default: default.map(|at| (at + 1).to_string()).unwrap_or_default(),
            most: OPTION_BYTES,
            echo: Echo::Shown,
            judge: &|language, typed| match or_default(typed, default) {
                Some(index) => Ok(index),
                None => words::option(language, choice.options, &typed.text),
            },
        })
    }

    fn choose_several(&mut self, choices: &Choices<'_>) -> Result<Reply<Vec<usize>>, Ended> {
        let allowed =
            |at: &usize| choices.options.get(*at).is_some_and(|item| item.refused.is_none());
        let mut default: Vec<_> = choices.chosen.iter().copied().filter(allowed).collect();
        default.sort_unstable();
        default.dedup();
        let numbers: Vec<_> = default.iter().map(|at| (at + 1).to_string()).collect();
        let shown = if numbers.is_empty() { "0".to_owned() } else { numbers.join(" ") };
        let hint = self.language.pick(
            "Numbers with spaces between them; 0 for none.",
            "Numéros séparés par des espaces ; 0 pour aucun.",
        );
        let prompt = format!("{}\n{hint}", choices.question.prompt);
        self.ask(&Asked {
            question: Question { prompt: &prompt, ..choices.question },
            options: choices.options,
            default: shown,
            most: OPTION_BYTES,
            echo: Echo::Shown,
            judge: &|language, typed| {
                let chosen = match or_default(typed, Some(&default)) {
                    Some(default) => default.clone(),
                    None => words::options(language, choices.options, &typed.text)?,
                };
                words::enough(language, chosen.len(), choices.least)?;
                Ok(chosen)
            },
        })
    }

    fn text(&mut self, text: &Text<'_>) -> Result<Reply<String>, Ended> {
        self.ask(&Asked {
            question: text.question,
            options: &[],
            default: text.default.unwrap_or_default().to_owned(),
            most: text.most,
            echo: Echo::Shown,
            judge: &|language, typed| {
                let answer = or_default(typed, text.default).unwrap_or(typed.text.trim());
                words::judge(language, answer, typed.how, text.most, text.check)?;
                Ok(answer.to_owned())
            },
        })
    }

    fn secret(&mut self, secret: &Secret<'_>) -> Result<Reply<Zeroizing<String>>, Ended> {
        let hint = match secret.shown {
            true => self.language.pick(
                "What you type is shown. The Tab key hides it.",
                "Ce que vous tapez est affiché. La touche Tab le cache.",
            ),
            false => self.language.pick(
                "What you type is not shown. The Tab key shows it.",
                "Ce que vous tapez n’est pas affiché. La touche Tab l’affiche.",
            ),
        };
        let prompt = format!("{}\n{hint}", secret.question.prompt);
        self.ask(&Asked {
            question: Question { prompt: &prompt, ..secret.question },
            options: &[],
            default: String::new(),
            most: secret.most,
            echo: if secret.shown { Echo::SecretShown } else { Echo::Secret },
            judge: &|language, typed| {
                words::judge(language, &typed.text, typed.how, secret.most, secret.check)?;
                Ok(typed.text.clone())
            },
        })
    }

    fn confirm(&mut self, confirm: &Confirm<'_>) -> Result<Reply<bool>, Ended> {
        let yes_no = yes_no(self.language);
        let prompt = format!("{} ({yes_no})", confirm.question.prompt);
        let default = confirm.default.map(|yes| match (yes, self.language) {
            (true, Language::English) => "y",
            (true, Language::French) => "o",
            (false, _) => "n",
        });
        self.ask(&Asked {
            question: Question { prompt: &prompt, ..confirm.question },
            options: &[],
            default: default.unwrap_or_default().to_owned(),
            most: OPTION_BYTES,
            echo: Echo::Shown,
            judge: &|language, typed| {
                let answer = or_default(typed, confirm.default);
                answer.or_else(|| words::yes_or_no(&typed.text)).ok_or_else(|| {
                    language.pick("Please type y or n.", "Veuillez taper o ou n.").to_owned()
                })
            },
        })
    }

    fn progress<'a>(&'a mut self, title: &str) -> Box<dyn Progress + 'a> {
        self.paragraph(title);
        Box::new(progress::Lines::new(self))
    }
}
