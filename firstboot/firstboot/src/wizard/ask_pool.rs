//! What keeps the data, and how it is spread.

use anklume_dialog::{Choice, Ended, Face, Item, Question, Reply};
use anklume_language::{Language, say, size};
use anklume_setup::{Backend, Redundancy, Rest};

use crate::wizard::draft::Draft;

pub(crate) fn backend(face: &mut dyn Face, draft: &mut Draft) -> Result<Reply<()>, Ended> {
    let language = face.language();
    let title = language.pick("What keeps the data?", "Qu'est-ce qui garde les données ?");
    face.heading(title, Some(draft.step))?;
    let zfs = Item::new(language.pick("ZFS (recommended)", "ZFS (recommandé)")).explained(language.pick(
        "Finds and repairs damage by itself where there is a spare, and has been trusted with servers for long.",
        "Trouve et répare les dégâts tout seul s'il y a une réserve, et a fait ses preuves sur les serveurs.",
    ));
    let zfs = match Backend::Zfs.check(draft.zfs()) {
        Ok(()) => zfs,
        Err(why) => zfs.refused(why.words(language)),
    };
    let btrfs = Item::new("BTRFS").explained(language.pick(
        "Part of Linux itself; takes less memory, and is good for one disk or a mirror.",
        "Fait partie de Linux ; prend moins de mémoire, bien pour un disque ou un miroir.",
    ));
    let options = [zfs, btrfs];
    let default = usize::from(options.first().is_some_and(|zfs| zfs.refused.is_some()));
    let question = Question::new("backend", title).back().leave();
    let reply = face.choose(&Choice::new(question, &options).default(default))?;
    Ok(reply.map(|index| {
        draft.backend = if index == 0 { Backend::Zfs } else { Backend::Btrfs };
        draft.redundancy = spreads(draft).first().copied().unwrap_or_default();
    }))
}

/// What several disks can be; the first one is the default.
fn spreads(draft: &Draft) -> Vec<Redundancy> {
    let (backend, disks) = (draft.backend, draft.disks.len());
    let fits = |one: &Redundancy| one.fits(disks) && (backend == Backend::Zfs || !one.only_zfs());
    Redundancy::ALL.into_iter().filter(fits).collect()
}

pub(crate) fn redundancy(face: &mut dyn Face, draft: &mut Draft) -> Result<Reply<()>, Ended> {
    let language = face.language();
    let title = language.pick("Several disks", "Plusieurs disques");
    face.heading(title, Some(draft.step))?;
    if let Some(warning) = uneven(draft, language) {
        face.warn(&warning);
    }
    let spreads = spreads(draft);
    let options: Vec<Item> = spreads.iter().map(|one| item(draft, *one, language)).collect();
    let question = Question::new("redundancy", title).back().leave();
    let reply = face.choose(&Choice::new(question, &options).default(0))?;
    Ok(reply.map(|index| draft.redundancy = spreads.get(index).copied().unwrap_or_default()))
}

/// A way to spread the data, with how much room there is and how many disks may fail.
fn item(draft: &Draft, redundancy: Redundancy, language: Language) -> Item {
    let disks = draft.disks.len();
    let spare = redundancy.spare(draft.backend, disks);
    let room = size(language, room(&sizes(draft), redundancy, draft.backend));
    let name = match redundancy {
        Redundancy::Single => language.pick("One disk", "Un disque"),
        Redundancy::Mirror => language.pick("Mirror", "Miroir"),
        Redundancy::Raidz1 => "raidz1",
        Redundancy::Raidz2 => "raidz2",
    };
    Item::new(name).explained(say!(
        language,
        "About {room} of room; {spare} of the {disks} disks may fail.",
        "Environ {room} de place ; {spare} des {disks} disques peuvent tomber en panne."
    ))
}

/// Sizes of the chosen disks in bytes.
fn sizes(draft: &Draft) -> Vec<u64> {
    let disks = draft.disks.iter().filter_map(|index| draft.inventory.disks.get(*index));
    disks.map(|disk| disk.size).collect()
}

/// Bytes that there is room for, about.
fn room(sizes: &[u64], redundancy: Redundancy, backend: Backend) -> u64 {
    let count = u64::try_from(sizes.len()).unwrap_or(u64::MAX);
    let smallest = sizes.iter().copied().min().unwrap_or_default();
    let largest = sizes.iter().copied().max().unwrap_or_default();
    let total = sizes.iter().fold(0_u64, |sum, bytes| sum.saturating_add(*bytes));
    match (redundancy, backend) {
        (Redundancy::Single, _) => total,
        (Redundancy::Mirror, Backend::Zfs) => smallest,
        // Each piece on two different disks.
        (Redundancy::Mirror, Backend::Btrfs) => (total / 2).min(total.saturating_sub(largest)),
        (Redundancy::Raidz1, _) => smallest.saturating_mul(count.saturating_sub(1)),
        (Redundancy::Raidz2, _) => smallest.saturating_mul(count.saturating_sub(2)),
    }
}

/// Disks of different sizes, by more than a twentieth.
fn uneven(draft: &Draft, language: Language) -> Option<String> {
    let sizes = sizes(draft);
    let (smallest, largest) = (sizes.iter().min()?, sizes.iter().max()?);
    (largest - smallest > largest / 20).then(|| {
        let (smallest, largest) = (size(language, *smallest), size(language, *largest));
        say!(
            language,
            "The disks have different sizes ({smallest} to {largest}): the larger ones are not used whole.",
            "Les disques ont des tailles différentes ({smallest} à {largest}) : les plus grands ne servent pas en entier."
        )
    })
}

/// Whether there is something to be told: each disk has no moving parts, and can be told.
pub(crate) fn can_discard(draft: &Draft) -> bool {
    let disks = draft.disks.iter().filter_map(|index| draft.inventory.disks.get(*index));
    let rest = draft.rest.iter().filter(|_| draft.takes_rest).map(Rest::disk);
    let mut all = disks.chain(rest).peekable();
    all.peek().is_some() && all.all(|disk| disk.discard && !disk.rotational)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_what_is_left_beside_the_spare() {
        let sizes = [1000, 1000, 2000];
        for (redundancy, backend, expected) in [
            (Redundancy::Mirror, Backend::Zfs, 1000),
            (Redundancy::Mirror, Backend::Btrfs, 2000),
            (Redundancy::Raidz1, Backend::Zfs, 2000),
        ] {
            assert_eq!(room(&sizes, redundancy, backend), expected, "{redundancy:?} {backend:?}");
        }
        assert_eq!(room(&[1000, 5000], Redundancy::Mirror, Backend::Btrfs), 1000);
        assert_eq!(room(&[1000; 4], Redundancy::Raidz2, Backend::Zfs), 2000);
    }
}
