//! Invariant: whatever lies behind the data, parsing and verifying end without a panic and without
//! reading outside; a superblock that parses survives encoding; an image that verifies does so
//! again with its root hash as the expected one; a rebuilt tree has the same root hash exactly when
//! its hash blocks are the same (they differ where their padding is not zero, which the kernel
//! accepts too).
#![no_main]

use anklume_verity::{Builder, Params, Superblock, verify};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    // The first byte says how many blocks are data.
    let Some((&blocks, image)) = input.split_first() else { return };
    if let Ok(superblock) = Superblock::parse(image) {
        let again = superblock.encode().expect("a parsed superblock can be written");
        assert_eq!(Superblock::parse(&again).expect("and read"), superblock);
    }
    let data_bytes = usize::from(blocks) * 4096;
    let Ok(root_hash) = verify(image, data_bytes as u64, None, &mut |_| ()) else { return };
    let again = verify(image, data_bytes as u64, Some(root_hash), &mut |_| ());
    assert_eq!(again.expect("what was consistent still is"), root_hash);
    let superblock = Superblock::parse(&image[data_bytes..]).expect("verified");
    let params = Params { salt: superblock.salt, uuid: superblock.uuid };
    let mut builder = Builder::new(params, data_bytes as u64).expect("verified");
    builder.update(&image[..data_bytes]).expect("verified");
    let tree = builder.finish().expect("verified");
    let same_blocks = image[data_bytes..][..tree.bytes.len()][4096..] == tree.bytes[4096..];
    assert_eq!(tree.root_hash == root_hash, same_blocks);
});
