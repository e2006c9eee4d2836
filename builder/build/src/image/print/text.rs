//! The facts as text, in 80 columns where the image's own names allow it.

use anklume_layout::manifest::Manifest;

use super::table::{Align, lines};
use crate::events::human_bytes;
use crate::image::facts::{
    Content, Facts, FirmwareFacts, FolderFacts, IsoFacts, SlotFacts, TableFacts,
};
use crate::image::fault::shown;

/// What is in the image `name`.
pub(crate) fn text(name: &str, facts: &Facts, packages: bool) -> String {
    let mut text = format!("{name}\n  {} ({} bytes)\n", human_bytes(facts.bytes), facts.bytes);
    if let Some(table) = &facts.table {
        text += &table_text(table);
    }
    text += &firmware_text(&facts.firmware);
    if let Some(iso) = &facts.iso {
        text += &iso_text(iso);
    }
    if let Some(esp) = &facts.esp {
        text += &format!("\nEFI system partition: {}\n{}", folder_line(esp), folder_text(esp));
    }
    for slot in &facts.slots {
        text += &slot_text(slot, packages);
    }
    if let Some(persist) = facts.persist {
        text += &format!("\nPersistent partition: {persist}\n");
    }
    if !facts.faults.is_empty() {
        text += "\nNot readable\n";
    }
    for fault in &facts.faults {
        text += &format!("  {fault}\n");
    }
    text
}

fn cells<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(shown).to_vec()
}

fn pairs(rows: &[(&str, String)]) -> String {
    let rows: Vec<_> = rows.iter().map(|(name, value)| cells([name, value])).collect();
    lines(&[Align::Left, Align::Left], &rows)
}

fn table_text(table: &TableFacts) -> String {
    let copies = match table.copies_equal {
        true => "both copies agree",
        false => "ITS COPIES DIFFER",
    };
    let mut rows = vec![cells(["#", "label", "type", "first byte", "size"])];
    let mut guids = Vec::new();
    for partition in &table.partitions {
        let (number, offset) = (partition.number.to_string(), partition.offset.to_string());
        let size = human_bytes(partition.bytes);
        rows.push(cells([&number, &partition.label, &partition.type_name, &offset, &size]));
        guids.push(cells([&number, &partition.guid]));
    }
    let aligns = [Align::Right, Align::Left, Align::Left, Align::Right, Align::Right];
    format!(
        "\nPartition table: GPT, {copies}\n  disk {}\n{}\n{}",
        table.disk_guid,
        lines(&aligns, &rows),
        lines(&[Align::Right, Align::Left], &guids)
    )
}

fn firmware_text(firmware: &FirmwareFacts) -> String {
    let mut rows = Vec::new();
    if let Some(mbr) = &firmware.mbr {
        let code = match (mbr.boot_code, mbr.core_bytes) {
            (false, _) => "no boot code".to_owned(),
            (true, None) => format!("boot code, loads sector {}", mbr.core_sector),
            (true, Some(bytes)) => {
                format!(
                    "boot code, loads GRUB ({}) from sector {}",
                    human_bytes(bytes),
                    mbr.core_sector
                )
            }
        };
        rows.push(("BIOS, disk", code));
        let protective = if mbr.protective { "protective" } else { "NOT PROTECTIVE" };
        let active = if mbr.dummy_active { "with" } else { "WITHOUT" };
        rows.push(("MBR", format!("{protective}, {active} the active dummy record")));
    }
    for entry in &firmware.el_torito {
        let name = if entry.platform == "BIOS" { "BIOS, CD" } else { "UEFI, CD" };
        let place = entry.partition.map_or(String::new(), |n| format!(", partition {n}"));
        let bootable = if entry.bootable { "" } else { ", NOT BOOTABLE" };
        let (bytes, at) = (human_bytes(entry.bytes), entry.offset);
        rows.push((
            name,
            format!("El Torito for {}: {bytes} at byte {at}{place}{bootable}", entry.platform),
        ));
    }
    format!("\nFirmware\n{}", pairs(&rows))
}

fn iso_text(iso: &IsoFacts) -> String {
    let mut rows = Vec::new();
    for file in &iso.files {
        let place = file.partition.map_or("-".to_owned(), |n| format!("partition {n}"));
        rows.push(cells([&file.path, &human_bytes(file.bytes), &file.offset.to_string(), &place]));
    }
    let aligns = [Align::Left, Align::Right, Align::Right, Align::Left];
    let (id, publisher) = (shown(&iso.volume_id), shown(&iso.publisher));
    format!(
        "\nISO 9660 volume {id} ({publisher}), {}\n{}",
        human_bytes(iso.bytes),
        lines(&aligns, &rows)
    )
}

fn folder_line(folder: &FolderFacts) -> String {
    let label = folder.label.as_deref().map(shown).unwrap_or_default();
    let serial = folder.serial.clone().unwrap_or_default();
    format!("{} {label} {serial}", folder.file_system)
}

