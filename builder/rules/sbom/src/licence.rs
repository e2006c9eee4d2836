//! Licence expressions.

/// Deeper nesting than any licence has; the check is recursive.
const MAX_DEPTH: usize = 16;

/// Whether `text` is a licence expression (SPDX 2.3, annex D): identifiers with `AND`, `OR`,
/// `WITH`, `+` and parentheses. The licence list is not looked at, and an identifier of a text of
/// the document's own (`LicenseRef-`) is none.
pub(crate) fn is_expression(text: &str) -> bool {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split(' ').filter(|token| !token.is_empty()).collect();
    compound(&tokens, MAX_DEPTH).is_some_and(<[&str]>::is_empty)
}

/// Terms joined by `AND` or `OR`; the tokens after them, if they are well formed. Precedence does
/// not matter for that.
fn compound<'t>(tokens: &'t [&'t str], depth: usize) -> Option<&'t [&'t str]> {
    let depth = depth.checked_sub(1)?;
    let mut rest = term(tokens, depth)?;
    while let ["AND" | "OR", after @ ..] = rest {
        rest = term(after, depth)?;
    }
    Some(rest)
}

fn term<'t>(tokens: &'t [&'t str], depth: usize) -> Option<&'t [&'t str]> {
    match tokens {
        ["(", inner @ ..] => match compound(inner, depth)? {
            [")", after @ ..] => Some(after),
            _ => None,
        },
        [licence, "WITH", exception, after @ ..] => {
            (is_licence(licence) && is_identifier(exception)).then_some(after)
        }
        [licence, after @ ..] => is_licence(licence).then_some(after),
        [] => None,
    }
}

fn is_licence(token: &str) -> bool {
    is_identifier(token.strip_suffix('+').unwrap_or(token))
}

fn is_identifier(token: &str) -> bool {
    let operator = matches!(token, "AND" | "OR" | "WITH" | "NOASSERTION" | "NONE");
    let characters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    !token.is_empty()
        && !operator
        && !token.starts_with("LicenseRef-")
        && token.bytes().all(characters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        for good in [
            "MIT",
            "GPL-2.0-or-later",
            "LGPL-2.1+ AND (MIT OR BSD-3-Clause)",
            "GPL-2.0-only WITH Linux-syscall-note",
            "((MIT))",
            "MIT AND GPL-2.0-only WITH Classpath-exception-2.0 OR Zlib",
        ] {
            assert!(is_expression(good), "{good}");
        }
        let deep = format!("{}MIT{}", "(".repeat(20), ")".repeat(20));
        for bad in [
            "",
            " ",
            "MIT AND",
            "AND MIT",
            "MIT MIT",
            "MIT and\nZlib",
            "(MIT",
            "MIT)",
            "()",
            "MIT WITH",
            "(MIT) WITH x",
            "MIT, Zlib",
            "LicenseRef-x",
            "NOASSERTION",
            "+",
            &deep,
        ] {
            assert!(!is_expression(bad), "{bad}");
        }
    }
}
