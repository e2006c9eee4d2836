//! Progress: bars on a terminal, lines elsewhere, JSON for programs.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use anklume_bus::{Dict, Progress, Watch};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

/// Columns of the bar; the whole line fits 80.
const BAR: &str = "{prefix:>8} [{bar:24}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
/// Of a phase whose end nobody knows.
const SPINNER: &str = "{prefix:>8} {msg}";
/// Lines of a phase: one for each tenth.
const LINES: u64 = 10;

enum Style {
    Bars(Option<ProgressBar>),
    Lines { told: u64 },
    Json,
}

struct State {
    phase: String,
    style: Style,
}

/// Whoever looks on.
pub(super) struct Show {
    state: Mutex<State>,
    interrupted: fn() -> bool,
}

impl Show {
    pub(super) fn new(json: bool, interrupted: fn() -> bool) -> Self {
        let style = match (json, std::io::stderr().is_terminal()) {
            (true, _) => Style::Json,
            (false, true) => Style::Bars(None),
            (false, false) => Style::Lines { told: 0 },
        };
        Self { state: Mutex::new(State { phase: String::new(), style }), interrupted }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Style::Bars(bar) = &mut state.style
            && let Some(bar) = bar.take()
        {
            bar.finish_and_clear();
        }
        state.phase.clear();
    }
}

impl Watch for Show {
    fn progress(&self, progress: &Progress) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = state.phase != progress.phase;
        if is_new {
            state.phase.clone_from(&progress.phase);
        }
        match &mut state.style {
            Style::Json => print(&event(progress).to_string(), false),
            Style::Lines { told } => {
                let tenth = LINES.saturating_mul(progress.done).checked_div(progress.total);
                let tenth = tenth.unwrap_or_default();
                if is_new || tenth > *told {
                    *told = tenth;
                    print(&line(progress), true);
                }
            }
            Style::Bars(bar) => {
                if is_new && let Some(old) = bar.take() {
                    old.finish_and_clear();
                }
                let bar = bar.get_or_insert_with(|| new_bar(progress));
                bar.set_position(progress.done);
                bar.set_message(progress.message.clone());
            }
        }
    }

    fn cancelled(&self) -> bool {
        (self.interrupted)()
    }
}

fn new_bar(progress: &Progress) -> ProgressBar {
    let style = if progress.total == 0 { SPINNER } else { BAR };
    let style = ProgressStyle::with_template(style);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("#> ");
    ProgressBar::with_draw_target(Some(progress.total), ProgressDrawTarget::stderr())
        .with_style(style)
        .with_prefix(progress.phase.clone())
        .with_message(progress.message.clone())
}

fn line(progress: &Progress) -> String {
    let Progress { phase, done, total, message, .. } = progress;
    match total {
        0 => format!("{phase}: {message}"),
        _ => format!("{phase}: {} of {} MiB", done >> 20, total >> 20),
    }
}

fn event(progress: &Progress) -> Value {
    json!({
        "event": "progress",
        "phase": progress.phase,
        "done": progress.done,
        "total": progress.total,
        "fetched": progress.fetched,
        "message": progress.message,
    })
}

/// What a program reads at the end.
pub(super) fn result(answer: &Dict) -> String {
    let mut answer = answer.clone();
    answer.insert("event".to_owned(), "result".into());
    Value::Object(answer).to_string()
}

/// A line in the journal.
pub(super) fn journal(text: &str) {
    print(text, true);
}

/// Nobody can be told if that fails.
fn print(text: &str, to_stderr: bool) {
    let _ = match to_stderr {
        true => writeln!(std::io::stderr(), "{text}"),
        false => writeln!(std::io::stdout(), "{text}"),
    };
}
