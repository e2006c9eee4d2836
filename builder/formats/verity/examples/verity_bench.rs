//! Hashes a file as `veritysetup format` does, for `ci/bench`, which takes the time of both.
//!
//! ```text
//! verity_bench DATA HASH SALT UUID
//! ```
//!
//! DATA is read, HASH is created or replaced; SALT and UUID are hexadecimal digits. Prints the root
//! hash.
#![expect(clippy::print_stdout, reason = "the root hash is what was asked for")]

use std::error::Error;
use std::fs::File;
use std::io::{Read, Write};

use anklume_verity::{Builder, Params};

/// Bytes hashed at once, as in the image builder.
const PIECE_BYTES: usize = 4 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, hash, salt, uuid] = arguments.as_slice() else {
        return Err("usage: verity_bench DATA HASH SALT UUID".into());
    };
    let uuid = unhex(uuid)?.try_into().map_err(|_| "a UUID has 32 digits")?;
    let params = Params { salt: unhex(salt)?, uuid };
    let mut data = File::open(data)?;
    let mut left = data.metadata()?.len();
    let mut builder = Builder::new(params, left)?;
    let mut buffer = vec![0; PIECE_BYTES];
    while left > 0 {
        let piece = usize::try_from(left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        let buffer = &mut buffer[..piece];
        data.read_exact(buffer)?;
        builder.update(buffer)?;
        left -= u64::try_from(piece)?;
    }
    let tree = builder.finish()?;
    let mut hash = File::create(hash)?;
    hash.write_all(&tree.bytes)?;
    // veritysetup does so, too.
    hash.sync_all()?;
    println!("{}", tree.root_hash);
    Ok(())
}

/// The bytes that pairs of hexadecimal digits stand for; hyphens between them are skipped.
fn unhex(text: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
    let byte = |pair: &[u8]| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?);
    digits.chunks(2).map(byte).collect()
}
