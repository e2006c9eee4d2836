//! Reading headers and sections.

use anklume_bytes::{ReadAt, Window, le_u16, le_u32};

use crate::Error;
use crate::layout as at;

/// A section of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    /// Name, padded with NUL.
    pub raw_name: [u8; 8],
    /// Bytes in memory.
    pub virtual_size: u32,
    /// First byte in memory, counted from the start of the image.
    pub virtual_address: u32,
    /// Bytes in the file.
    pub raw_bytes: u32,
    /// First byte in the file.
    pub raw_offset: u32,
    /// Flags, `IMAGE_SCN_*`.
    pub characteristics: u32,
}

impl Section {
    /// Name without padding. Names of more than eight bytes, which only object files have, are
    /// not looked up.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.raw_name.split(|&byte| byte == 0).next().unwrap_or_default()
    }

    /// Bytes of the content that lie in the file: the padding up to the file alignment does not
    /// count, and neither do the zeros that only exist in memory.
    #[must_use]
    pub fn data_bytes(&self) -> u64 {
        u64::from(self.virtual_size.min(self.raw_bytes))
    }
}

/// The headers of a PE32+ image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// CPU of the image, such as [`crate::MACHINE_X86_64`].
    pub machine: u16,
    /// What runs it, such as [`crate::SUBSYSTEM_EFI_APPLICATION`].
    pub subsystem: u16,
    /// The sections in the order of the file.
    pub sections: Vec<Section>,
    /// Alignment of sections in memory, in bytes.
    pub section_alignment: u32,
    /// Alignment of sections in the file, in bytes.
    pub file_alignment: u32,
    /// Bytes of all headers in the file.
    pub headers_bytes: u32,
    /// The stored checksum; 0 for none.
    pub checksum: u32,
    /// Certificates in the file: first byte and bytes, both 0 without a signature.
    pub certificates: (u32, u32),
    /// Byte offset of the symbol table in the file, 0 for none.
    pub(crate) symbols: u32,
    /// Byte offset of the PE signature.
    pub(crate) pe: usize,
    /// Byte offset of the section table.
    pub(crate) table: usize,
}

impl Image {
    /// Reads the headers of `file`, which must lie in its first 64 KiB, and checks that the data of
    /// every section lies in the file.
    ///
    /// # Errors
    /// [`Error::Short`], [`Error::Field`] and [`Error::SectionOutside`] for what is no image,
    /// [`Error::Unsupported`] for PE32, [`Error::Read`].
    pub fn read<R: ReadAt + ?Sized>(file: &R) -> Result<Self, Error> {
        let size = file.size();
        let head = file.read_vec(0, size.min(at::HEAD_LIMIT), at::HEAD_LIMIT)?;
        let head = Head(&head);
        let pe = signature(head)?;
        let optional = pe.saturating_add(at::FILE_HEADER_BYTES);
        let magic = head.u16("optional header", optional, at::MAGIC)?;
        if magic != at::PE32_PLUS {
            return Err(Error::Unsupported {
                field: "Magic",
                offset: to_u64(optional),
                expected: "PE32+, 0x20b",
                found: u64::from(magic),
            });
        }
        let optional_bytes = head.u16("file header", pe, at::SIZE_OF_OPTIONAL_HEADER)?;
        let table = optional.saturating_add(usize::from(optional_bytes));
        let image = Self {
            machine: head.u16("file header", pe, at::MACHINE)?,
            subsystem: head.u16("optional header", optional, at::SUBSYSTEM)?,
            sections: sections(head, pe, table)?,
            section_alignment: head.u32("optional header", optional, at::SECTION_ALIGNMENT)?,
            file_alignment: head.u32("optional header", optional, at::FILE_ALIGNMENT)?,
            headers_bytes: head.u32("optional header", optional, at::SIZE_OF_HEADERS)?,
            checksum: head.u32("optional header", optional, at::CHECK_SUM)?,
            certificates: certificates(head, optional, usize::from(optional_bytes))?,
            symbols: head.u32("file header", pe, at::POINTER_TO_SYMBOL_TABLE)?,
            pe,
            table,
        };
        image.check_sections(size)?;
        Ok(image)
    }

