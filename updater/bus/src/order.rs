//! What is to be done, and with which options.

use std::collections::HashMap;

use zbus::Variant;

use crate::dict::Wire;
use crate::failure::{Failure, Kind};

/// Longest version or option value, in bytes.
const LONGEST: usize = 4096;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Fetch the newest metadata.
    Refresh,
    /// Say what an update would do. Writes no slot.
    Check,
    /// Write a version into the other slot.
    Prepare,
    /// Let the prepared version boot next.
    Activate,
    /// All of that.
    Update,
    /// Boot the other slot from now on.
    Rollback,
    /// Never install a version.
    Hold,
    /// Allow it again.
    Unhold,
}

/// Verb, its name as a job's type, its method, and the options that it takes.
type Row = (Verb, &'static str, &'static str, &'static [&'static str]);

const WHERE: [&str; 3] = ["source", "channel", "accept-stale"];
const TABLE: [Row; 8] = [
    (Verb::Refresh, "refresh", "Refresh", &WHERE),
    (Verb::Check, "check", "Check", &["source", "channel", "accept-stale", "version", "automatic"]),
    (
        Verb::Prepare,
        "prepare",
        "Prepare",
        &["source", "channel", "accept-stale", "limit-rate", "retry", "automatic", "follow"],
    ),
    (Verb::Activate, "activate", "Activate", &["reboot"]),
    (
        Verb::Update,
        "update",
        "Update",
        &[
            "source",
            "channel",
            "accept-stale",
            "limit-rate",
            "retry",
            "automatic",
            "follow",
            "reboot",
        ],
    ),
    (Verb::Rollback, "rollback", "Rollback", &["reboot"]),
    (Verb::Hold, "hold", "Hold", &[]),
    (Verb::Unhold, "unhold", "Unhold", &[]),
];

impl Verb {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Refresh,
        Self::Check,
        Self::Prepare,
        Self::Activate,
        Self::Update,
        Self::Rollback,
        Self::Hold,
        Self::Unhold,
    ];

    fn row(self) -> Row {
        // Every verb has a row: a test says so.
        TABLE.into_iter().find(|row| row.0 == self).unwrap_or(TABLE[0])
    }

    /// Its name, and the type of its jobs.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The method of the manager.
    #[must_use]
    pub fn method(self) -> &'static str {
        self.row().2
    }

    /// The options that it takes.
    #[must_use]
    pub fn options(self) -> &'static [&'static str] {
        self.row().3
    }

    /// The verb of a method.
    pub(crate) fn of_method(method: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.2 == method).map(|row| row.0)
    }

    /// Whether the method takes the version as an argument of its own.
    pub(crate) fn takes_version(self) -> bool {
        matches!(self, Self::Prepare | Self::Update | Self::Hold | Self::Unhold)
    }

    /// Whether the method answers with the job, not with what came of it.
    pub(crate) fn answers_with_job(self) -> bool {
        matches!(self, Self::Prepare | Self::Update)
    }

    /// Whether it only looks: it gives way to whatever changes something, and ends when nobody waits for
    /// the answer.
    pub(crate) fn looks(self) -> bool {
        matches!(self, Self::Check | Self::Refresh)
    }

    /// Whether a slot is written, for which the machine is kept awake.
    #[must_use]
    pub fn writes(self) -> bool {
        matches!(self, Self::Prepare | Self::Update)
    }
}

/// How it is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// `source` (s): from there, not from what is configured. An absolute path or an address.
    pub source: Option<String>,
    /// `channel` (s): of this channel, not of the one that is configured.
    pub channel: Option<String>,
    /// `accept-stale` (b): expired metadata of a local source will do.
    pub accept_stale: bool,
    /// `limit-rate` (t): at most so many bytes per second from the source.
    pub limit_rate: Option<u64>,
    /// `retry` (b): also a version that failed here before.
    pub retry: bool,
    /// `automatic` (b): nobody is there; the rules of the timer apply.
    pub automatic: bool,
    /// `reboot` (b): restart the machine when it is done.
    pub reboot: bool,
    /// `follow` (b): the job ends when its owner leaves the bus. Otherwise it goes on.
    pub follow: bool,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What.
    pub verb: Verb,
    /// Which version; `None` is the newest one that nothing forbids.
    pub version: Option<String>,
    /// How.
    pub options: Options,
}

impl Order {
    /// With no version and no options.
    #[must_use]
    pub fn new(verb: Verb) -> Self {
        Self { verb, version: None, options: Options::default() }
    }

    /// The order of a call.
    ///
    /// # Errors
    /// [`Kind::Usage`]: an unknown option, an option of the wrong type, a value that cannot be one.
    pub(crate) fn parse(verb: Verb, version: &str, options: &Wire) -> Result<Self, Failure> {
        let mut order = Self::new(verb);
        order.set_version(version)?;
        for (key, value) in options {
            order.set(key, value)?;
        }
        Ok(order)
    }

