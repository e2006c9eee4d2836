//! What commands of one boot leave for each other in `/run/anklume`.

use std::fs;
use std::path::PathBuf;

use anklume_health::{Pending, Round};
use anklume_history::{Moment, Verdict};
use anklume_host::file;
use serde::{Deserialize, Serialize};

use crate::machine::{Machine, text};
use anklume_failure::{Context, Failure};

/// The verdict on this boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Judgement {
    pub(crate) boot_id: String,
    #[serde(flatten)]
    pub(crate) at: Moment,
    pub(crate) verdict: Verdict,
    pub(crate) reason: Option<String>,
    /// Whether the machine is to restart, because another slot can boot.
    pub(crate) restart: bool,
}

/// What the health checks said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Health {
    pub(crate) boot_id: String,
    pub(crate) healthy: bool,
    pub(crate) checks: Vec<CheckResult>,
    /// Files that look like checks and are none, with the reason.
    pub(crate) passed_over: Vec<String>,
}

/// See [`Health`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct CheckResult {
    pub(crate) name: String,
    pub(crate) state: CheckState,
    pub(crate) reason: Option<String>,
}

/// Where a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CheckState {
    Healthy,
    NotYet,
    Failed,
}

impl Health {
    pub(crate) fn of(boot_id: &str, round: &Round, healthy: bool, passed_over: &[String]) -> Self {
        let checks = round.checks().iter().map(|(name, pending)| {
            let (state, reason) = match pending {
                Pending::Healthy => (CheckState::Healthy, None),
                Pending::Failed(reason) => (CheckState::Failed, Some(reason.clone())),
                Pending::Waits(reason) => (CheckState::NotYet, Some(reason.clone())),
                Pending::Due(reason) => (CheckState::NotYet, reason.clone()),
            };
            CheckResult { name: name.clone(), state, reason }
        });
        Self {
            boot_id: boot_id.to_owned(),
            healthy,
            checks: checks.collect(),
            passed_over: passed_over.to_vec(),
        }
    }
}

impl Machine {
    fn state_file(&self, name: &str) -> PathBuf {
        self.paths.state.join(name)
    }

    /// The verdict on this boot; what cannot be read is none.
    pub(crate) fn judgement(&self) -> Option<Judgement> {
        let text = text(&self.state_file("verdict.json")).ok().flatten()?;
        let judgement: Judgement = serde_json::from_str(&text).ok()?;
        (Some(&judgement.boot_id) == self.boot_id().ok().as_ref()).then_some(judgement)
    }

    /// What the health checks of this boot said.
    pub(crate) fn health(&self) -> Option<Health> {
        let text = text(&self.state_file("health.json")).ok().flatten()?;
        let health: Health = serde_json::from_str(&text).ok()?;
        (Some(&health.boot_id) == self.boot_id().ok().as_ref()).then_some(health)
    }

    pub(crate) fn keep_judgement(&self, judgement: &Judgement) -> Result<(), Failure> {
        self.keep("verdict.json", judgement)
    }

    pub(crate) fn keep_health(&self, health: &Health) -> Result<(), Failure> {
        self.keep("health.json", health)
    }

    /// Readers find the old content or the new.
    fn keep(&self, name: &str, value: &impl Serialize) -> Result<(), Failure> {
        let path = self.state_file(name);
        let text = serde_json::to_string(value).context(path.display())?;
        fs::create_dir_all(&self.paths.state).context(self.paths.state.display())?;
        file::replace(&path, format!("{text}\n").as_bytes()).context(path.display())
    }
}
