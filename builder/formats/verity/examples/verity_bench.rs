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
use std::io::Write;
use std::os::unix::fs::FileExt;

use anklume_bytes::{ReadAt, ReadError};
use anklume_verity::{Builder, Params};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, hash, salt, uuid] = arguments.as_slice() else {
        return Err("usage: verity_bench DATA HASH SALT UUID".into());
    };
    let uuid = unhex(uuid)?.try_into().map_err(|_| "a UUID has 32 digits")?;
    let params = Params { salt: unhex(salt)?, uuid };
    let data = Data::open(data)?;
    let mut builder = Builder::new(params, data.size)?;
    builder.update_from(&data, data.size)?;
    let tree = builder.finish()?;
    let mut hash = File::create(hash)?;
    hash.write_all(&tree.bytes)?;
    // veritysetup does so, too.
    hash.sync_all()?;
    println!("{}", tree.root_hash);
    Ok(())
}

/// The file that is hashed.
struct Data {
    file: File,
    size: u64,
}

impl Data {
    fn open(path: &str) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { file, size })
    }
}

impl ReadAt for Data {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let length = buffer.len() as u64;
        let failed = |source| ReadError::Io { offset, length, source };
        self.file.read_exact_at(buffer, offset).map_err(failed)
    }
}

/// The bytes that pairs of hexadecimal digits stand for; hyphens between them are skipped.
fn unhex(text: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
    let byte = |pair: &[u8]| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?);
    digits.chunks(2).map(byte).collect()
}