    fn set_version(&mut self, version: &str) -> Result<(), Failure> {
        checked("version", version)?;
        self.version = Some(version.to_owned()).filter(|version| !version.is_empty());
        Ok(())
    }

    fn set(&mut self, key: &str, value: &Variant<'_>) -> Result<(), Failure> {
        if !self.verb.options().contains(&key) {
            return Err(self.unknown(key));
        }
        let options = &mut self.options;
        match key {
            "source" => options.source = Some(source(&string(key, value)?)?),
            "channel" => options.channel = Some(string(key, value)?),
            "accept-stale" => options.accept_stale = boolean(key, value)?,
            "limit-rate" => options.limit_rate = Some(number(key, value)?),
            "retry" => options.retry = boolean(key, value)?,
            "automatic" => options.automatic = boolean(key, value)?,
            "reboot" => options.reboot = boolean(key, value)?,
            "follow" => options.follow = boolean(key, value)?,
            "version" => self.set_version(&string(key, value)?)?,
            _ => return Err(self.unknown(key)),
        }
        Ok(())
    }

    fn unknown(&self, key: &str) -> Failure {
        let verb = self.verb;
        let shown: String = key.chars().take(40).collect();
        let failure = usage(format_args!("{} has no option {shown:?}", verb.method()));
        match verb.options() {
            [] => failure,
            options => failure.hint(format_args!("its options are {}", options.join(", "))),
        }
    }

    /// The options as they go over the bus.
    pub(crate) fn wire(&self) -> HashMap<&'static str, Variant<'_>> {
        let Options { source, channel, limit_rate, .. } = &self.options;
        let mut wire = HashMap::new();
        if let Some(source) = source {
            wire.insert("source", Variant::from(source.as_str()));
        }
        if let Some(channel) = channel {
            wire.insert("channel", Variant::from(channel.as_str()));
        }
        if let Some(rate) = limit_rate {
            wire.insert("limit-rate", Variant::from(*rate));
        }
        if let Some(version) = self.version.as_deref().filter(|_| !self.verb.takes_version()) {
            wire.insert("version", Variant::from(version));
        }
        let flags = [
            ("accept-stale", self.options.accept_stale),
            ("retry", self.options.retry),
            ("automatic", self.options.automatic),
            ("reboot", self.options.reboot),
            ("follow", self.options.follow),
        ];
        let given = flags.into_iter().filter(|(_, given)| *given);
        wire.extend(given.map(|(key, given)| (key, Variant::from(given))));
        wire
    }

    /// Whether more is asked for than the newest version of what is configured.
    pub(crate) fn chooses(&self) -> bool {
        let Options { source, channel, accept_stale, retry, limit_rate, .. } = &self.options;
        let verb = matches!(self.verb, Verb::Refresh | Verb::Check | Verb::Prepare | Verb::Update);
        verb && (source.is_some()
            || channel.is_some()
            || *accept_stale
            || *retry
            // One byte per second would keep everybody else from updating.
            || limit_rate.is_some()
            || self.version.is_some())
    }
}

fn usage(message: impl std::fmt::Display) -> Failure {
    Failure::new(Kind::Usage, message)
}

fn checked(key: &str, text: &str) -> Result<(), Failure> {
    if text.len() > LONGEST {
        let found = text.len();
        return Err(usage(format_args!("{key} has {found} bytes, expected at most {LONGEST}")));
    }
    match text.chars().any(char::is_control) {
        true => Err(usage(format_args!("{key} holds a control character"))),
        false => Ok(()),
    }
}

fn mismatch(key: &str, expected: &str, value: &Variant<'_>) -> Failure {
    let found = value.value_signature();
    usage(format_args!("the option {key} has the type {found}, expected {expected}"))
}

fn string(key: &str, value: &Variant<'_>) -> Result<String, Failure> {
    let Variant::Str(text) = value else { return Err(mismatch(key, "s", value)) };
    checked(key, text.as_str())?;
    match text.as_str() {
        "" => Err(usage(format_args!("the option {key} is empty"))),
        text => Ok(text.to_owned()),
    }
}

fn boolean(key: &str, value: &Variant<'_>) -> Result<bool, Failure> {
    let Variant::Bool(value) = value else { return Err(mismatch(key, "b", value)) };
    Ok(*value)
}

fn number(key: &str, value: &Variant<'_>) -> Result<u64, Failure> {
    match value {
        Variant::U64(0) => Err(usage(format_args!("the option {key} is 0"))),
        Variant::U64(value) => Ok(*value),
        _ => Err(mismatch(key, "t", value)),
    }
}

