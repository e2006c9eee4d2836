//! A text that is not shown.

use std::fmt;

use zeroize::{ZeroizeOnDrop, Zeroizing};

/// A text that is overwritten when it is dropped, and that neither `{}` nor `{:?}` shows.
///
/// Two are compared in a time that depends on where they differ: use it for what one person typed twice, not
/// for what a stranger sends.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The text. Do not store it, and do not format it into another text that is kept.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Takes the text over without a copy.
impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

/// Takes the text over without a copy.
impl From<Zeroizing<String>> for Secret {
    fn from(text: Zeroizing<String>) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// The same for every secret: its length is one as well.
impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("********")
    }
}

impl ZeroizeOnDrop for Secret {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formatting_does_not_show_it() {
        for text in ["", "x", "correct horse battery staple"] {
            let secret = Secret::from(text.to_owned());
            assert_eq!(secret.expose(), text);
            assert_eq!(format!("{secret}"), "********");
            assert_eq!(
                format!("{secret:?} {:#?}", Some(&secret)),
                "Secret(…) Some(\n    Secret(…),\n)"
            );
        }
    }
}
