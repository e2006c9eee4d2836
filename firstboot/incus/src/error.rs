//! What can go wrong, in terms of what a user can do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use anklume_language::Language;

use crate::names::NameFault;
use crate::plan::{Difference, Object};
use crate::wanted::WantedFault;

/// Why Incus did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no socket where Incus has it.
    #[error("no socket of Incus: {}", list(.tried))]
    NoSocket {
        /// Where it was looked for.
        tried: Vec<PathBuf>,
    },
    /// Nobody answers on the socket.
    #[error("{}: cannot connect: {fault}", .socket.display())]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// What the kernel said.
        fault: io::Error,
    },
    /// The connection broke off. What was asked for may have been done.
    #[error("{request}: the connection broke off: {fault}")]
    Broken {
        /// Method and path.
        request: String,
        /// What happened.
        fault: String,
    },
    /// No answer in time. What was asked for may be done later.
    #[error("{request}: not done after {} s", .after.as_secs())]
    Timeout {
        /// Method and path.
        request: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The answer is longer than any that is expected.
    #[error("{request}: the answer has more than {limit} bytes")]
    TooLong {
        /// Method and path.
        request: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The answer is none of Incus's.
    #[error("{request}: {fault}")]
    Answer {
        /// Method and path.
        request: String,
        /// What is wrong with it.
        fault: AnswerFault,
    },
    /// Incus does not want to do it, or could not.
    #[error("{request}: Incus says {code}: {text}")]
    Refused {
        /// Method and path.
        request: String,
        /// Its code, one of HTTP's.
        code: u16,
        /// Its words.
        text: String,
    },
    /// An operation was started and failed.
    #[error("{request}: Incus could not finish: {text}")]
    Failed {
        /// Method and path of what started it.
        request: String,
        /// Its words.
        text: String,
    },
    /// Incus does not know the operation any more: it ended while nobody asked, or Incus was started anew.
    #[error("{request}: Incus has forgotten operation {operation}, whose end is unknown")]
    Lost {
        /// Method and path of what started it.
        request: String,
        /// The operation.
        operation: String,
    },
    /// The program was asked to stop.
    #[error("{request}: interrupted")]
    Interrupted {
        /// Method and path.
        request: String,
    },
    /// What is wanted cannot be.
    #[error(transparent)]
    Wanted(#[from] WantedFault),
    /// Incus named something as nothing can be named.
    #[error(transparent)]
    Name(#[from] NameFault),
    /// Objects are there but different. Nothing was changed.
    #[error("{}", conflicts(.0))]
    Conflicts(Vec<(Object, Difference)>),
    /// All was done, and yet an object is not as it should be.
    #[error("{object}: was set up and is still not as wanted")]
    NotDone {
        /// The object.
        object: Object,
    },
    /// There is an instance of that name.
    #[error("instance {name} is there already")]
    Exists {
        /// Its name.
        name: String,
    },
    /// A file of an image cannot be read.
    #[error("{}: {fault}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        fault: io::Error,
    },
    /// Incus has another version than the ones whose private interface is known.
    #[error("Incus {found} may have another private interface for recovery than {expected}")]
    Version {
        /// Its version.
        found: String,
        /// The ones that are known.
        expected: String,
    },
}

/// What is wrong with an answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerFault {
    /// Not JSON, or not the object that it should be.
    #[error("the answer is not what Incus sends: {0}")]
    Shape(String),
    /// Neither `sync`, `async` nor `error`.
    #[error("the answer has type {0:?}, expected sync, async or error")]
    Type(String),
    /// A redirect or the like.
    #[error("the answer has HTTP status {0}")]
    Status(u16),
    /// It was to be done at once and goes on, or the other way.
    #[error("the answer is {found}, expected {expected}")]
    Kind {
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// Paths or operations that belong to something else.
    #[error("the answer leads to {0:?}, which does not belong to it")]
    Path(String),
}

fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    format!("{} not there", paths.join(", "))
}

fn conflicts(conflicts: &[(Object, Difference)]) -> String {
    let lines: Vec<_> =
        conflicts.iter().map(|(object, difference)| format!("{object}: {difference}")).collect();
    lines.join("; ")
}

/// ZFS and folders are not empty in one way, BTRFS in the other.
const NOT_EMPTY: (&str, &str) = (
    "Incus takes only an empty dataset or subvolume; what lies there is perhaps an older pool, which can \
     be opened instead",
    "Incus n'accepte qu'un jeu de données ou sous-volume vide ; il s'y trouve peut-être un ancien pool, \
     qui peut être ouvert à la place",
);

/// Texts of Incus, and what to do about them.
const HINTS: [(&str, (&str, &str)); 5] = [
    (
        "Storage pool directory",
        (
            "the folder is left from something else; move it away if nothing in it is needed",
            "ce dossier reste d'autre chose ; déplacez-le si rien de son contenu ne sert",
        ),
    ),
    ("isn't empty", NOT_EMPTY),
    ("is not empty", NOT_EMPTY),
    (
        "No space left",
        ("free some space on the pool, or add a disk", "libérez de l'espace, ou ajoutez un disque"),
    ),
    (
        "ETag doesn't match",
        (
            "someone else changed it meanwhile; run it again",
            "quelqu'un d'autre l'a modifié entre-temps ; relancez",
        ),
    ),
];

impl Error {
    /// What can be done about it, where that is known.
    #[must_use]
    pub fn hint(&self, language: Language) -> Option<&'static str> {
        let say = |english, french| Some(language.pick(english, french));
        match self {
            Self::NoSocket { .. } => say(
                "Incus does not run: see `systemctl status incus.socket incus.service`",
                "Incus ne fonctionne pas : voyez `systemctl status incus.socket incus.service`",
            ),
            Self::Unreachable { fault, .. } if fault.kind() == io::ErrorKind::PermissionDenied => {
                say(
                    "only root and members of the group incus-admin may do this",
                    "seuls root et les membres du groupe incus-admin y sont autorisés",
                )
            }
            Self::Unreachable { .. } | Self::Broken { .. } | Self::Lost { .. } => say(
                "see `journalctl -u incus`; running it again is safe",
                "voyez `journalctl -u incus` ; relancer est sans danger",
            ),
            Self::Refused { code: 401 | 403, .. } => say(
                "this user's access to Incus is restricted; run it as root",
                "l'accès de cet utilisateur à Incus est limité ; relancez en tant que root",
            ),
            Self::Refused { text, .. } | Self::Failed { text, .. } => {
                let known = HINTS.iter().find(|(part, _)| text.contains(part));
                known.and_then(|(_, (english, french))| say(english, french))
            }
            Self::Conflicts(_) => say(
                "change or remove it with `incus`, or choose other names",
                "modifiez-le ou supprimez-le avec `incus`, ou choisissez d'autres noms",
            ),
            _ => None,
        }
    }

    /// Incus says that there is no such thing.
    pub(crate) const fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { code: 404, .. })
    }
}