    /// The first section called `name`.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name() == name.as_bytes())
    }

    /// The content of the first section called `name`, [`Section::data_bytes`] long. `file` is the
    /// one that the headers were read from.
    ///
    /// # Errors
    /// [`Error::NoSection`]; [`Error::Read`] when `file` is shorter than it was.
    pub fn data<'a, R: ReadAt + ?Sized>(
        &self,
        file: &'a R,
        name: &str,
    ) -> Result<Window<'a, R>, Error> {
        let section =
            self.section(name).ok_or_else(|| Error::NoSection { name: name.to_owned() })?;
        Ok(Window::new(file, u64::from(section.raw_offset), section.data_bytes())?)
    }

    fn check_sections(&self, size: u64) -> Result<(), Error> {
        for section in &self.sections {
            let (offset, bytes) = (u64::from(section.raw_offset), u64::from(section.raw_bytes));
            if bytes > 0 && offset.saturating_add(bytes) > size {
                let name = section.name().escape_ascii().to_string();
                return Err(Error::SectionOutside { name, offset, bytes, found: size });
            }
        }
        Ok(())
    }
}

/// The part of a file that holds the headers.
#[derive(Clone, Copy)]
struct Head<'a>(&'a [u8]);

impl Head<'_> {
    fn u16(self, structure: &'static str, start: usize, field: usize) -> Result<u16, Error> {
        le_u16(self.0, start.saturating_add(field)).ok_or_else(|| self.short(structure, start))
    }

    fn u32(self, structure: &'static str, start: usize, field: usize) -> Result<u32, Error> {
        le_u32(self.0, start.saturating_add(field)).ok_or_else(|| self.short(structure, start))
    }

    fn short(self, structure: &'static str, start: usize) -> Error {
        Error::Short { structure, offset: to_u64(start), found: to_u64(self.0.len()) }
    }
}

/// Byte offset of the PE signature.
fn signature(head: Head<'_>) -> Result<usize, Error> {
    let dos = head.u16("ms-dos header", 0, at::E_MAGIC)?;
    if dos != at::DOS_MAGIC {
        let (field, expected) = ("e_magic", "MZ, 0x5a4d");
        return Err(Error::Field { field, offset: 0, expected, found: u64::from(dos) });
    }
    let lfanew = head.u32("ms-dos header", 0, at::E_LFANEW)?;
    let pe = usize::try_from(lfanew).unwrap_or(usize::MAX);
    if pe < at::DOS_BYTES {
        let (field, expected) = ("e_lfanew", "at least 64");
        let offset = to_u64(at::E_LFANEW);
        return Err(Error::Field { field, offset, expected, found: u64::from(lfanew) });
    }
    let found = head.u32("pe signature", pe, at::PE_SIGNATURE)?;
    if found != at::PE_MAGIC {
        let (field, expected) = ("signature", "PE and two nul, 0x4550");
        return Err(Error::Field { field, offset: to_u64(pe), expected, found: u64::from(found) });
    }
    Ok(pe)
}

/// The entry of the data directory for certificates; zeros where the directory ends before it.
fn certificates(
    head: Head<'_>,
    optional: usize,
    optional_bytes: usize,
) -> Result<(u32, u32), Error> {
    let count = head.u32("optional header", optional, at::NUMBER_OF_RVA_AND_SIZES)?;
    // Bounded to 16 by the check, so that the size below cannot overflow.
    let entries = usize::try_from(count.min(at::MAX_DIRECTORIES)).unwrap_or_default();
    let needed = at::DATA_DIRECTORY.saturating_add(entries.saturating_mul(at::DIRECTORY_BYTES));
    if count > at::MAX_DIRECTORIES || needed > optional_bytes {
        return Err(Error::Field {
            field: "NumberOfRvaAndSizes",
            offset: to_u64(optional.saturating_add(at::NUMBER_OF_RVA_AND_SIZES)),
            expected: "at most 16 and what SizeOfOptionalHeader has room for",
            found: u64::from(count),
        });
    }
    if entries <= at::SECURITY_DIRECTORY {
        return Ok((0, 0));
    }
    let entry = at::DATA_DIRECTORY
        .saturating_add(at::SECURITY_DIRECTORY.saturating_mul(at::DIRECTORY_BYTES));
    let start = optional.saturating_add(entry);
    Ok((head.u32("data directory", start, 0)?, head.u32("data directory", start, 4)?))
}

