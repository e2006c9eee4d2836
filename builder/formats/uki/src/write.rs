//! Adding sections to a stub.

use anklume_bytes::{align_up, put, put_le_u16, put_le_u32};

use crate::checksum::checksum_offset;
use crate::layout as at;
use crate::{Error, Image, NameProblem, checksum};

/// Name of the section that begins a profile (UAPI.5, "UKI Profiles"): up to the next one, the
/// sections behind it take the place of those of the same name in front of the first profile.
pub const PROFILE: &str = ".profile";

/// Name of the kernel's section. It must be the last one of its profile: older stubs start the kernel where it
/// lies and let it use the memory behind it.
pub const KERNEL: &str = ".linux";

/// Alignment that the stub relies on in memory: pages.
const PAGE_BYTES: u32 = 4096;
/// Range of `FileAlignment` (PE Format, "Optional Header Windows-Specific Fields").
const FILE_ALIGNMENTS: std::ops::RangeInclusive<u32> = 512..=65536;

/// Where everything of an extended image goes. What is not named is zero, so the file may be
/// created with its full length and written in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The first bytes of the file: patched headers and the stub's own sections.
    pub header: Vec<u8>,
    /// Byte offset in the file and bytes of each new section, in the order given.
    pub sections: Vec<(u64, u64)>,
    /// Bytes of the whole file.
    pub total_bytes: u64,
}

/// Lays out `stub` with new sections of the given names and sizes, in that order, behind its own.
///
/// Each is readable data, begins at a multiple of the stub's alignments in the file and in memory,
/// and has exactly its size as `VirtualSize`, which is what the stub goes by. `CheckSum` is 0, for
/// none, because the content is not known here; firmware does not look at it. The stub's own
/// sections stay as they are.
///
/// # Errors
/// [`Error::Name`], [`Error::Empty`] and [`Error::TooLarge`] for the new sections;
/// [`Error::Signed`], [`Error::Trailing`], [`Error::NoHeaderRoom`], [`Error::Unsupported`] for a
/// stub that cannot be extended; those of [`Image::read`].
pub fn plan_sections(stub: &[u8], sections: &[(&str, u64)]) -> Result<Layout, Error> {
    let image = Image::read(stub)?;
    check_stub(&image)?;
    check_names(&image, sections)?;
    check_header_room(stub, &image, sections.len())?;
    let body_bytes = body_bytes(stub, &image)?;

    let mut header = stub.get(..body_bytes).unwrap_or_default().to_vec();
    let mut placing = Placing::behind(&image, body_bytes);
    let mut placed = Vec::with_capacity(sections.len());
    let mut entry =
        image.table.saturating_add(image.sections.len().saturating_mul(at::SECTION_BYTES));
    for &(name, bytes) in sections {
        let too_large = || Error::TooLarge { name: name.to_owned(), bytes };
        let section = placing.place(bytes).ok_or_else(too_large)?;
        placed.push((u64::from(section.raw_offset), bytes));
        put_section(&mut header, entry, name, &section).ok_or_else(too_large)?;
        entry = entry.saturating_add(at::SECTION_BYTES);
    }
    let first = placed.first().map(|&(offset, _)| offset);
    let first = first.and_then(|offset| usize::try_from(offset).ok()).unwrap_or(body_bytes);
    header.resize(first, 0);
    put_totals(&mut header, &image, sections, &placing).ok_or(Error::Short {
        structure: "optional header",
        offset: to_u64(image.pe),
        found: to_u64(body_bytes),
    })?;
    Ok(Layout { header, sections: placed, total_bytes: placing.file_end.max(to_u64(first)) })
}

