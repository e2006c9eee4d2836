//! Package URLs of type `deb`.

use crate::Distribution;

/// The architecture that stands for a source package in a package URL.
pub const SOURCE_ARCHITECTURE: &str = "source";

/// `pkg:deb/ID/NAME@VERSION?arch=ARCHITECTURE&distro=CODENAME` (ECMA-427, "Package-URL
/// specification", and its type definition `deb`).
///
/// Distribution and name are put in lower case, as the type asks for. A qualifier whose value is
/// empty is left out.
#[must_use]
pub fn purl(distribution: &Distribution, name: &str, version: &str, architecture: &str) -> String {
    let mut url = String::from("pkg:deb/");
    encode(&mut url, &distribution.id.to_lowercase());
    url.push('/');
    encode(&mut url, &name.to_lowercase());
    url.push('@');
    encode(&mut url, version);
    // Keys are in alphabetical order.
    let qualifiers = [("arch", architecture), ("distro", distribution.codename.as_str())];
    let present = qualifiers.iter().filter(|(_, value)| !value.is_empty());
    for ((key, value), separator) in present.zip(['?', '&']) {
        url.push(separator);
        url.push_str(key);
        url.push('=');
        encode(&mut url, value);
    }
    url
}

/// Percent-encodes all but letters, digits, `.`, `-`, `_`, `~` and `:` (ECMA-427, "Character
/// encoding": a colon is never encoded).
fn encode(url: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(id: &str, codename: &str) -> Distribution {
        Distribution { id: id.into(), codename: codename.into() }
    }

    /// Cases of the specification's own test suite for the type `deb`.
    #[test]
    fn cases_of_the_specification() {
        for (id, codename, name, version, architecture, expected) in [
            (
                "debian",
                "jessie",
                "curl",
                "7.50.3-1",
                "i386",
                "pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=jessie",
            ),
            ("ubuntu", "", "dpkg", "1.19.0.4", "amd64", "pkg:deb/ubuntu/dpkg@1.19.0.4?arch=amd64"),
            (
                "debian",
                "",
                "attr",
                "1:2.4.47-2",
                SOURCE_ARCHITECTURE,
                "pkg:deb/debian/attr@1:2.4.47-2?arch=source",
            ),
            (
                "debian",
                "",
                "attr",
                "1:2.4.47-2+b1",
                "amd64",
                "pkg:deb/debian/attr@1:2.4.47-2%2Bb1?arch=amd64",
            ),
        ] {
            assert_eq!(purl(&distribution(id, codename), name, version, architecture), expected);
        }
    }

    #[test]
    fn every_other_byte_is_encoded() {
        let url = purl(&distribution("Debian", "x/y"), "libstdc++6", "1:2~rc1 @?#é%", "");
        assert_eq!(url, "pkg:deb/debian/libstdc%2B%2B6@1:2~rc1%20%40%3F%23%C3%A9%25?distro=x%2Fy");
    }
}
