//! Progress as a list of steps, the last one with a bar.

use super::ScreenFace;
use super::page::{Block, State, Step};
use crate::{Progress, harmless};

pub(super) struct Bars<'a> {
    face: &'a mut ScreenFace,
    /// Whether a step was begun and is not finished.
    begun: bool,
}

impl<'a> Bars<'a> {
    pub(super) fn new(face: &'a mut ScreenFace) -> Self {
        Self { face, begun: false }
    }

    fn finish(&mut self, state: State) {
        if std::mem::take(&mut self.begun)
            && let Some(step) = self.face.page.step()
        {
            step.state = state;
            self.face.show();
        }
    }
}

impl Progress for Bars<'_> {
    fn step(&mut self, text: &str) {
        self.finish(State::Done);
        self.begun = true;
        self.face.add(Block::Step(Step {
            text: harmless(text),
            state: State::Begun,
            percent: None,
        }));
    }

    fn part(&mut self, done: u64, whole: u64) {
        let Some(percent) = (u128::from(done) * 100).checked_div(u128::from(whole)) else { return };
        let percent = usize::try_from(percent).unwrap_or(100).min(100);
        let Some(step) = self.face.page.step().filter(|_| self.begun) else { return };
        if step.percent != Some(percent) {
            step.percent = Some(percent);
            self.face.show();
        }
    }

    fn note(&mut self, text: &str) {
        self.face.add(Block::Text(harmless(text)));
    }

    fn failed(&mut self, reason: &str) {
        self.finish(State::Failed);
        self.face.add(Block::Warning(harmless(reason)));
    }

    fn done(&mut self) {
        self.finish(State::Done);
    }
}
