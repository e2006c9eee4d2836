//! Names of documents: UUIDs that come from what a document describes.

use sha2::{Digest, Sha256};

use crate::Inventory;

/// A UUID of version 8 (RFC 9562, section 5.8) for the document of kind `format` about
/// `inventory`, in lower case with hyphens.
///
/// It is made as in RFC 9562, appendix B.2: the first 16 bytes of a SHA-256, with version and
/// variant set. Hashed are the kind, the tool's version and the image's name, version and
/// architecture, each with its length, and then the root hash. A root hash stands for all that is
/// installed; another version of the tool may say other things about it, in another document.
pub(crate) fn document_uuid(format: &str, inventory: &Inventory) -> String {
    let image = &inventory.image;
    let mut hash = Sha256::new();
    for part in [format, &inventory.tool_version, &image.name, &image.version, &image.architecture]
    {
        hash.update(part.len().to_string());
        hash.update(":");
        hash.update(part);
    }
    hash.update(image.root_hash);
    uuid(hash.finalize().into())
}

fn uuid(digest: [u8; 32]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in digest.into_iter().take(16).enumerate() {
        let byte = match index {
            6 => byte & 0x0f | 0x80,
            8 => byte & 0x3f | 0x80,
            _ => byte,
        };
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&hex(&[byte]));
    }
    text
}

/// Lower-case hexadecimal digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 9562, appendix B.2.
    #[test]
    fn version_and_variant_are_set() {
        let mut digest = [0; 32];
        let head = 0x5c14_6b14_3c52_4afd_938a_375d_0df1_fbf6_u128;
        digest[..16].copy_from_slice(&head.to_be_bytes());
        assert_eq!(uuid(digest), "5c146b14-3c52-8afd-938a-375d0df1fbf6");
        assert_eq!(uuid([0xff; 32]), "ffffffff-ffff-8fff-bfff-ffffffffffff");
        assert_eq!(uuid([0; 32]), "00000000-0000-8000-8000-000000000000");
    }
}
