//! Records of a PAX extended header: `length keyword=value\n`, the length in decimal and over the
//! whole record. POSIX.1-2017, `pax`, "pax Extended Header".

use super::Attribute;
use crate::error::Corruption;
use std::collections::BTreeMap;

/// Keyword prefix of an extended attribute, as GNU tar, star, libarchive and tar2sqfs use it.
const ATTRIBUTE_PREFIX: &[u8] = b"SCHILY.xattr.";

/// What the records before an entry say about it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) mtime: Option<u64>,
    pub(super) attributes: BTreeMap<Box<str>, Box<[u8]>>,
    /// A record of GNU's sparse formats was there.
    pub(super) sparse: bool,
    /// A record that changes an entry was there.
    pub(super) binding: bool,
}

impl Records {
    /// Adds the records in `data`; a later record of one keyword wins. An empty value takes the
    /// earlier one back, as POSIX says.
    pub(super) fn add(&mut self, data: &[u8]) -> Result<(), Corruption> {
        let mut rest = data;
        while !rest.is_empty() {
            let at = data.len().saturating_sub(rest.len());
            let (keyword, value, after) = record(rest).ok_or(Corruption::Pax { at })?;
            self.set(keyword, value)?;
            rest = after;
        }
        Ok(())
    }

    fn set(&mut self, keyword: &[u8], value: &[u8]) -> Result<(), Corruption> {
        let text = || (!value.is_empty()).then(|| value.to_vec());
        self.binding |= keyword != b"comment";
        match keyword {
            b"path" => self.path = text(),
            b"linkpath" => self.link = text(),
            b"size" => self.size = number(value, "PAX size")?,
            b"uid" => self.uid = small(value, "PAX uid")?,
            b"gid" => self.gid = small(value, "PAX gid")?,
            b"mtime" => self.mtime = time(value)?,
            _ if keyword.starts_with(b"GNU.sparse.") => self.sparse = true,
            _ => {
                if let Some(name) = keyword.strip_prefix(ATTRIBUTE_PREFIX) {
                    self.attribute(name, value)?;
                }
            }
        }
        Ok(())
    }

    fn attribute(&mut self, name: &[u8], value: &[u8]) -> Result<(), Corruption> {
        let name = std::str::from_utf8(name)
            .map_err(|_| Corruption::NotUtf8 { field: "extended attribute" })?;
        self.attributes.insert(name.into(), value.into());
        Ok(())
    }
}

/// The first record of `bytes`: keyword, value, what follows.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let length = usize::try_from(decimal(bytes.get(..space)?)?).ok()?;
    let (whole, rest) = bytes.split_at_checked(length)?;
    let body = whole.get(space.checked_add(1)?..)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|byte| *byte == b'=')?;
    let (keyword, value) = body.split_at_checked(equals)?;
    Some((keyword, value.get(1..)?, rest))
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, digit| match digit {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(digit.wrapping_sub(b'0'))),
        _ => None,
    })
}

fn number(value: &[u8], field: &'static str) -> Result<Option<u64>, Corruption> {
    match value {
        b"" => Ok(None),
        _ => decimal(value).map(Some).ok_or(Corruption::Number { field }),
    }
}

fn small(value: &[u8], field: &'static str) -> Result<Option<u32>, Corruption> {
    let number = number(value, field)?.map(u32::try_from).transpose();
    number.map_err(|_| Corruption::Number { field })
}

/// Seconds since 1970, maybe with a fraction, which no file system of an image keeps. What is
/// older counts as 1970.
fn time(value: &[u8]) -> Result<Option<u64>, Corruption> {
    if value.starts_with(b"-") {
        return Ok(Some(0));
    }
    number(value.split(|byte| *byte == b'.').next().unwrap_or_default(), "PAX mtime")
}

/// One record as bytes.
pub(super) fn encode(keyword: &[u8], value: &[u8]) -> Vec<u8> {
    // The length counts its own digits: grow it until it is its own length.
    let body = keyword.len().saturating_add(value.len()).saturating_add(3);
    let mut length = body.saturating_add(1);
    while body.saturating_add(length.to_string().len()) != length {
        length = body.saturating_add(length.to_string().len());
    }
    [length.to_string().as_bytes(), b" ", keyword, b"=", value, b"\n"].concat()
}

/// The record of an extended attribute.
pub(super) fn encode_attribute(attribute: &Attribute) -> Vec<u8> {
    encode(&[ATTRIBUTE_PREFIX, attribute.name.as_bytes()].concat(), &attribute.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_count_their_own_digits() {
        assert_eq!(encode(b"path", b"x"), b"9 path=x\n");
        for size in 0..2000 {
            let bytes = encode(b"k", &vec![b'v'; size]);
            let (keyword, value, rest) = record(&bytes).unwrap();
            assert_eq!((keyword, value.len(), rest.len()), (&b"k"[..], size, 0));
        }
    }

    #[test]
    fn values_may_hold_anything_and_later_ones_win() {
        let attribute = Attribute { name: "user.a".into(), value: (*b"=\n\0").into() };
        let mut data = encode(b"mtime", b"12.987");
        data.extend(encode_attribute(&attribute));
        data.extend(encode(b"mtime", b"13.5"));
        data.extend(encode(b"uid", b""));
        let mut records = Records::default();
        records.add(&data).unwrap();
        assert_eq!(records.mtime, Some(13));
        assert_eq!(records.uid, None);
        let attributes = records.attributes.into_iter();
        assert_eq!(
            attributes.map(|(name, value)| Attribute { name, value }).collect::<Vec<_>>(),
            [attribute]
        );
    }

    #[test]
    fn damage_names_its_byte() {
        let mut data = encode(b"path", b"x");
        data.extend(b"99 path=y\n");
        assert_eq!(Records::default().add(&data), Err(Corruption::Pax { at: 9 }));
        assert_eq!(Records::default().add(b"0 a=b\n"), Err(Corruption::Pax { at: 0 }));
        assert_eq!(Records::default().add(b" a=b\n"), Err(Corruption::Pax { at: 0 }));
        let size = encode(b"size", b"18446744073709551616");
        assert!(matches!(Records::default().add(&size), Err(Corruption::Number { .. })));
    }
}