fn folder_text(folder: &FolderFacts) -> String {
    let row = |path: &str, bytes: u64| cells([path, &human_bytes(bytes), &bytes.to_string()]);
    let rows: Vec<_> = folder.files.iter().map(|file| row(&file.path, file.bytes)).collect();
    lines(&[Align::Left, Align::Right, Align::Right], &rows)
}

fn slot_text(slot: &SlotFacts, packages: bool) -> String {
    if slot.empty {
        return format!("\nSlot {}: empty\n", slot.slot);
    }
    let mut text = format!("\nSlot {}\n", slot.slot);
    if let Some(manifest) = &slot.manifest {
        text += &manifest_text(manifest);
    }
    text += &os_text(slot);
    if let Some(boot) = &slot.boot {
        text += &format!(
            "\nSlot {}, boot files: {}\n{}",
            slot.slot,
            folder_line(boot),
            folder_text(boot)
        );
    }
    if !slot.uki.is_empty() {
        let mut rows = vec![cells(["section", "profile", "size", "first byte"])];
        for section in &slot.uki {
            let (profile, at) = (section.profile.to_string(), section.offset.to_string());
            rows.push(cells([&section.name, &profile, &human_bytes(section.bytes), &at]));
        }
        let aligns = [Align::Left, Align::Right, Align::Right, Align::Right];
        text += &format!("\nSlot {}, unified kernel image\n{}", slot.slot, lines(&aligns, &rows));
    }
    if let Some(space) = &slot.space {
        let short = anklume_report::short(space);
        let lines = short.lines().map(|line| format!("  {line}").trim_end().to_owned() + "\n");
        text +=
            &format!("\nSlot {}, where the space went\n{}", slot.slot, lines.collect::<String>());
    }
    if let Some(manifest) = slot.manifest.as_ref().filter(|_| packages) {
        text += &format!("\nSlot {}, packages\n{}", slot.slot, packages_text(manifest));
    }
    text
}

fn manifest_text(manifest: &Manifest) -> String {
    let mut text = pairs(&[
        ("image", format!("{} {}", manifest.compatible, manifest.image_version)),
        ("architecture", manifest.architecture.clone()),
        ("kernel", manifest.kernel.clone()),
        ("packages", manifest.packages.len().to_string()),
        ("time stamp", manifest.source_date_epoch.to_string()),
        ("root hash", String::new()),
    ]);
    text += &format!("    {}\n  command line\n", shown(&manifest.root_hash));
    for word in manifest.command_line.split_whitespace() {
        // Its 64 digits are those of the line above, and would make this one too long.
        let word = word.replace(&manifest.root_hash, "<root hash>");
        text += &format!("    {}\n", shown(&word));
    }
    text
}

fn os_text(slot: &SlotFacts) -> String {
    let mut rows = Vec::new();
    if let Some(squashfs) = &slot.squashfs {
        let block = human_bytes(squashfs.block_bytes.into());
        rows.push(("squashfs", format!("{}, {} blocks", squashfs.compression, block)));
        rows.push(("", format!("{} inodes, {}", squashfs.inodes, human_bytes(squashfs.bytes))));
    }
    if let Some(verity) = &slot.verity {
        let (bytes, covered) = (human_bytes(verity.hash_bytes), human_bytes(verity.data_bytes));
        rows.push(("hash tree", format!("{bytes} for {covered}")));
        rows.push(("uuid", verity.uuid.clone()));
        let (first, rest) = verity.salt.split_at_checked(32).unwrap_or((&verity.salt, ""));
        rows.push(("salt", first.to_owned()));
        rows.push(("", rest.to_owned()));
    }
    if let Some(content) = &slot.content {
        rows.extend(content_rows(content));
    }
    pairs(&rows)
}

fn content_rows(content: &Content) -> Vec<(&'static str, String)> {
    let Content { files, directories, links, special, file_bytes, .. } = content;
    let mut rows = vec![
        ("files", format!("{files}, {} decompressed", human_bytes(*file_bytes))),
        ("", format!("{directories} directories, {links} links, {special} special files")),
    ];
    for (name, key) in
        [("os", "PRETTY_NAME"), ("image id", "IMAGE_ID"), ("image version", "IMAGE_VERSION")]
    {
        rows.extend(content.release(key).map(|value| (name, value.to_owned())));
    }
    if content.test_image {
        rows.push(("variant", "TEST IMAGE, not for use".to_owned()));
    }
    rows
}

fn packages_text(manifest: &Manifest) -> String {
    let row = |package: &anklume_layout::manifest::Package| {
        cells([&package.name, &package.version, &package.architecture])
    };
    let rows: Vec<_> = manifest.packages.iter().map(row).collect();
    lines(&[Align::Left, Align::Left, Align::Left], &rows)
}
