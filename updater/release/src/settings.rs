//! `update.conf`: what a person decides about updates beforehand.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::Window;
use crate::names::is_channel;
use crate::text::shown;

/// The most bytes of the file.
pub const MAX_SETTINGS_BYTES: usize = 64 << 10;
/// The channel where nothing names another one.
const DEFAULT_CHANNEL: &str = "stable";

/// Settings, of the machine or of the image. What is absent is not decided there.
///
/// The file is TOML:
/// ```toml
/// source = "https://updates.example/"
/// channel = "stable"
/// automatic = true
/// window = "Mon..Fri 22:00-05:00"
/// limit-rate = "2M"
/// proxy = "http://proxy.example:3128"
/// no-proxy = "localhost,.example"
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Address or absolute path of the repository.
    pub source: Option<String>,
    /// The channel; see [`Settings::channel`].
    pub channel: Option<String>,
    /// Whether updates are made unasked.
    pub automatic: Option<bool>,
    /// When they are.
    pub window: Option<Window>,
    /// How much may be fetched at most in a second.
    pub limit_rate: Option<Rate>,
    /// Proxy for `http` and `https`, in place of those of the environment.
    pub proxy: Option<String>,
    /// Hosts that are asked directly all the same, with commas between them.
    pub no_proxy: Option<String>,
}

/// The file as TOML reads it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Form {
    source: Option<String>,
    channel: Option<String>,
    automatic: Option<bool>,
    window: Option<String>,
    limit_rate: Option<String>,
    proxy: Option<String>,
    no_proxy: Option<String>,
}

/// A rate in bytes per second; `512K`, `2M`, binary units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(pub u64);

/// What is wrong with the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// It is too long.
    #[error("{file}: {found} bytes, expected at most {limit}")]
    TooLong {
        /// The file.
        file: String,
        /// The most it may have.
        limit: usize,
        /// What it has.
        found: usize,
    },
    /// It is no TOML, or has a key that is unknown or of another kind.
    #[error("{file}: line {line}: {reason}")]
    Toml {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A key has a value that it cannot have.
    #[error("{file}: {key} is {found}, expected {expected}")]
    Value {
        /// The file.
        file: String,
        /// The key.
        key: &'static str,
        /// What it may be.
        expected: String,
        /// What it is.
        found: String,
    },
}

impl SettingsError {
    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        "known keys are source, channel, automatic, window, proxy, no-proxy and limit-rate, such as \
         limit-rate = \"2M\""
    }
}

