//! Identifiers of elements: letters, digits, `.` and `-` (SPDX 2.3, section 7.2).

/// `SPDXRef-` and `kind` and `parts`, joined by hyphens. Different parts give different
/// identifiers.
///
/// Lower-case letters, digits, `.` and `-` stand for themselves, as most of a Debian name; any
/// other byte is `X` and two hexadecimal digits in upper case. In all parts but the last a hyphen
/// is written that way too, so that it is clear where they end.
pub(super) fn id(kind: &str, parts: &[&str]) -> String {
    let mut id = format!("SPDXRef-{kind}");
    let last = parts.len().saturating_sub(1);
    for (index, part) in parts.iter().enumerate() {
        id.push('-');
        for byte in part.bytes() {
            let hyphen = byte == b'-' && index == last;
            if byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.' || hyphen {
                id.push(char::from(byte));
            } else {
                id.push_str(&format!("X{byte:02X}"));
            }
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_differ_where_parts_do() {
        assert_eq!(id("Package", &["amd64", "libstdc++6"]), "SPDXRef-Package-amd64-libstdcX2BX2B6");
        assert_eq!(id("Source", &["1:2.36-9", "g-l"]), "SPDXRef-Source-1X3A2.36X2D9-g-l");
        let pairs = [["a-b", "c"], ["a", "b-c"], ["aX", "c"], ["aX58", "c"], ["a:", "c"]];
        let ids: std::collections::BTreeSet<_> = pairs.iter().map(|pair| id("P", pair)).collect();
        assert_eq!(ids.len(), pairs.len());
    }
}
