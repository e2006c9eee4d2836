//! The OS partition of a slot: squashfs, then verity superblock and hash tree.

use anklume_bytes::ReadAt;
use anklume_squashfs::Superblock as Squashfs;
use anklume_verity::{BLOCK_BYTES, Superblock as Verity};

use crate::image::fault::{self, Fault};
use crate::image::source::Part;

/// What an OS partition says about itself.
#[derive(Debug)]
pub(crate) struct Os {
    pub(crate) squashfs: Squashfs,
    /// Bytes of the squashfs, padded to whole verity blocks.
    pub(crate) data_bytes: u64,
    /// What is wrong where the hash tree should begin, if so.
    pub(crate) verity: Result<Verity, Fault>,
}

impl Os {
    /// Reads the superblocks in `part`, which begins at byte `base` of the image.
    pub(crate) fn read(object: &str, base: u64, part: &Part<'_>) -> Result<Self, Fault> {
        let squashfs = Squashfs::read(part);
        let squashfs = squashfs.map_err(|error| fault::squashfs(object, base, &error))?;
        // The superblock was checked against the size of the partition.
        let data_bytes = squashfs.padded_bytes(BLOCK_BYTES).unwrap_or(u64::MAX);
        let verity = read_verity(object, base, part, data_bytes);
        Ok(Self { squashfs, data_bytes, verity })
    }

    /// Bytes of verity superblock and hash tree.
    pub(crate) fn hash_bytes(&self) -> Option<u64> {
        let layout = self.verity.as_ref().ok()?.layout().ok()?;
        Some(layout.bytes)
    }
}

fn read_verity(object: &str, base: u64, part: &Part<'_>, data_bytes: u64) -> Result<Verity, Fault> {
    let explain = |error| fault::verity(object, base, data_bytes, &error);
    let block = part.read_vec(data_bytes, BLOCK_BYTES, BLOCK_BYTES);
    let verity = Verity::parse(&block.map_err(|error| explain(error.into()))?).map_err(explain)?;
    let expected = data_bytes / BLOCK_BYTES;
    if verity.data_blocks != expected {
        return Err(Fault::new(
            format!("{object}: verity superblock: data blocks"),
            base.saturating_add(data_bytes),
            expected,
            verity.data_blocks,
        ));
    }
    Ok(verity)
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text form of a UUID whose bytes are in the order of that form.
pub(crate) fn uuid(bytes: [u8; 16]) -> String {
    let digits = hex(&bytes);
    let ends = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
    ends.map(|(from, to)| digits.get(from..to).unwrap_or_default().to_owned()).join("-")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_uuid_has_its_usual_form() {
        let bytes = std::array::from_fn(|index| u8::try_from(index).unwrap());
        assert_eq!(super::uuid(bytes), "00010203-0405-0607-0809-0a0b0c0d0e0f");
    }
}
