//! The unified kernel image of a slot.

use anklume_bytes::{ReadAt, Window};
use anklume_layout::files;
use anklume_uki::{Image, PROFILE, Section};

use super::folder::Folder;
use super::pieces::Pieces;
use crate::image::fault::{self, Fault};

/// The most bytes of a section that holds text.
const TEXT_BYTES_MAX: u64 = 64 << 10;

/// A UKI with its headers read.
pub(crate) struct Uki<'a> {
    /// What it is called in messages.
    pub(crate) object: String,
    /// Byte of the image where it begins.
    pub(crate) base: u64,
    pub(crate) file: Pieces<'a>,
    pub(crate) image: Image,
}

impl<'a> Uki<'a> {
    /// Reads the headers of the UKI in a slot's boot file system.
    pub(crate) fn open(folder: &Folder<'a>) -> Result<Self, Fault> {
        let object = folder.file_name(files::UKI);
        let file = folder.file(files::UKI)?;
        let base = folder.offset(&file);
        let image = Image::read(&file).map_err(|error| fault::pe(&object, base, &error))?;
        Ok(Self { object, base, file, image })
    }

    /// Name of a section as text.
    pub(crate) fn section_name(section: &Section) -> String {
        String::from_utf8_lossy(section.name()).into_owned()
    }

    /// The sections with the number of the profile that each belongs to: 0 for the base profile.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (usize, &Section)> {
        let mut profile = None;
        self.image.sections.iter().map(move |section| {
            if section.name() == PROFILE.as_bytes() {
                profile = Some(profile.map_or(0, |number: usize| number.saturating_add(1)));
            }
            (profile.unwrap_or(0), section)
        })
    }

    /// The section `name` of a profile: the number of its bytes and where they are.
    pub(crate) fn section(&self, profile: usize, name: &str) -> Result<&Section, Fault> {
        let mut sections = self.numbered();
        let found = sections.find(|(p, s)| *p == profile && s.name() == name.as_bytes());
        let missing = || Fault::new(&self.object, self.base, format!("a section {name}"), "none");
        found.map(|(_, section)| section).ok_or_else(missing)
    }

    /// Byte of the image where the data of a section begins, in a file that lies in one place.
    pub(crate) fn offset(&self, section: &Section) -> u64 {
        self.base.saturating_add(u64::from(section.raw_offset))
    }

    /// The data of a section.
    pub(crate) fn data<'s>(&'s self, section: &Section) -> Result<Window<'s, Pieces<'a>>, Fault> {
        let window = Window::new(&self.file, u64::from(section.raw_offset), section.data_bytes());
        window.map_err(|error| fault::read(&self.object, self.base, &error))
    }

    /// The text in a section, without a NUL or line end behind it.
    pub(crate) fn text(&self, section: &Section) -> Result<String, Fault> {
        let data = self.data(section)?;
        let object = format!("{}: {}", self.object, Self::section_name(section));
        let bytes = data.read_vec(0, data.size(), TEXT_BYTES_MAX);
        let bytes = bytes.map_err(|error| fault::read(&object, self.offset(section), &error))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Fault::new(&object, self.offset(section), "text", "other bytes"))?;
        Ok(text.trim_end_matches(['\0', '\n']).to_owned())
    }
}
