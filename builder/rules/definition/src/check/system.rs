//! Everything but the packages.

use std::collections::BTreeMap;

use super::{Fault, names, require, unique};
use crate::locate::Place;
use crate::{Definition, Initramfs, Os, Paths, Problem, Units, Update};

/// Components of the Debian archive (Debian policy 2.2).
const COMPONENTS: [&str; 4] = ["contrib", "main", "non-free", "non-free-firmware"];

/// The overlay that opens root shells on consoles.
const TEST_OVERLAY: &str = "test";

/// How the command-line words begin that the builder, the boot menu, the boot loader and the
/// firmware's stub write; `anklume-layout` spells them. The last one would win over theirs.
const OWN_WORDS: [&str; 4] = ["anklume.", "iso-scan/filename=", "initrd=", "BOOT_IMAGE="];

/// Largest slot: a typing error above this would fill any disk.
const MAX_SLOT_BYTES: u64 = 1 << 40;

/// Directories at the top that must not become links: the initramfs mounts on them, or programs
/// start from them before anything could make the link's target.
const REAL_DIRECTORIES: [&str; 8] =
    ["/dev", "/etc", "/proc", "/run", "/sys", "/tmp", "/usr", "/var"];

/// Longest command line in bytes. x86 takes 2048 with the final zero (`COMMAND_LINE_SIZE`); the
/// rest is for the root hash and for what a boot menu or a test adds.
const MAX_COMMAND_LINE: usize = 1024;

/// Suite and components.
pub(super) fn os(os: &Os) -> Result<(), Fault> {
    let table = Place::top("os");
    let place = table.clone().key("suite");
    require(names::is_suite(&os.suite), place, "suite", &os.suite, names::SUITE)?;
    let place = table.key("components");
    components(&os.components, &place)?;
    let main = os.components.iter().any(|component| component == "main");
    require(main, place, "list of components", &os.components.join(" "), "one with main")
}

/// Components of the archive, each once, in the list at `place`.
pub(super) fn components(components: &[String], place: &Place) -> Result<(), Fault> {
    for (index, component) in components.iter().enumerate() {
        let known = COMPONENTS.contains(&component.as_str());
        let expected = "main, contrib, non-free or non-free-firmware";
        require(known, place.clone().index(index), "component", component, expected)?;
    }
    unique("component", place, components.iter().map(String::as_str))
}

/// Kernel package, command line and initramfs.
pub(super) fn kernel(definition: &Definition) -> Result<(), Fault> {
    let kernel = &definition.kernel;
    let table = Place::top("kernel");
    let package = &kernel.package;
    let place = table.clone().key("package");
    require(names::is_package(package), place, "package", package, names::PACKAGE)?;
    let place = table.clone().key("command-line");
    for (index, word) in kernel.command_line.iter().enumerate() {
        let place = place.clone().index(index);
        require(names::is_word(word), place.clone(), "word", word, names::WORD)?;
        let own = OWN_WORDS.iter().any(|own| word.starts_with(own));
        let expected = "none that begins with `anklume.`, `iso-scan/filename=`, `initrd=` or \
            `BOOT_IMAGE=`: the builder and the boot loader write those";
        require(!own, place, "word", word, expected)?;
    }
    unique("word", &place, kernel.command_line.iter().map(String::as_str))?;
    let line = kernel.command_line.join(" ");
    require(line.len() <= MAX_COMMAND_LINE, place, "command line", &line, "at most 1024 bytes")?;
    if kernel.initramfs == Initramfs::Test && !definition.test {
        let rule = "the test initramfs needs `test = true`: it lacks the drivers of real machines";
        return Err((table.key("initramfs"), Problem::Contradiction { rule }));
    }
    Ok(())
}

/// Names of overlays.
pub(super) fn overlays(definition: &Definition) -> Result<(), Fault> {
    let place = Place::top("overlays").key("use");
    let folders = &definition.overlays.folders;
    for (index, folder) in folders.iter().enumerate() {
        let place = place.clone().index(index);
        require(names::is_label(folder), place.clone(), "overlay", folder, names::LABEL)?;
        if folder == TEST_OVERLAY && !definition.test {
            let rule = "the overlay `test` needs `test = true`: it opens root shells on consoles";
            return Err((place, Problem::Contradiction { rule }));
        }
    }
    unique("overlay", &place, folders.iter().map(String::as_str))
}

/// Names of units in the table at `table`; each is in one list at most.
pub(super) fn units(units: &Units, table: &Place) -> Result<(), Fault> {
    units_among(units, table, &mut BTreeMap::new())
}