/// `stub` with new sections of the given names and contents, in that order, behind its own; with a
/// checksum.
///
/// Holds the whole image in memory: for large sections there is [`plan_sections`].
///
/// # Errors
/// As [`plan_sections`].
pub fn add_sections(stub: &[u8], sections: &[(&str, &[u8])]) -> Result<Vec<u8>, Error> {
    let sizes: Vec<_> = sections.iter().map(|(name, data)| (*name, to_u64(data.len()))).collect();
    let layout = plan_sections(stub, &sizes)?;
    let mut file = layout.header;
    for (&(name, data), &(offset, bytes)) in sections.iter().zip(&layout.sections) {
        let too_large = || Error::TooLarge { name: name.to_owned(), bytes };
        file.resize(usize::try_from(offset).map_err(|_| too_large())?, 0);
        file.extend_from_slice(data);
    }
    file.resize(usize::try_from(layout.total_bytes).unwrap_or(file.len()), 0);
    let field = checksum_offset(&Image::read(&file)?);
    let sum = checksum(&file)?;
    put_le_u32(&mut file, field, sum).ok_or(Error::Short {
        structure: "optional header",
        offset: to_u64(field),
        found: layout.total_bytes,
    })?;
    Ok(file)
}

/// A new section's place.
struct Place {
    bytes: u32,
    virtual_address: u32,
    raw_bytes: u32,
    raw_offset: u32,
}

/// Where the next section goes.
struct Placing {
    file_end: u64,
    memory_end: u64,
    file_alignment: u64,
    section_alignment: u64,
}

impl Placing {
    /// Behind the sections of `image`, whose data ends at `file_end`.
    fn behind(image: &Image, file_end: usize) -> Self {
        let end = |start: u32, bytes: u32| u64::from(start).saturating_add(u64::from(bytes));
        let memory = image.sections.iter().map(|section| {
            // Loaders map what is in the file where that is more than the size in memory.
            end(section.virtual_address, section.virtual_size.max(section.raw_bytes))
        });
        Self {
            file_end: to_u64(file_end),
            memory_end: memory.chain([u64::from(image.headers_bytes)]).max().unwrap_or_default(),
            file_alignment: u64::from(image.file_alignment),
            section_alignment: u64::from(image.section_alignment),
        }
    }

    /// Places `bytes` bytes; `None` when an offset does not fit in 32 bits.
    fn place(&mut self, bytes: u64) -> Option<Place> {
        let raw_offset = align_up(self.file_end, self.file_alignment)?;
        let virtual_address = align_up(self.memory_end, self.section_alignment)?;
        let raw_bytes = align_up(bytes, self.file_alignment)?;
        self.file_end = raw_offset.checked_add(raw_bytes)?;
        self.memory_end = virtual_address.checked_add(bytes)?;
        u32::try_from(self.file_end).ok()?;
        self.image_bytes()?;
        Some(Place {
            bytes: u32::try_from(bytes).ok()?,
            virtual_address: u32::try_from(virtual_address).ok()?,
            raw_bytes: u32::try_from(raw_bytes).ok()?,
            raw_offset: u32::try_from(raw_offset).ok()?,
        })
    }

    /// `SizeOfImage`.
    fn image_bytes(&self) -> Option<u32> {
        u32::try_from(align_up(self.memory_end, self.section_alignment)?).ok()
    }
}

fn put_section(header: &mut [u8], entry: usize, name: &str, place: &Place) -> Option<()> {
    put(header, entry.checked_add(at::NAME)?, name.as_bytes())?;
    for (field, value) in [
        (at::VIRTUAL_SIZE, place.bytes),
        (at::VIRTUAL_ADDRESS, place.virtual_address),
        (at::SIZE_OF_RAW_DATA, place.raw_bytes),
        (at::POINTER_TO_RAW_DATA, place.raw_offset),
        (at::CHARACTERISTICS, at::READABLE_DATA),
    ] {
        put_le_u32(header, entry.checked_add(field)?, value)?;
    }
    Some(())
}

