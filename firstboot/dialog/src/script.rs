//! Answers from a list, for tests of what asks the questions.

use std::collections::VecDeque;

use anklume_language::Language;
use zeroize::Zeroizing;

use crate::question::{Choice, Choices, Confirm, Item, Question, Secret, Table, Text};
use crate::{Capabilities, Ended, Face, Progress, Reply, words};

/// An answer of a script.
#[derive(Debug)]
pub enum Answer {
    /// To a choice: what a person types, a number from 1 or the first letters of a label. To a choice of
    /// several: with spaces between them.
    Pick(&'static str),
    /// To a question for a text or a secret. A text that fails its check is recorded, and the question takes
    /// its next answer.
    Type(&'static str),
    /// Yes or no.
    Say(bool),
    /// The default: an empty line.
    Default,
    /// Go back a step.
    Back,
    /// The end of the dialog.
    End(Ended),
}

/// What a script's person saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A heading with its number and the number of headings.
    Heading(String, Option<(usize, usize)>),
    /// A text.
    Text(String),
    /// A warning.
    Warning(String),
    /// A table.
    Table(Table),
    /// Rows as they are.
    Verbatim(Vec<String>),
    /// A question: its identifier and what was asked, with the labels of its options.
    Question(&'static str, String, Vec<String>),
    /// Why an answer was not taken.
    Wrong(&'static str, String),
    /// Something about progress.
    Progress(String),
}

/// A face for tests: questions are answered from a list by their identifiers, and what is said is kept.
///
/// Each question takes the first answer left for its identifier. A question without an answer, an answer of
/// the wrong kind and answers that are left at the end ([`ScriptFace::finish`], or when it is dropped) fail
/// the test: they panic.
#[derive(Debug)]
pub struct ScriptFace {
    language: Language,
    answers: VecDeque<(&'static str, Answer)>,
    said: Vec<Said>,
}

impl ScriptFace {
    /// A person who will answer like this.
    #[must_use]
    pub fn new(
        language: Language,
        answers: impl IntoIterator<Item = (&'static str, Answer)>,
    ) -> Self {
        Self { language, answers: answers.into_iter().collect(), said: Vec::new() }
    }

    /// What was said so far.
    #[must_use]
    pub fn said(&self) -> &[Said] {
        &self.said
    }

    /// Identifiers of the questions so far, in their order.
    #[must_use]
    pub fn asked(&self) -> Vec<&'static str> {
        let id = |said: &Said| match said {
            Said::Question(id, ..) => Some(*id),
            _ => None,
        };
        self.said.iter().filter_map(id).collect()
    }

    /// Whether some text, warning, question, option, cell or reason contains `text`.
    #[must_use]
    pub fn mentions(&self, text: &str) -> bool {
        self.said.iter().any(|said| match said {
            Said::Heading(said, _) | Said::Text(said) | Said::Warning(said) => said.contains(text),
            Said::Wrong(_, said) | Said::Progress(said) => said.contains(text),
            Said::Table(table) => table.rows.iter().flatten().any(|cell| cell.contains(text)),
            Said::Verbatim(rows) => rows.iter().any(|row| row.contains(text)),
            Said::Question(_, prompt, labels) => {
                prompt.contains(text) || labels.iter().any(|label| label.contains(text))
            }
        })
    }

    /// The end of the test: what was said.
    ///
    /// # Panics
    /// If an answer is left.
    #[must_use]
    pub fn finish(mut self) -> Vec<Said> {
        self.nothing_is_left();
        std::mem::take(&mut self.said)
    }

    fn nothing_is_left(&mut self) {
        let left = std::mem::take(&mut self.answers);
        assert!(left.is_empty(), "nobody asked for these answers: {left:?}");
    }

    /// Asks until `judge` takes an answer.
    fn ask<T>(
        &mut self,
        question: &Question<'_>,
        options: &[Item],
        judge: impl Fn(Language, &Answer) -> Option<Result<T, String>>,
    ) -> Result<Reply<T>, Ended> {
        let labels = options.iter().map(|item| match &item.refused {
            Some(reason) => format!("{} ({})", item.label, words::refused(self.language, reason)),
            None => item.label.clone(),
        });
        self.said.push(Said::Question(question.id, question.prompt.to_owned(), labels.collect()));
        loop {
            match self.next(question) {
                Answer::Back => {
                    assert!(question.back, "question {:?} has no way back", question.id);
                    return Ok(Reply::Back);
                }
                Answer::End(Ended::Left) if !question.leave => {
                    panic!("question {:?} has no way out", question.id)
                }
                Answer::End(ended) => return Err(ended),
                answer => match judge(self.language, &answer) {
                    Some(Ok(answer)) => return Ok(Reply::Answer(answer)),
                    Some(Err(reason)) => self.said.push(Said::Wrong(question.id, reason)),
                    None => panic!("{answer:?} is no answer to question {:?}", question.id),
                },
            }
        }
    }

    fn next(&mut self, question: &Question<'_>) -> Answer {
        let at = self.answers.iter().position(|(id, _)| *id == question.id);
        match at.and_then(|at| self.answers.remove(at)) {
            Some((_, answer)) => answer,
            None => panic!("no answer is left for question {:?}: {}", question.id, question.prompt),
        }
    }
}

impl Drop for ScriptFace {
    fn drop(&mut self) {
        // A second panic would hide the first.
        if !std::thread::panicking() {
            self.nothing_is_left();
        }
    }
}

/// A default that is one of the options that can be chosen.
fn allowed(options: &[Item], at: &usize) -> bool {
    options.get(*at).is_some_and(|item| item.refused.is_none())
}

impl Face for ScriptFace {
    fn language(&self) -> Language {
        self.language
    }

    fn set_language(&mut self, language: Language) {
        self.language = language;
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { width: 79, height: 24, unicode: true, colours: false }
    }

    fn heading(&mut self, title: &str, step: Option<(usize, usize)>) -> Result<(), Ended> {
        self.said.push(Said::Heading(title.to_owned(), step));
        Ok(())
    }

    fn say(&mut self, text: &str) {
        self.said.push(Said::Text(text.to_owned()));
    }

    fn warn(&mut self, text: &str) {
        self.said.push(Said::Warning(text.to_owned()));
    }

    fn table(&mut self, table: &Table) {
        self.said.push(Said::Table(table.clone()));
    }

    fn verbatim(&mut self, rows: &[String]) {
        self.said.push(Said::Verbatim(rows.to_vec()));
    }

    fn choose(&mut self, choice: &Choice<'_>) -> Result<Reply<usize>, Ended> {
        let options = choice.options;
        self.ask(&choice.question, options, |language, answer| match answer {
            Answer::Pick(typed) => Some(words::option(language, options, typed)),
            Answer::Default => choice.default.filter(|at| allowed(options, at)).map(Ok),
            _ => None,
        })
    }

    fn choose_several(&mut self, choices: &Choices<'_>) -> Result<Reply<Vec<usize>>, Ended> {
        let options = choices.options;
        self.ask(&choices.question, options, |language, answer| {
            let chosen = match answer {
                Answer::Pick(typed) => words::options(language, options, typed),
                Answer::Default => {
                    let default = choices.chosen.iter().copied();
                    Ok(default.filter(|at| allowed(options, at)).collect())
                }
                _ => return None,
            };
            Some(chosen.and_then(|chosen| {
                words::enough(language, chosen.len(), choices.least).map(|()| chosen)
            }))
        })
    }

    fn text(&mut self, text: &Text<'_>) -> Result<Reply<String>, Ended> {
        self.ask(&text.question, &[], |_, answer| {
            let typed = match answer {
                Answer::Type(typed) => typed,
                Answer::Default => text.default?,
                _ => return None,
            };
            Some((text.check)(typed).map(|()| typed.to_owned()))
        })
    }

    fn secret(&mut self, secret: &Secret<'_>) -> Result<Reply<Zeroizing<String>>, Ended> {
        self.ask(&secret.question, &[], |_, answer| match answer {
            Answer::Type(typed) => {
                Some((secret.check)(typed).map(|()| Zeroizing::new((*typed).to_owned())))
            }
            _ => None,
        })
    }

    fn confirm(&mut self, confirm: &Confirm<'_>) -> Result<Reply<bool>, Ended> {
        self.ask(&confirm.question, &[], |_, answer| match answer {
            Answer::Say(yes) => Some(Ok(*yes)),
            Answer::Default => confirm.default.map(Ok),
            _ => None,
        })
    }

    fn progress<'a>(&'a mut self, title: &str) -> Box<dyn Progress + 'a> {
        self.said.push(Said::Progress(title.to_owned()));
        Box::new(Kept(self))
    }
}

/// Progress without its numbers, which depend on the machine.
struct Kept<'a>(&'a mut ScriptFace);

impl Progress for Kept<'_> {
    fn step(&mut self, text: &str) {
        self.0.said.push(Said::Progress(text.to_owned()));
    }

