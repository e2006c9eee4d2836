//! What the signed list of files says of a release.

use anklume_trust::{Moment, Target};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::names::{is_channel, is_label, is_version};
use crate::text::shown;

/// Key of ours in `custom` of a file.
const KEY: &str = "anklume";

/// What stands beside the description of a release in the signed list of files (`custom`, TUF 1.0,
/// section 4.5): all that decides whether it is worth to fetch it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custom {
    /// The channel that it is offered on.
    pub channel: String,
    /// Name of the image.
    pub compatible: String,
    /// Version of the image.
    pub version: String,
    /// CPU architecture as Debian spells it.
    pub architecture: String,
    /// When it was published.
    pub published: Moment,
    /// For how many hours from then on machines join in; 0 offers it to all at once.
    pub rollout_hours: u32,
}

/// The form of [`Custom`] in JSON. Later versions may say more.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Form {
    channel: String,
    compatible: String,
    version: String,
    architecture: String,
    published: String,
    rollout_hours: u32,
}

/// What is wrong with what the list says of a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CustomError {
    /// Nothing is said.
    #[error("targets.json: {name} has no custom.anklume")]
    Missing {
        /// The file.
        name: String,
    },
    /// A field is missing or of another kind.
    #[error("targets.json: custom.anklume of {name}: {reason}")]
    Json {
        /// The file.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A field has a value that no release has.
    #[error("targets.json: {field} of {name} is {found}, expected {expected}")]
    Field {
        /// The file.
        name: String,
        /// The field.
        field: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is, shortened.
        found: String,
    },
}

impl Custom {
    /// What the list says of the file `name`.
    ///
    /// # Errors
    /// It says nothing, or something that is said of no release; or the file lies in the folder of
    /// another one.
    pub fn read(name: &str, target: &Target) -> Result<Self, CustomError> {
        let own = || anklume_layout::text::printable(name, 200);
        let value = target.custom.as_ref().and_then(|custom| custom.get(KEY));
        let value = value.ok_or_else(|| CustomError::Missing { name: own() })?;
        let form = Form::deserialize(value).map_err(|error| CustomError::Json {
            name: own(),
            reason: anklume_layout::text::printable(&error.to_string(), 200),
        })?;
        let field = |field, expected, found: &str| CustomError::Field {
            name: own(),
            field,
            expected,
            found: shown(found),
        };
        let published = Moment::parse(&form.published).ok_or_else(|| {
            field("published", "a time such as 2026-11-14T09:21:43Z", &form.published)
        })?;
        for (good, key, text) in [
            (is_channel(&form.channel), "channel", &form.channel),
            (is_label(&form.compatible), "compatible", &form.compatible),
            (is_version(&form.version), "version", &form.version),
            (is_label(&form.architecture), "architecture", &form.architecture),
        ] {
            if !good {
                return Err(field(key, "lower-case letters, digits and few signs", text));
            }
        }
        let folder = crate::names::folder(&form.compatible, &form.version);
        if crate::names::folder_of_release(name) != Some(&folder) {
            return Err(field("version", "that of its folder", &folder));
        }
        let Form { channel, compatible, version, architecture, published: _, rollout_hours } = form;
        Ok(Self { channel, compatible, version, architecture, published, rollout_hours })
    }

    /// As it stands in `custom`.
    #[must_use]
    pub fn value(&self) -> Value {
        json!({ KEY: {
            "channel": self.channel,
            "compatible": self.compatible,
            "version": self.version,
            "architecture": self.architecture,
            "published": self.published.to_string(),
            "rollout-hours": self.rollout_hours,
        } })
    }
}