/// Updates what the headers say about all sections together.
fn put_totals(
    header: &mut [u8],
    image: &Image,
    sections: &[(&str, u64)],
    placing: &Placing,
) -> Option<()> {
    let count = image.sections.len().checked_add(sections.len())?;
    let count = u16::try_from(count).ok()?;
    put_le_u16(header, image.pe.checked_add(at::NUMBER_OF_SECTIONS)?, count)?;
    let optional = image.pe.checked_add(at::FILE_HEADER_BYTES)?;
    let initialized = optional.checked_add(at::SIZE_OF_INITIALIZED_DATA)?;
    let added = sections.iter().try_fold(0_u64, |sum, (_, bytes)| sum.checked_add(*bytes))?;
    let before = u64::from(anklume_bytes::le_u32(header, initialized)?);
    // Informative only, and may count more than the file holds: it must not fail the build.
    let after = u32::try_from(before.checked_add(added)?).unwrap_or(u32::MAX);
    put_le_u32(header, initialized, after)?;
    put_le_u32(header, optional.checked_add(at::SIZE_OF_IMAGE)?, placing.image_bytes()?)?;
    put_le_u32(header, optional.checked_add(at::CHECK_SUM)?, 0)
}

/// Refuses stubs that cannot be extended.
fn check_stub(image: &Image) -> Result<(), Error> {
    let optional = image.pe.saturating_add(at::FILE_HEADER_BYTES);
    let unsupported = |field, at: usize, expected, found: u32| {
        let (offset, found) = (to_u64(at), u64::from(found));
        Err(Error::Unsupported { field, offset, expected, found })
    };
    if image.certificates != (0, 0) {
        let (offset, bytes) = image.certificates;
        return Err(Error::Signed { offset: u64::from(offset), bytes: u64::from(bytes) });
    }
    if image.symbols != 0 {
        let offset = image.pe.saturating_add(at::POINTER_TO_SYMBOL_TABLE);
        return unsupported("PointerToSymbolTable", offset, "0", image.symbols);
    }
    if image.subsystem != at::SUBSYSTEM_EFI_APPLICATION {
        let offset = optional.saturating_add(at::SUBSYSTEM);
        return unsupported("Subsystem", offset, "EFI application, 0xa", image.subsystem.into());
    }
    let alignment = image.section_alignment;
    if !alignment.is_power_of_two() || alignment < PAGE_BYTES {
        let offset = optional.saturating_add(at::SECTION_ALIGNMENT);
        return unsupported("SectionAlignment", offset, "a power of two from 4096 on", alignment);
    }
    let alignment = image.file_alignment;
    if !alignment.is_power_of_two() || !FILE_ALIGNMENTS.contains(&alignment) {
        let offset = optional.saturating_add(at::FILE_ALIGNMENT);
        return unsupported("FileAlignment", offset, "a power of two, 512 to 65536", alignment);
    }
    Ok(())
}

fn check_names(image: &Image, sections: &[(&str, u64)]) -> Result<(), Error> {
    for (number, &(name, bytes)) in sections.iter().enumerate() {
        let refuse = |problem| Err(Error::Name { name: name.to_owned(), problem });
        let printable = name.bytes().all(|byte| byte.is_ascii_graphic());
        if !printable || !(1..=8).contains(&name.len()) {
            return refuse(NameProblem::Form);
        }
        let before = sections.get(..number).unwrap_or_default();
        let group = before.iter().rev().take_while(|(other, _)| *other != PROFILE);
        let repeated = name != PROFILE && group.clone().any(|(other, _)| *other == name);
        if repeated || image.section(name).is_some() {
            return refuse(NameProblem::Repeated);
        }
        let next = number.checked_add(1).and_then(|next| sections.get(next));
        if name == KERNEL && next.is_some_and(|(next, _)| *next != PROFILE) {
            return refuse(NameProblem::NotLast);
        }
        if bytes == 0 {
            return Err(Error::Empty { name: name.to_owned() });
        }
    }
    Ok(())
}

/// Checks that the section table can grow: up to the end of the headers or the first data, over
/// bytes that are all zero (bound imports, for one, lie there).
fn check_header_room(stub: &[u8], image: &Image, more: usize) -> Result<(), Error> {
    let start = image.sections.len().saturating_mul(at::SECTION_BYTES).saturating_add(image.table);
    let data = image.sections.iter().filter(|section| section.raw_bytes > 0);
    let end = data.map(|section| section.raw_offset).chain([image.headers_bytes]).min();
    let end = end.and_then(|end| usize::try_from(end).ok()).unwrap_or_default();
    let free = stub.get(start..end).unwrap_or_default();
    let room = free.iter().take_while(|&&byte| byte == 0).count();
    let needed = more.saturating_mul(at::SECTION_BYTES);
    let count = image.sections.len().saturating_add(more);
    if needed > room || count > usize::from(at::MAX_SECTIONS) {
        return Err(Error::NoHeaderRoom { needed: to_u64(needed), room: to_u64(room) });
    }
    Ok(())
}

