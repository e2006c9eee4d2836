//! Which bus, and errors of calls.

use zbus::{Connection, connection};

use crate::failure::{Failure, Kind};

/// A message bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bus {
    /// The machine's.
    System,
    /// The one that listens at this D-Bus address, such as `unix:path=/run/x`.
    At(String),
}

impl Bus {
    pub(crate) async fn connect(&self) -> Result<Connection, Failure> {
        let builder = match self {
            Self::System => connection::Builder::system(),
            Self::At(address) => connection::Builder::address(address.as_str()),
        };
        builder.build().await.map_err(|error| {
            Failure::new(Kind::NoService, format_args!("cannot reach the system bus: {error}"))
                .hint("is the D-Bus daemon running?")
        })
    }
}

/// What a failed call says: the error of who answered, or that nobody did.
pub(crate) fn call_failure(error: &zbus::Error) -> Failure {
    match error {
        zbus::Error::MethodError(name, text, _) => {
            Failure::from_text(name.as_str(), text.as_deref().unwrap_or_default())
        }
        zbus::Error::FDO(error) => {
            use zbus::DBusError;
            let text = error.description().unwrap_or_default();
            Failure::from_text(error.name().as_str(), text)
        }
        error => Failure::new(Kind::Failed, format_args!("the system bus: {error}")),
    }
}

/// Name of the error, if somebody sent one.
pub(crate) fn error_name(error: &zbus::Error) -> Option<String> {
    use zbus::DBusError;
    match error {
        zbus::Error::MethodError(name, ..) => Some(name.to_string()),
        zbus::Error::FDO(error) => Some(error.name().to_string()),
        _ => None,
    }
}
