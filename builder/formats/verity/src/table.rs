//! The kernel's view of a tree.

use crate::build::whole_blocks;
use crate::root_hash::hex;
use crate::{BLOCK_BYTES, Error, RootHash, Superblock};

/// Parameters of the kernel's `verity` target (`verity.rst`, "Construction Parameters"), with
/// `restart_on_corruption`:
///
/// ```text
/// 1 <data_device> <hash_device> 4096 4096 <data_blocks> <hash_start_block> sha256 <root> <salt> 1 restart_on_corruption
/// ```
///
/// The devices are `major:minor` or paths without white space, and may be the same one.
/// `superblock_offset` is the first byte of the superblock on the hash device: the length of the
/// data when both lie on one. The hash blocks begin one block behind it, and with data of a single
/// block, which has none, the kernel reads nothing there. The target is `data_blocks * 8` sectors
/// of 512 bytes long.
///
/// # Errors
/// [`Error::NotWholeBlocks`] when `superblock_offset` is not a multiple of 4096, and
/// [`Error::DataBlocks`] when [`Superblock::data_blocks`] is out of its range.
pub fn device_mapper_table(
    superblock: &Superblock,
    root_hash: RootHash,
    data_device: &str,
    hash_device: &str,
    superblock_offset: u64,
) -> Result<String, Error> {
    superblock.layout()?;
    let blocks = superblock.data_blocks;
    let hash_start_block = whole_blocks(superblock_offset)?.saturating_add(1);
    let salt = match superblock.salt.as_slice() {
        [] => "-".to_owned(),
        salt => hex(salt),
    };
    Ok(format!(
        "1 {data_device} {hash_device} {BLOCK_BYTES} {BLOCK_BYTES} {blocks} {hash_start_block} {} \
         {root_hash} {salt} 1 restart_on_corruption",
        Superblock::ALGORITHM
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_the_kernels_order() {
        let mut superblock = Superblock { data_blocks: 16, salt: vec![0xab; 2], uuid: [0; 16] };
        let root = RootHash([0x11; 32]);
        let ones = "11".repeat(32);
        assert_eq!(
            device_mapper_table(&superblock, root, "8:1", "8:2", 65536).unwrap(),
            format!("1 8:1 8:2 4096 4096 16 17 sha256 {ones} abab 1 restart_on_corruption")
        );
        superblock.salt.clear();
        let line = device_mapper_table(&superblock, root, "8:1", "8:1", 65536).unwrap();
        assert!(line.ends_with(&format!("{ones} - 1 restart_on_corruption")), "{line}");
        let odd = device_mapper_table(&superblock, root, "8:1", "8:1", 65537);
        assert!(matches!(odd, Err(Error::NotWholeBlocks { .. })));
    }
}