/// Bytes of the stub up to the end of its sections; what follows may only be padding.
fn body_bytes(stub: &[u8], image: &Image) -> Result<usize, Error> {
    let data = image.sections.iter().filter(|section| section.raw_bytes > 0);
    let end = data
        .map(|section| u64::from(section.raw_offset).saturating_add(section.raw_bytes.into()))
        .chain([u64::from(image.headers_bytes)])
        .max();
    let end = usize::try_from(end.unwrap_or_default()).unwrap_or(usize::MAX);
    let trailing = stub.get(end..).ok_or(Error::Short {
        structure: "headers",
        offset: 0,
        found: to_u64(stub.len()),
    })?;
    match trailing.iter().position(|&byte| byte != 0) {
        Some(at) => Err(Error::Trailing { offset: to_u64(end.saturating_add(at)) }),
        None => Ok(end),
    }
}

fn to_u64(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{OPTIONAL, PE, TABLE, stub};
    use anklume_bytes::{ReadAt, le_u32};

    const NEW: [(&str, &[u8]); 3] =
        [(".osrel", b"ID=anklume\n"), (".initrd", &[9; 5000]), (".linux", &[7; 513])];

    fn plan_with(offset: usize, value: &[u8]) -> Error {
        let mut bytes = stub();
        bytes[offset..offset + value.len()].copy_from_slice(value);
        plan_sections(&bytes, &[(".linux", 1)]).unwrap_err()
    }

    #[test]
    fn new_sections_are_read_back() {
        let file = add_sections(&stub(), &NEW).unwrap();
        let image = Image::read(&file).unwrap();
        assert_eq!(image.sections.len(), 5);
        for (name, data) in NEW {
            let window = image.data(&file, name).unwrap();
            assert_eq!(window.read_vec(0, window.size(), 1 << 20).unwrap(), data, "{name}");
            let section = image.section(name).unwrap();
            assert_eq!(section.virtual_size as usize, data.len());
            assert_eq!(section.characteristics, 0x4000_0040);
        }
        assert_eq!(image.checksum, checksum(&file).unwrap());
        assert_ne!(image.checksum, 0);
    }

    #[test]
    fn addresses_are_aligned_and_nothing_overlaps_or_leaves_gaps() {
        let file = add_sections(&stub(), &NEW).unwrap();
        let image = Image::read(&file).unwrap();
        for pair in image.sections.windows(2) {
            assert_eq!(pair[0].raw_offset + pair[0].raw_bytes, pair[1].raw_offset);
            assert_eq!(
                (pair[0].virtual_address + pair[0].virtual_size).next_multiple_of(4096),
                pair[1].virtual_address
            );
        }
        let last = image.sections.last().unwrap();
        assert_eq!((last.raw_offset + last.raw_bytes) as usize, file.len());
        let end = (last.virtual_address + last.virtual_size).next_multiple_of(4096);
        assert_eq!(le_u32(&file, OPTIONAL + 56), Some(end));
        let data = le_u32(&stub(), OPTIONAL + 8).unwrap() + 11 + 5000 + 513;
        assert_eq!(le_u32(&file, OPTIONAL + 8), Some(data));
    }

    #[test]
    fn a_plan_and_a_file_agree_but_for_the_checksum() {
        let sizes = NEW.map(|(name, data)| (name, data.len() as u64));
        let layout = plan_sections(&stub(), &sizes).unwrap();
        let mut file = vec![0; layout.total_bytes as usize];
        file[..layout.header.len()].copy_from_slice(&layout.header);
        for (&(offset, bytes), (_, data)) in layout.sections.iter().zip(NEW) {
            file[offset as usize..(offset + bytes) as usize].copy_from_slice(data);
        }
        assert_eq!(Image::read(&file).unwrap().checksum, 0);
        let mut whole = add_sections(&stub(), &NEW).unwrap();
        whole[OPTIONAL + 64..OPTIONAL + 68].fill(0);
        assert!(file == whole);
    }

    #[test]
    fn the_stub_itself_stays() {
        let file = add_sections(&stub(), &NEW).unwrap();
        assert_eq!(file[1024..stub().len()], stub()[1024..]);
        assert_eq!(file[..PE + 6], stub()[..PE + 6]);
        let nothing = add_sections(&stub(), &[]).unwrap();
        assert_eq!(nothing.len(), stub().len());
    }

    #[test]
    fn sections_that_make_no_image_are_refused() {
        let problem = |sections: &[(&str, u64)]| match plan_sections(&stub(), sections) {
            Err(Error::Name { problem, .. }) => problem,
            other => panic!("{other:?}"),
        };
        assert_eq!(problem(&[("", 1)]), NameProblem::Form);
        assert_eq!(problem(&[(".toolong9", 1)]), NameProblem::Form);
        assert_eq!(problem(&[(".a\0", 1)]), NameProblem::Form);
        assert_eq!(problem(&[(".text", 1)]), NameProblem::Repeated);
        assert_eq!(problem(&[(".a", 1), (".a", 1)]), NameProblem::Repeated);
        assert_eq!(problem(&[(".linux", 1), (".initrd", 1)]), NameProblem::NotLast);
        let same_profile = [(".a", 1), (".profile", 1), (".b", 1), (".b", 1)];
        assert_eq!(problem(&same_profile), NameProblem::Repeated);
        let plan = |sections: &[(&str, u64)]| plan_sections(&stub(), sections).unwrap_err();
        assert!(matches!(plan(&[(".a", 0)]), Error::Empty { .. }));
        assert!(matches!(plan(&[(".a", 1 << 32)]), Error::TooLarge { .. }));
        assert!(matches!(plan(&[(".a", 1 << 31), (".b", 1 << 31)]), Error::TooLarge { .. }));
        assert!(matches!(plan(&[(".a", u64::MAX)]), Error::TooLarge { .. }));
    }

    #[test]
    fn stubs_that_cannot_be_extended_are_refused() {
        let directory = OPTIONAL + 112 + 4 * 8;
        assert!(matches!(plan_with(directory, &[1]), Error::Signed { offset: 1, .. }));
        assert!(matches!(plan_with(directory + 4, &[1]), Error::Signed { bytes: 1, .. }));
        let field = |offset, value: &[u8]| match plan_with(offset, value) {
            Error::Unsupported { field, .. } => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(field(PE + 12, &[1]), "PointerToSymbolTable");
        assert_eq!(field(OPTIONAL + 68, &[11]), "Subsystem");
        assert_eq!(field(OPTIONAL + 32, &[0, 2]), "SectionAlignment");
        assert_eq!(field(OPTIONAL + 32, &[1]), "SectionAlignment");
        assert_eq!(field(OPTIONAL + 36, &[0, 0]), "FileAlignment");
        assert_eq!(field(OPTIONAL + 36, &[0, 3]), "FileAlignment");
        let mut trailing = stub();
        trailing.extend_from_slice(&[0, 0, 5]);
        let offset = trailing.len() as u64 - 1;
        let error = plan_sections(&trailing, &[(".a", 1)]).unwrap_err();
        assert!(matches!(error, Error::Trailing { offset: at } if at == offset));
    }

    #[test]
    fn the_section_table_stays_in_its_room() {
        // 1024 bytes of headers, the table at 392 with two entries: room for 13 more.
        let names: Vec<_> = (0..14).map(|number| format!(".s{number}")).collect();
        let sections: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
        assert!(plan_sections(&stub(), &sections[..13]).is_ok());
        let error = plan_sections(&stub(), &sections).unwrap_err();
        assert!(matches!(error, Error::NoHeaderRoom { needed: 560, room: 552 }), "{error:?}");
        // Something of the linker's lies behind the table.
        assert!(matches!(
            plan_with(TABLE + 3 * 40 - 1, &[1]),
            Error::NoHeaderRoom { room: 39, .. }
        ));
    }
}
