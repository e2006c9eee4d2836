//! Decompressing blocks.

use super::error::{Place, TableError};
use crate::Compression;

/// The compressions that can be read, in words.
const SUPPORTED: &str = if cfg!(all(feature = "zstd", feature = "xz")) {
    "zstd and xz"
} else if cfg!(feature = "zstd") {
    "zstd"
} else if cfg!(feature = "xz") {
    "xz"
} else {
    "no compression"
};
/// The most memory that the decompressor of a block may take besides the block, in bytes. The
/// dictionary of an xz block is no larger than the block (`fs/squashfs/xz_wrapper.c`).
#[cfg(feature = "xz")]
const XZ_MEMORY_MAX: u64 = 16 << 20;

/// A decompressor, with state that is set up once.
pub(super) enum Codec {
    #[cfg(feature = "zstd")]
    Zstd(Box<zstd::bulk::Decompressor<'static>>),
    #[cfg(feature = "xz")]
    Xz,
    /// Every block must be stored as it is.
    None(Compression),
}

impl Codec {
    /// The decompressor for `compression`; one that this crate has none for is refused when the
    /// first compressed block comes.
    pub(super) fn new(compression: Compression) -> Self {
        match compression {
            #[cfg(feature = "zstd")]
            Compression::Zstd => match zstd::bulk::Decompressor::new() {
                Ok(decompressor) => Self::Zstd(Box::new(decompressor)),
                // Out of memory.
                Err(_) => Self::None(compression),
            },
            #[cfg(feature = "xz")]
            Compression::Xz => Self::Xz,
            other => Self::None(other),
        }
    }

    /// Decompresses `stored`, which begins at `byte` of the image, into `content`: at most `limit`
    /// bytes.
    pub(super) fn decompress(
        &mut self,
        object: &'static str,
        byte: u64,
        stored: &[u8],
        limit: usize,
        content: &mut Vec<u8>,
    ) -> Result<(), TableError> {
        content.clear();
        // What is written is bounded by the room that there is.
        content.reserve_exact(limit);
        let place = Place::image(byte);
        let found = match self.run(stored, content) {
            Ok(()) if content.len() <= limit => return Ok(()),
            Ok(()) => format!("{} bytes", content.len()),
            Err(Trouble::Corrupt(found)) => found,
            Err(Trouble::Unsupported(compression)) => {
                let (expected, found) = (SUPPORTED, compression.to_string());
                return Err(TableError::Unsupported { object, place, expected, found });
            }
        };
        let expected = format!("at most {limit} bytes, compressed");
        Err(TableError::corrupt(object, place, expected, found))
    }

    #[cfg_attr(
        not(any(feature = "zstd", feature = "xz")),
        expect(unused_variables, clippy::ptr_arg, reason = "there is nothing to decompress with")
    )]
    fn run(&mut self, stored: &[u8], content: &mut Vec<u8>) -> Result<(), Trouble> {
        match self {
            #[cfg(feature = "zstd")]
            Self::Zstd(decompressor) => {
                let result = decompressor.decompress_to_buffer(stored, content);
                result.map(|_| ()).map_err(|error| Trouble::Corrupt(error.to_string()))
            }
            #[cfg(feature = "xz")]
            Self::Xz => xz(stored, content).map_err(Trouble::Corrupt),
            Self::None(compression) => Err(Trouble::Unsupported(*compression)),
        }
    }
}

/// Why a block was not decompressed.
enum Trouble {
    #[cfg_attr(
        not(any(feature = "zstd", feature = "xz")),
        expect(dead_code, reason = "there is nothing to decompress with")
    )]
    Corrupt(String),
    Unsupported(Compression),
}

#[cfg(feature = "xz")]
fn xz(stored: &[u8], content: &mut Vec<u8>) -> Result<(), String> {
    use liblzma::stream::{Action, Status, Stream};
    let stream = Stream::new_stream_decoder(XZ_MEMORY_MAX, 0);
    let mut stream = stream.map_err(|error| error.to_string())?;
    match stream.process_vec(stored, content, Action::Finish) {
        Ok(Status::StreamEnd) => Ok(()),
        Ok(_) => Err("a stream that does not end".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
