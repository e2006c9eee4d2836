//! What goes wrong below, as what a person is told.

use anklume_bus::{Failure, Kind};
use anklume_release::{Refusal, ReleaseError};

/// What to do about signed files that are no signed files at all.
const NOT_SIGNED: &str = "a broken copy, or something between here and the repository answers in its place: \
                          a login page, a proxy?";

pub(crate) fn of_source(error: &anklume_fetch::Error) -> Failure {
    let kind = match error {
        anklume_fetch::Error::Cancelled => Kind::Cancelled,
        anklume_fetch::Error::Location { .. } => Kind::Usage,
        _ => Kind::Source,
    };
    Failure::new(kind, error).hint(error.hint().unwrap_or_default())
}

pub(crate) fn of_trust(error: &anklume_trust::Error) -> Failure {
    use anklume_trust::Error as E;
    let kind = match error {
        E::Expired(_) => Kind::Expired,
        E::NoTarget { .. } => Kind::NotFound,
        _ => Kind::Untrusted,
    };
    Failure::new(kind, error).hint(error.hint().unwrap_or(NOT_SIGNED))
}

pub(crate) fn of_refusal(refusal: &Refusal) -> Failure {
    let kind = match refusal {
        Refusal::NoVersion { .. } | Refusal::NoRelease { .. } => Kind::NotFound,
        Refusal::NoSpace { .. } | Refusal::SlotTooSmall { .. } => Kind::NoSpace,
        Refusal::Mismatch { .. } => Kind::Untrusted,
        _ => Kind::Refused,
    };
    Failure::new(kind, refusal).hint(refusal.hint())
}

pub(crate) fn of_release(error: &ReleaseError) -> Failure {
    let kind = match error {
        ReleaseError::Version { .. } => Kind::Refused,
        _ => Kind::Untrusted,
    };
    Failure::new(kind, error).hint(error.hint())
}

pub(crate) fn of_medium(error: &anklume_medium::Error) -> Failure {
    use anklume_medium::Error as E;
    match error {
        E::Open { source, .. } | E::Lock { source, .. }
            if source.kind() == std::io::ErrorKind::PermissionDenied =>
        {
            Failure::new(Kind::Denied, "only root may change the boot medium").hint("run it as root")
        }
        E::NoDevice(_) | E::OtherDisk { .. } | E::Open { .. } => {
            Failure::new(Kind::Refused, format_args!("the boot medium: {error}"))
                .hint("plug the medium in that this machine started from; an update is written to it")
        }
        E::NoSlots(_) => Failure::new(Kind::Refused, format_args!("the boot medium: {error}"))
            .hint("only a medium with both slots can be updated: flash the image to a stick or a disk"),
        error => Failure::new(Kind::Failed, format_args!("the boot medium: {error}"))
            .hint("is the medium still plugged in, and sound? `anklume status` shows what is known"),
    }
}