/// A relative path would be one of the service's folder.
fn source(text: &str) -> Result<String, Failure> {
    match text.starts_with('/') || text.contains("://") || text.starts_with("file:") {
        true => Ok(text.to_owned()),
        false => Err(usage(format_args!(
            "the source {text:?} is neither an address nor an absolute path"
        ))
        .hint("give the whole path")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zbus::OwnedVariant;

    fn wire(options: HashMap<&'static str, Variant<'_>>) -> Wire {
        let owned = |value: Variant<'_>| OwnedVariant::try_from(value).unwrap();
        options.into_iter().map(|(key, value)| (key.to_owned(), owned(value))).collect()
    }

    fn everything() -> Options {
        Options {
            source: Some("/run/media/x/y.iso".into()),
            channel: Some("beta".into()),
            accept_stale: true,
            limit_rate: Some(1 << 40),
            retry: true,
            automatic: true,
            reboot: true,
            follow: true,
        }
    }

    #[test]
    fn every_verb_has_a_row_of_its_own() {
        for verb in Verb::ALL {
            assert_eq!(verb.row().0, verb);
            assert_eq!(Verb::of_method(verb.method()), Some(verb));
        }
        assert_eq!(Verb::of_method("Explode"), None);
    }

    #[test]
    fn an_order_crosses_the_bus_unchanged() {
        let whole =
            Order { verb: Verb::Update, version: Some("2026.3".into()), options: everything() };
        for order in [whole, Order::new(Verb::Update), Order::new(Verb::Check)] {
            let version = order.version.clone().unwrap_or_default();
            let back = Order::parse(order.verb, &version, &wire(order.wire())).unwrap();
            assert_eq!(back, order);
        }
        let check = Order { version: Some("7".into()), ..Order::new(Verb::Check) };
        assert_eq!(Order::parse(Verb::Check, "", &wire(check.wire())).unwrap(), check);
    }

    #[test]
    fn what_a_verb_does_not_take_is_refused_by_name() {
        let all = wire(Order { options: everything(), ..Order::new(Verb::Update) }.wire());
        let known: Vec<&str> = Verb::Update.options().to_vec();
        assert_eq!(all.len(), known.len(), "an option is missing here");
        for verb in Verb::ALL {
            for (key, value) in &all {
                let mut order = Order::new(verb);
                let set = order.set(key, value);
                match verb.options().contains(&key.as_str()) {
                    true => set.unwrap(),
                    false => {
                        let failure = set.unwrap_err();
                        assert_eq!(failure.kind(), Kind::Usage);
                        assert!(failure.message().contains(key.as_str()), "{failure}");
                    }
                }
            }
        }
    }

    fn refusal(key: &'static str, value: Variant<'_>) -> String {
        let failure = Order::parse(Verb::Update, "", &wire([(key, value)].into())).unwrap_err();
        assert_eq!(failure.kind(), Kind::Usage);
        failure.to_text()
    }

    #[test]
    fn malformed_options_are_named() {
        assert_eq!(
            refusal("sauce", Variant::from("x")),
            "Update has no option \"sauce\"\nhint: its options are source, channel, accept-stale, \
             limit-rate, retry, automatic, follow, reboot"
        );
        assert_eq!(
            refusal("limit-rate", Variant::from(7i32)),
            "the option limit-rate has the type i, expected t"
        );
        assert_eq!(
            refusal("retry", Variant::from("yes")),
            "the option retry has the type s, expected b"
        );
        assert_eq!(
            refusal("source", Variant::from(vec![1u8])),
            "the option source has the type ay, expected s"
        );
        assert_eq!(refusal("limit-rate", Variant::from(0u64)), "the option limit-rate is 0");
        assert_eq!(refusal("channel", Variant::from("")), "the option channel is empty");
        assert!(refusal("channel", Variant::from("a\nb")).contains("control character"));
        assert!(refusal("channel", Variant::from("x".repeat(5000))).contains("5000 bytes"));
        assert!(refusal("source", Variant::from("my.iso")).contains("absolute path"));
    }

    #[test]
    fn choosing_more_than_the_newest_is_noticed() {
        let plain = Options { reboot: true, follow: true, automatic: true, ..Options::default() };
        let order = Order { options: plain.clone(), ..Order::new(Verb::Update) };
        assert!(!order.chooses());
        let choices = [
            Order { version: Some("1".into()), ..order.clone() },
            Order {
                options: Options { source: Some("/x".into()), ..plain.clone() },
                ..order.clone()
            },
            Order {
                options: Options { channel: Some("x".into()), ..plain.clone() },
                ..order.clone()
            },
            Order { options: Options { limit_rate: Some(1), ..plain.clone() }, ..order.clone() },
            Order { options: Options { accept_stale: true, ..plain.clone() }, ..order.clone() },
            Order { options: Options { retry: true, ..plain }, ..order },
        ];
        for order in choices {
            assert!(order.chooses(), "{order:?}");
        }
    }
}