impl Settings {
    /// Reads the file, which errors call `file`.
    ///
    /// # Errors
    /// All of [`SettingsError`].
    pub fn parse(text: &str, file: &str) -> Result<Self, SettingsError> {
        let own = || file.to_owned();
        if text.len() > MAX_SETTINGS_BYTES {
            let (limit, found) = (MAX_SETTINGS_BYTES, text.len());
            return Err(SettingsError::TooLong { file: own(), limit, found });
        }
        let form: Form = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(0, |before| before.matches('\n').count()).saturating_add(1);
            let reason = anklume_layout::text::printable(error.message(), 200);
            SettingsError::Toml { file: own(), line, reason }
        })?;
        let value = |key, expected: &str, found: &str| SettingsError::Value {
            file: own(),
            key,
            expected: expected.to_owned(),
            found: shown(found),
        };
        if let Some(source) = form.source.as_ref().filter(|source| !is_source(source)) {
            return Err(value(
                "source",
                "an address (http, https, file) or an absolute path",
                source,
            ));
        }
        if let Some(channel) = form.channel.as_ref().filter(|channel| !is_channel(channel)) {
            return Err(value("channel", "lower-case letters, digits and hyphens", channel));
        }
        for (key, text) in [("proxy", &form.proxy), ("no-proxy", &form.no_proxy)] {
            if let Some(text) = text.as_ref().filter(|text| !is_printed(text)) {
                return Err(value(key, "up to 2048 letters, digits and signs", text));
            }
        }
        let window = form.window.as_ref().map(|text| {
            text.parse::<Window>().map_err(|error| value("window", error.hint(), text))
        });
        let rate = form.limit_rate.as_ref().map(|text| {
            let expected = "bytes per second as a whole number with K, M or G, such as 2M";
            text.parse::<Rate>().map_err(|_| value("limit-rate", expected, text))
        });
        Ok(Self {
            window: window.transpose()?,
            limit_rate: rate.transpose()?,
            source: form.source,
            channel: form.channel,
            automatic: form.automatic,
            proxy: form.proxy,
            no_proxy: form.no_proxy,
        })
    }

    /// These, and those of `other` for what they do not decide.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            source: self.source.or(other.source),
            channel: self.channel.or(other.channel),
            automatic: self.automatic.or(other.automatic),
            window: self.window.or(other.window),
            limit_rate: self.limit_rate.or(other.limit_rate),
            proxy: self.proxy.or(other.proxy),
            no_proxy: self.no_proxy.or(other.no_proxy),
        }
    }

    /// The channel: `stable` unless it is decided.
    #[must_use]
    pub fn channel(&self) -> &str {
        self.channel.as_deref().unwrap_or(DEFAULT_CHANNEL)
    }

    /// Whether updates are made unasked: not unless it is decided.
    #[must_use]
    pub fn automatic(&self) -> bool {
        self.automatic.unwrap_or(false)
    }

    /// The file, with the keys that are decided. Reading it gives the same settings.
    #[must_use]
    pub fn encode(&self) -> String {
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let lines = [
            ("source", self.source.as_deref().map(quoted)),
            ("channel", self.channel.as_deref().map(quoted)),
            ("automatic", self.automatic.map(|automatic| automatic.to_string())),
            ("window", self.window.as_ref().map(|window| quoted(&window.to_string()))),
            ("limit-rate", self.limit_rate.map(|rate| quoted(&rate.to_string()))),
            ("proxy", self.proxy.as_deref().map(quoted)),
            ("no-proxy", self.no_proxy.as_deref().map(quoted)),
        ];
        let lines = lines.into_iter().filter_map(|(key, value)| Some((key, value?)));
        lines.map(|(key, value)| format!("{key} = {value}\n")).collect()
    }
}

/// Whether it can be seen, and all of it.
fn is_printed(text: &str) -> bool {
    text.len() <= 2048 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether it can be a source: an address with a host, `file:` with a path, or an absolute path.
pub(crate) fn is_source(source: &str) -> bool {
    let plain = source.len() <= 2048
        && !source.chars().any(|c| c.is_control() || c.is_whitespace())
        && !source.contains(['?', '#']);
    let host = |rest: &str| rest.split('/').next().is_some_and(|host| !host.is_empty());
    let address = match source.split_once("://") {
        Some(("http" | "https", rest)) => host(rest),
        Some(("file", rest)) => rest.starts_with('/'),
        Some(_) => false,
        None => source.starts_with('/'),
    };
    plain && address
}

impl FromStr for Rate {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (digits, shift) = match text.strip_suffix(['K', 'M', 'G']) {
            Some(digits) if text.ends_with('K') => (digits, 10_u32),
            Some(digits) if text.ends_with('M') => (digits, 20),
            Some(digits) => (digits, 30),
            None => (text, 0),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(());
        }
        let unit = 1_u64.checked_shl(shift).ok_or(())?;
        let bytes = digits.parse::<u64>().map_err(|_| ())?.checked_mul(unit);
        bytes.filter(|bytes| *bytes > 0).map(Self).ok_or(())
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(30, "G"), (20, "M"), (10, "K")];
        let whole = |(shift, _): &(u32, &str)| {
            1_u64.checked_shl(*shift).is_some_and(|unit| self.0.is_multiple_of(unit))
        };
        match units.into_iter().find(whole) {
            Some((shift, unit)) => write!(f, "{}{unit}", self.0.unbounded_shr(shift)),
            None => write!(f, "{}", self.0),
        }
    }
}
