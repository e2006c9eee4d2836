//! Sizes on the command line.

use anklume_definition::ByteSize;

use crate::failure::Failure;

/// A size such as `20G` or `512MiB`; units are binary.
pub(crate) fn parse(option: &str, text: &str) -> Result<u64, Failure> {
    let spelled = match text.chars().last() {
        Some(unit) if "KMGT".contains(unit) => format!("{text}iB"),
        _ => text.to_owned(),
    };
    let parsed: Result<ByteSize, _> = spelled.parse();
    match parsed {
        Ok(size) if size.bytes() > 0 => Ok(size.bytes()),
        _ => Err(Failure::refused(format!("{option}: `{text}` is not a size"))
            .hint("write a whole number with K, M, G or T, such as 20G")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_whole_numbers_with_a_unit() {
        assert_eq!(parse("--memory", "2G").unwrap(), 2 << 30);
        assert_eq!(parse("--memory", "512MiB").unwrap(), 512 << 20);
        for text in ["", "0", "G", "-1G", "1.8X", "99999999999T"] {
            assert!(parse("--memory", text).is_err(), "{text}");
        }
    }
}
