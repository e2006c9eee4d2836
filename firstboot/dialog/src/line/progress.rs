//! Progress in plain lines: each step when it begins, and each quarter of it.

use anklume_language::say;

use super::LineFace;
use crate::Progress;

pub(super) struct Lines<'a> {
    face: &'a mut LineFace,
    /// Quarters of the step that were told.
    quarters: u128,
}

impl<'a> Lines<'a> {
    pub(super) fn new(face: &'a mut LineFace) -> Self {
        Self { face, quarters: 0 }
    }
}

impl Progress for Lines<'_> {
    fn step(&mut self, text: &str) {
        self.quarters = 0;
        self.face.reply(&format!("- {text}"));
    }

    fn part(&mut self, done: u64, whole: u64) {
        let Some(quarters) = (u128::from(done) * 4).checked_div(u128::from(whole)) else { return };
        // The end of a step is told by the next one.
        if quarters > self.quarters && quarters < 4 {
            self.quarters = quarters;
            let percent = quarters * 25;
            self.face.reply(&say!(self.face.language, "  {percent}%", "  {percent} %"));
        }
    }

    fn note(&mut self, text: &str) {
        self.face.reply(&format!("  {text}"));
    }

    fn failed(&mut self, reason: &str) {
        let text = say!(self.face.language, "Failed: {reason}", "Échec : {reason}");
        self.face.paragraph(&text);
    }

    fn done(&mut self) {
        self.face.paragraph(self.face.language.pick("Done.", "Terminé."));
    }
}
