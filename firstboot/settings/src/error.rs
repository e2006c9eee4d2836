//! What does not work when settings are applied.

use std::io;
use std::path::PathBuf;

use anklume_language::{Language, say};

use crate::fault::FieldError;

/// Why a setting was not applied.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.text(Language::English))]
#[non_exhaustive]
pub enum Error {
    /// The settings do not fit together.
    Field(FieldError),
    /// No message bus.
    NoBus {
        /// What was found instead.
        cause: String,
    },
    /// No such service, and it cannot be started.
    NoService {
        /// Name of the service on the bus.
        service: &'static str,
        /// What was wanted of it.
        what: String,
    },
    /// The service says no.
    Service {
        /// Name of the service on the bus.
        service: &'static str,
        /// Property or method.
        what: String,
        /// Name of the error on the bus.
        error: String,
        /// What the service says. Secrets are taken out.
        cause: String,
    },
    /// The service does not answer, or what was waited for does not come.
    Late {
        /// Name of the service on the bus.
        service: &'static str,
        /// What was waited for.
        what: String,
        /// For how long, in seconds.
        seconds: u64,
    },
    /// The service went away in the middle.
    Gone {
        /// Name of the service on the bus.
        service: &'static str,
        /// What was waited for.
        what: String,
    },
    /// The service answers something else than its interface says.
    Answer {
        /// Name of the service on the bus.
        service: &'static str,
        /// Property or method.
        what: String,
        /// What does not fit.
        cause: String,
    },
    /// A time zone that this system does not know.
    Timezone {
        /// Its name.
        name: String,
    },
    /// A network that does not come up.
    Network {
        /// Name of the connection.
        id: String,
        /// Why, as NetworkManager says.
        reason: Reason,
    },
    /// No network interface of this name.
    Interface {
        /// The name.
        name: String,
    },
    /// A file that cannot be read or written.
    File {
        /// Its path.
        path: PathBuf,
        /// What the operating system says.
        cause: io::Error,
    },
    /// A file of accounts that is none.
    Accounts {
        /// Its path.
        path: PathBuf,
        /// What does not fit.
        cause: String,
    },
    /// Another program changes accounts just now.
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// A password could not be hashed.
    Hash {
        /// What failed.
        cause: String,
    },
}

/// Why a network does not come up: `NMActiveConnectionStateReason`, as far as people can act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There is no device for it, or its cable is out (12, 13, 14).
    NoDevice,
    /// The passphrase is missing or wrong (9, 10).
    Passphrase,
    /// No addresses came (5).
    NoAddress,
    /// The network did not answer in time (6).
    Silent,
    /// Somebody ended it (2, 11).
    Ended,
    /// Another number.
    Other(u32),
}

impl Reason {
    pub(crate) fn of(number: u32) -> Self {
        match number {
            2 | 11 => Self::Ended,
            5 => Self::NoAddress,
            6 => Self::Silent,
            9 | 10 => Self::Passphrase,
            3 | 12..=14 => Self::NoDevice,
            other => Self::Other(other),
        }
    }

    /// What a person should read.
    #[must_use]
    pub fn text(self, language: Language) -> String {
        match self {
            Self::NoDevice => say!(
                language,
                "no device for it: is the cable in?",
                "aucun appareil pour elle : le câble est-il branché ?"
            ),
            Self::Passphrase => say!(
                language,
                "the passphrase is missing or wrong",
                "la phrase de passe manque ou est fausse"
            ),
            Self::NoAddress => {
                say!(
                    language,
                    "no address came from the network",
                    "le réseau n'a pas donné d'adresse"
                )
            }
            Self::Silent => {
                say!(language, "the network does not answer", "le réseau ne répond pas")
            }
            Self::Ended => {
                say!(language, "another program ended it", "un autre programme l'a arrêtée")
            }
            Self::Other(number) => {
                say!(
                    language,
                    "reason {number} of NetworkManager",
                    "raison {number} de NetworkManager"
                )
            }
        }
    }
}

impl Error {
    /// What a person should read.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        match self {
            Self::Field(error) => error.text(language),
            Self::NoBus { cause } => say!(
                language,
                "cannot reach the system bus: {cause}",
                "le bus système est injoignable : {cause}"
            ),
            Self::NoService { service, what } => say!(
                language,
                "{what}: there is no {service}",
                "{what} : il n'y a pas de {service}"
            ),
            Self::Service { service, what, cause, .. } => say!(
                language,
                "{what}: {service} says: {cause}",
                "{what} : {service} dit : {cause}"
            ),
            Self::Late { service, what, seconds } => say!(
                language,
                "{what}: {service} did not answer in {seconds} s",
                "{what} : {service} n'a pas répondu en {seconds} s"
            ),
            Self::Gone { service, what } => {
                say!(language, "{what}: {service} went away", "{what} : {service} a disparu")
            }
            Self::Answer { service, what, cause } => say!(
                language,
                "{what}: {service} answers what was not expected: {cause}",
                "{what} : {service} répond autre chose que prévu : {cause}"
            ),
            Self::Timezone { name } => say!(
                language,
                "time zone {name}: this system does not know it",
                "fuseau horaire {name} : ce système ne le connaît pas"
            ),
            Self::Network { id, reason } => {
                let reason = reason.text(language);
                say!(language, "network {id}: {reason}", "réseau {id} : {reason}")
            }
            Self::Interface { name } => say!(
                language,
                "there is no network interface {name}",
                "il n'y a pas d'interface réseau {name}"
            ),
            Self::File { path, cause } => {
                say!(language, "{}: {cause}", "{} : {cause}", path.display())
            }
            Self::Accounts { path, cause } => say!(
                language,
                "{}: no list of accounts: {cause}",
                "{} : pas une liste de comptes : {cause}",
                path.display()
            ),
            Self::Locked { path } => say!(
                language,
                "{}: another program changes accounts just now",
                "{} : un autre programme modifie les comptes",
                path.display()
            ),
            Self::Hash { cause } => say!(
                language,
                "the password cannot be hashed: {cause}",
                "le mot de passe ne peut pas être haché : {cause}"
            ),
        }
    }
}