    fn part(&mut self, _: u64, _: u64) {}

    fn note(&mut self, text: &str) {
        self.0.said.push(Said::Progress(text.to_owned()));
    }

    fn failed(&mut self, reason: &str) {
        self.0.said.push(Said::Progress(format!("failed: {reason}")));
    }

    fn done(&mut self) {
        self.0.said.push(Said::Progress("done".to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(id: &'static str) -> Question<'static> {
        Question::new(id, "?")
    }

    #[test]
    fn a_question_takes_its_answers_in_their_order() {
        let answers = [
            ("disk", Answer::Pick("2")),
            ("name", Answer::Type("")),
            ("disk", Answer::Pick("b")),
            ("sure", Answer::Back),
            ("sure", Answer::Say(true)),
            ("name", Answer::Type("box")),
        ];
        let mut face = ScriptFace::new(Language::English, answers);
        let options = [Item::new("a"), Item::new("c").refused("held"), Item::new("b")];
        let choice = Choice::new(question("disk"), &options);
        assert_eq!(face.choose(&choice).unwrap(), Reply::Answer(2));
        let check = |text: &str| if text.is_empty() { Err("empty".to_owned()) } else { Ok(()) };
        let name = Text::new(question("name")).check(&check);
        assert_eq!(face.text(&name).unwrap(), Reply::Answer("box".to_owned()));
        let sure = Confirm::new(question("sure").back());
        assert_eq!(face.confirm(&sure).unwrap(), Reply::Back);
        assert_eq!(face.confirm(&sure).unwrap(), Reply::Answer(true));
        assert_eq!(face.asked(), ["disk", "name", "sure", "sure"]);
        assert!(face.mentions("held") && face.mentions("empty") && !face.mentions("box"));
        assert_eq!(face.finish().len(), 6);
    }

    #[test]
    #[should_panic(expected = "no answer is left for question \"disk\"")]
    fn a_question_nobody_expected_fails() {
        let mut face = ScriptFace::new(Language::English, []);
        let _ = face.choose(&Choice::new(question("disk"), &[Item::new("a")]));
    }

    #[test]
    #[should_panic(expected = "nobody asked for these answers")]
    fn an_answer_that_is_left_fails() {
        drop(ScriptFace::new(Language::English, [("disk", Answer::Back)]));
    }

    #[test]
    #[should_panic(expected = "is no answer to question \"sure\"")]
    fn an_answer_of_another_kind_fails() {
        let mut face = ScriptFace::new(Language::English, [("sure", Answer::Type("yes"))]);
        let _ = face.confirm(&Confirm::new(question("sure")));
    }

    #[test]
    #[should_panic(expected = "has no way back")]
    fn a_way_back_that_is_not_offered_fails() {
        let mut face = ScriptFace::new(Language::English, [("sure", Answer::Back)]);
        let _ = face.confirm(&Confirm::new(question("sure")));
    }
}