fn sections(head: Head<'_>, pe: usize, table: usize) -> Result<Vec<Section>, Error> {
    let count = head.u16("file header", pe, at::NUMBER_OF_SECTIONS)?;
    if count > at::MAX_SECTIONS {
        return Err(Error::Field {
            field: "NumberOfSections",
            offset: to_u64(pe.saturating_add(at::NUMBER_OF_SECTIONS)),
            expected: "at most 96",
            found: u64::from(count),
        });
    }
    let header = |number: usize| {
        let start = table.saturating_add(number.saturating_mul(at::SECTION_BYTES));
        let name = start.saturating_add(at::NAME);
        let raw_name = head.0.get(name..).and_then(|rest| rest.first_chunk());
        Ok(Section {
            raw_name: *raw_name.ok_or_else(|| head.short("section header", start))?,
            virtual_size: head.u32("section header", start, at::VIRTUAL_SIZE)?,
            virtual_address: head.u32("section header", start, at::VIRTUAL_ADDRESS)?,
            raw_bytes: head.u32("section header", start, at::SIZE_OF_RAW_DATA)?,
            raw_offset: head.u32("section header", start, at::POINTER_TO_RAW_DATA)?,
            characteristics: head.u32("section header", start, at::CHARACTERISTICS)?,
        })
    };
    (0..usize::from(count)).map(header).collect()
}

fn to_u64(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{OPTIONAL, PE, TABLE, stub};

    /// The error for the sample with `value` at byte `offset`.
    fn with(offset: usize, value: &[u8]) -> Error {
        let mut bytes = stub();
        bytes[offset..offset + value.len()].copy_from_slice(value);
        Image::read(&bytes).unwrap_err()
    }

    #[test]
    fn headers_are_read() {
        let bytes = stub();
        let image = Image::read(&bytes).unwrap();
        assert_eq!(image.machine, crate::MACHINE_X86_64);
        assert_eq!(image.subsystem, crate::SUBSYSTEM_EFI_APPLICATION);
        assert_eq!((image.section_alignment, image.file_alignment), (4096, 512));
        assert_eq!((image.headers_bytes, image.certificates), (1024, (0, 0)));
        let names: Vec<_> = image.sections.iter().map(Section::name).collect();
        assert_eq!(names, [&b".text"[..], b".sdmagic"]);
        let window = image.data(&bytes, ".text").unwrap();
        assert_eq!(window.read_vec(0, window.size(), 100).unwrap(), b"\xc3 code");
        assert!(matches!(image.data(&bytes, ".linux"), Err(Error::NoSection { .. })));
    }

    #[test]
    fn every_cut_is_an_error_and_never_a_panic() {
        let bytes = stub();
        for length in 0..bytes.len() {
            let error = Image::read(&bytes[..length].to_vec()).unwrap_err();
            assert!(matches!(error, Error::Short { .. } | Error::SectionOutside { .. }), "{error}");
        }
    }

    #[test]
    fn damage_is_named() {
        assert!(matches!(with(0, b"ZM"), Error::Field { field: "e_magic", .. }));
        assert!(matches!(with(0x3c, &[0; 4]), Error::Field { field: "e_lfanew", .. }));
        assert!(matches!(with(0x3c, &[0xff; 4]), Error::Short { .. }));
        assert!(matches!(with(PE, b"NE"), Error::Field { field: "signature", .. }));
        assert!(matches!(with(PE + 6, &[97]), Error::Field { field: "NumberOfSections", .. }));
        assert!(matches!(with(PE + 20, &[0xff; 2]), Error::Short { .. }));
        assert!(matches!(with(PE + 20, &[200, 0]), Error::Field { .. }));
        assert!(matches!(with(OPTIONAL, &[0x0b, 1]), Error::Unsupported { field: "Magic", .. }));
        assert!(matches!(
            with(OPTIONAL + 108, &[17]),
            Error::Field { field: "NumberOfRvaAndSizes", .. }
        ));
        assert!(matches!(with(TABLE + 16, &[0xff; 4]), Error::SectionOutside { .. }));
        assert!(matches!(with(TABLE + 20, &[0xff; 4]), Error::SectionOutside { .. }));
    }
}