/// As [`units`], with those of other tables that were `seen` before.
pub(super) fn units_among<'a>(
    units: &'a Units,
    table: &Place,
    seen: &mut BTreeMap<&'a str, String>,
) -> Result<(), Fault> {
    let lists = [("enable", &units.enable), ("disable", &units.disable), ("mask", &units.mask)];
    for (key, list) in lists {
        for (index, unit) in list.iter().enumerate() {
            let place = table.clone().key(key).index(index);
            require(names::is_unit(unit), place.clone(), "unit", unit, names::UNIT)?;
            let runs = key != "enable" || !names::is_template(unit);
            require(runs, place.clone(), "unit", unit, "an instance between `@` and the suffix")?;
            let second = place.to_string();
            if let Some(first) = seen.insert(unit, second.clone()) {
                let name = unit.clone();
                return Err((place, Problem::Duplicate { what: "unit", name, first, second }));
            }
        }
    }
    let Some(target) = &units.default_target else { return Ok(()) };
    let good = names::is_unit(target) && target.ends_with(".target");
    require(good, table.clone().key("default-target"), "unit", target, "a target")
}

/// No pattern is twice in the table at `table`, in whichever list.
pub(super) fn paths(paths: &Paths, table: &Place) -> Result<(), Fault> {
    let mut seen = BTreeMap::new();
    for (key, list) in [("leave-out", &paths.leave_out), ("keep", &paths.keep)] {
        for (index, pattern) in list.iter().enumerate() {
            let place = table.clone().key(key).index(index);
            let second = place.to_string();
            if let Some(first) = seen.insert(pattern, second.clone()) {
                let name = pattern.to_string();
                return Err((place, Problem::Duplicate { what: "pattern", name, first, second }));
            }
        }
    }
    Ok(())
}

/// Links from absolute paths to relative targets, none inside another.
pub(super) fn links(definition: &Definition) -> Result<(), Fault> {
    let expected = "an absolute path without empty components, `.`, `..` and a final slash";
    for (link, target) in &definition.links {
        let place = Place::top("links").key(link);
        let inner = link.strip_prefix('/');
        require(inner.is_some_and(is_relative), place.clone(), "link", link, expected)?;
        let rule = "a path from the root directory, without its first slash, `.` and `..`";
        require(is_relative(target), place.clone(), "target", target, rule)?;
        // The target is relative to the link's own directory: only at the top are the two the same.
        let top = inner.is_some_and(|inner| !inner.contains('/'));
        require(top, place.clone(), "link", link, "a path directly below the root directory")?;
        let expected = "none of /dev, /etc, /proc, /run, /sys, /tmp, /usr and /var, which must be \
            directories for the image to boot";
        let real = REAL_DIRECTORIES.contains(&link.as_str());
        require(!real, place.clone(), "link", link, expected)?;
        let first = target.split('/').next().unwrap_or_default();
        let loops = definition.links.contains_key(&format!("/{first}"));
        require(!loops, place, "target", target, "one that is not itself below a link")?;
    }
    Ok(())
}

/// Whether every component of the path is a name.
fn is_relative(path: &str) -> bool {
    path.split('/').all(|component| !matches!(component, "" | "." | ".."))
        && !path.chars().any(char::is_control)
}

/// Compression and partition sizes.
pub(super) fn sizes(definition: &Definition) -> Result<(), Fault> {
    let compression = &definition.compression;
    let table = Place::top("compression");
    for (key, level) in [("dev", compression.dev), ("release", compression.release)] {
        let place = table.clone().key(key);
        require((1..=22).contains(&level), place, "zstd level", &level.to_string(), "1 to 22")?;
    }
    let block = compression.block;
    let good = block.bytes().is_power_of_two() && (4 << 10..=1 << 20).contains(&block.bytes());
    let place = table.key("block");
    require(good, place, "block", &block.to_string(), "a power of two from 4KiB to 1MiB")?;
    let Some(slot) = definition.sizes.slot else { return Ok(()) };
    let good = slot.bytes().is_multiple_of(1 << 20);
    let good = good && slot.bytes() <= MAX_SLOT_BYTES;
    let expected = "whole MiB, at most 1TiB";
    require(good, Place::top("sizes").key("slot"), "slot", &slot.to_string(), expected)
}

/// Root file, source and channel of updates. Whether the file is a root file is seen when it is read,
/// and whether the source is one when settings are made of it.
pub(super) fn update(update: &Update) -> Result<(), Fault> {
    let table = Place::top("update");
    if let Some(root) = &update.root {
        let good = !root.is_empty() && root.len() <= 4096 && !root.chars().any(char::is_control);
        require(good, table.clone().key("root"), "path", root, "the path of a root file")?;
    }
    if let Some(source) = &update.source {
        let place = table.clone().key("source");
        require(names::is_line(source), place, "source", source, names::LINE)?;
    }
    let Some(channel) = &update.channel else { return Ok(()) };
    let place = table.key("channel");
    require(names::is_label(channel), place, "channel", channel, names::LABEL)
}
