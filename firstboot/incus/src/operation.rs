//! Operations: work that Incus goes on with after its answer.

use std::collections::BTreeMap;

use anklume_layout::text::printable;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Longest text of Incus that is shown, in characters.
pub(crate) const MAX_TEXT: usize = 2000;

/// What a key has that may be `null`.
pub(crate) fn null_is_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// An operation as Incus describes it (`Operation` of its API).
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Operation {
    /// What it is asked by.
    pub id: String,
    /// What it does, in Incus's words.
    #[serde(default)]
    pub description: String,
    /// Status; see [`Operation::state`].
    pub status_code: u16,
    /// Paths of what it changes, by kind.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub resources: BTreeMap<String, Vec<String>>,
    /// What it says about itself: progress, then the outcome.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub metadata: Map<String, Value>,
    /// Whether it can be cancelled.
    #[serde(default)]
    pub may_cancel: bool,
    /// Why it failed.
    #[serde(default)]
    pub err: String,
}

/// Where an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It goes on.
    Runs,
    /// It has done what it should.
    Succeeded,
    /// It has failed, or was cancelled.
    Failed,
}

impl Operation {
    /// Where it is. The codes are those of `doc/rest-api.md`: 100 to 199 are states of something that goes
    /// on, 200 is success, 400 failure, 401 cancelled.
    #[must_use]
    pub const fn state(&self) -> State {
        match self.status_code {
            200..=299 => State::Succeeded,
            400..=599 => State::Failed,
            _ => State::Runs,
        }
    }

    /// How far it is, as far as it says so.
    #[must_use]
    pub fn progress(&self) -> Progress {
        // Keys of operations differ (`download_progress`, `create_instance_from_image_unpack_progress`);
        // `progress` has the same in a form that is the same for all.
        let numbers = self.metadata.get("progress").and_then(Value::as_object);
        let number = |key| numbers.and_then(|numbers| numbers.get(key)).and_then(Value::as_str);
        let is_text = |key: &&String| key.ends_with("_progress");
        let text = self.metadata.keys().find(is_text).and_then(|key| self.metadata.get(key));
        let shown = |text: &str| printable(text, MAX_TEXT);
        Progress {
            description: shown(&self.description),
            stage: number("stage").map(shown),
            percent: number("percent").and_then(|text| text.parse().ok()).filter(|p| *p <= 100),
            text: text.and_then(Value::as_str).map(shown),
        }
    }
}

/// How far an operation is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// What it does, in Incus's words.
    pub description: String,
    /// Which part of it, as `create_instance_from_image_unpack`.
    pub stage: Option<String>,
    /// How much of that, 0 to 100.
    pub percent: Option<u8>,
    /// The same in Incus's words.
    pub text: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(text: &str) -> Operation {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn progress_is_read_from_what_incus_writes() {
        let text = r#"{"id": "1", "description": "Creating instance", "status_code": 103, "metadata": {
            "create_instance_from_image_unpack_progress": "Unpacking image: 70% (5MB/s)\u001b[2J",
            "progress": {"percent": "70", "speed": "5", "stage": "create_instance_from_image_unpack"}}}"#;
        let progress = operation(text).progress();
        assert_eq!(progress.percent, Some(70));
        assert_eq!(progress.stage.as_deref(), Some("create_instance_from_image_unpack"));
        let text = progress.text.unwrap();
        assert!(text.starts_with("Unpacking image: 70%") && !text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn nothing_is_known_of_an_operation_that_says_nothing() {
        let operation = operation(r#"{"id": "1", "status_code": 103, "metadata": null}"#);
        assert_eq!(operation.progress(), Progress::default());
        assert_eq!(operation.state(), State::Runs);
    }

    #[test]
    fn codes_are_states() {
        for (code, state) in [(100, State::Runs), (105, State::Runs), (200, State::Succeeded)] {
            assert_eq!(operation(&format!(r#"{{"id":"","status_code":{code}}}"#)).state(), state);
        }
        for code in [400, 401] {
            let operation = operation(&format!(r#"{{"id":"","status_code":{code}}}"#));
            assert_eq!(operation.state(), State::Failed);
        }
    }
}
