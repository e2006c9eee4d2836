//! Lets the slot boot.

use anklume_bytes::ReadAt;
use anklume_slots::Record;

use crate::progress::{Meter, Report};
use crate::read_back::read_back;
use crate::{BootRecord, Error, Fault, Prepared, Refused, Request, Summary, record};

/// Reads a slot, and looks whether it holds the version of `request`: what an earlier
/// [`prepare`](crate::prepare) of another process left.
///
/// # Errors
/// The fault, if it does not, or the refusal.
pub fn verify<R: ReadAt + Sync + ?Sized>(
    request: &Request<'_>,
    boot: &R,
    os: &R,
    report: &mut Report<'_>,
) -> Result<Result<Prepared, Fault>, Refused> {
    let checked = request.check_readers(boot, os)?;
    let mut report = |progress| report(progress);
    let read = read_back(&checked, boot, os, None, &mut Meter::new(&mut report));
    let summary = Summary { total_bytes: checked.total_bytes(), ..Summary::default() };
    let (slot, root_hash) = (request.slot, request.root_hash);
    Ok(read.map(|()| Prepared { slot, root_hash, summary }))
}

/// Lets the slot boot, on trial. Returns the record that counts now.
///
/// # Errors
/// [`Error::Record`], after which the slot boots or does not, and [`Fault::Record`].
pub fn activate<B: BootRecord>(
    prepared: &Prepared,
    record: &mut B,
) -> Result<Record, Error<std::convert::Infallible, B::Error>> {
    record::activate(record, prepared.slot)
}
