//! What names may look like.

/// Rule of [`is_label`].
pub(super) const LABEL: &str =
    "1 to 32 lower-case letters, digits and single hyphens between them, a letter first";
/// Rule of [`is_title`].
pub(super) const TITLE: &str = "1 to 64 printable ASCII characters without quotation mark, dollar sign, backquote, backslash, \
    no hyphen first";
/// Rule of [`is_line`].
pub(super) const LINE: &str = "one line of 1 to 512 characters";
/// Rule of [`is_suite`].
pub(super) const SUITE: &str = "lower-case letters and single hyphens between them";
/// Rule of [`is_package`].
pub(super) const PACKAGE: &str = "at least two lower-case letters, digits, `+`, `-` and `.`, a \
    letter or digit first, no `-` last (Debian policy 5.6.1; to apt it means to remove)";
/// Rule of [`is_unit`].
pub(super) const UNIT: &str =
    "a unit name with its suffix, such as `ssh.service` or `getty@tty1.service` (systemd.unit(5))";

/// Rule of [`is_module`].
pub(super) const MODULE: &str =
    "1 to 55 lower-case letters, digits, `_` and `-`, a letter or digit first";

/// Rule of [`is_word`].
pub(super) const WORD: &str = "letters, digits and `_.,:/=+@%~-`: all else has a meaning to the \
    boot loader or to the kernel";

/// Suffixes of units that can be enabled, disabled or masked: systemd.unit(5), all but scopes,
/// which have no file.
const UNIT_SUFFIXES: [&str; 10] = [
    "service",
    "socket",
    "device",
    "mount",
    "automount",
    "swap",
    "target",
    "path",
    "timer",
    "slice",
];

/// Names of images, package groups and overlays: safe in file names, labels and os-release.
pub(super) fn is_label(name: &str) -> bool {
    let good = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    (1..=32).contains(&name.len())
        && name.bytes().all(good)
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.split('-').all(|part| !part.is_empty())
}

/// Titles: safe between double quotes in os-release and in a GRUB script, where one that begins
/// with a hyphen would still be an option of the command that it is given to.
pub(super) fn is_title(title: &str) -> bool {
    let good = |c: u8| (b' '..=b'~').contains(&c) && !matches!(c, b'"' | b'$' | b'`' | b'\\');
    (1..=64).contains(&title.len())
        && title.bytes().all(good)
        && title.trim() == title
        && !title.starts_with('-')
}

/// Words of the kernel command line: they stand bare in a GRUB script, which is a language with
/// variables, blocks, globs and comments.
pub(super) fn is_word(word: &str) -> bool {
    let good = |c: u8| c.is_ascii_alphanumeric() || b"_.,:/=+@%~-".contains(&c);
    !word.is_empty() && word.bytes().all(good)
}

/// Explanations.
pub(super) fn is_line(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= 512 && !text.chars().any(char::is_control)
}

/// Suites of an archive.
pub(super) fn is_suite(suite: &str) -> bool {
    suite.len() <= 64
        && suite.bytes().all(|c| c.is_ascii_lowercase() || c == b'-')
        && suite.split('-').all(|part| !part.is_empty())
}

/// Binary packages.
pub(super) fn is_package(name: &str) -> bool {
    let alphanumeric = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    (2..=128).contains(&name.len())
        && name.bytes().next().is_some_and(alphanumeric)
        && !name.ends_with('-')
        && name.bytes().all(|c| alphanumeric(c) || matches!(c, b'+' | b'-' | b'.'))
}

/// Kernel modules, whose names are part of a file's and have 56 bytes in the kernel with the final
/// zero (`MODULE_NAME_LEN`).
pub(super) fn is_module(name: &str) -> bool {
    let alphanumeric = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    (1..=55).contains(&name.len())
        && name.bytes().next().is_some_and(alphanumeric)
        && name.bytes().all(|c| alphanumeric(c) || matches!(c, b'_' | b'-'))
}

/// Units with a file: a name, `name@instance` or a template `name@`, and the suffix.
pub(super) fn is_unit(unit: &str) -> bool {
    let good = |c: u8| c.is_ascii_alphanumeric() || b":-_.\\@".contains(&c);
    unit.len() <= 255
        && unit.bytes().all(good)
        && unit.rsplit_once('.').is_some_and(|(name, suffix)| {
            !name.is_empty() && !name.starts_with('@') && UNIT_SUFFIXES.contains(&suffix)
        })
}

/// Templates without an instance: they can be masked but not started.
pub(super) fn is_template(unit: &str) -> bool {
    unit.rsplit_once('.').is_some_and(|(name, _)| name.ends_with('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels() {
        for good in ["debian", "a", "debian-test", "x86-64"] {
            assert!(is_label(good), "{good}");
        }
        let long = "a".repeat(33);
        for bad in ["", "-a", "a-", "a--b", "A", "1a", "a_b", "a.b", "é", "../a", &long] {
            assert!(!is_label(bad), "{bad}");
        }
    }

    #[test]
    fn titles_need_no_quoting() {
        assert!(is_title("anklume live OS (test)"));
        for bad in ["", " a", "a ", "a\"b", "$(a)", "`a`", "a\\b", "a\nb", "é", "-a", "--id=x"] {
            assert!(!is_title(bad), "{bad}");
        }
    }

    #[test]
    fn words_mean_nothing_to_a_boot_loader() {
        for good in ["quiet", "console=ttyS0,115200", "a.b=/c:d+e@f%g~h-i_j", "--"] {
            assert!(is_word(good), "{good}");
        }
        for bad in [
            "", "a;halt", "{", "}", "$x", "'a'", "a=\"b\"", "a|b", "a>b", "a<b", "a&b", "`a`",
            "a\\b", "#a", "a*", "a?", "[a]", "(a)", "!a", "^a", "a b", "a\tb", "a\nb", "a\0", "é",
        ] {
            assert!(!is_word(bad), "{bad}");
        }
    }

    #[test]
    fn packages_follow_debian_policy() {
        for good in ["g++", "libstdc++6", "0ad", "linux-image-6.12.117+deb13-amd64"] {
            assert!(is_package(good), "{good}");
        }
        for bad in
            ["", "a", "-a", "a-", "+a", "Kbd", "a b", "a:amd64", "a=1", "a/trixie", "a_b", "kbd-é"]
        {
            assert!(!is_package(bad), "{bad}");
        }
    }

    #[test]
    fn units_have_a_known_suffix() {
        for good in ["ssh.service", "getty@tty1.service", "getty@.service", "dev-sda\\x2d1.swap"] {
            assert!(is_unit(good), "{good}");
        }
        for bad in
            ["", "ssh", "ssh.servise", ".service", "@a.service", "a b.timer", "x.scope", "a/b.path"]
        {
            assert!(!is_unit(bad), "{bad}");
        }
        assert!(is_template("getty@.service"));
        assert!(!is_template("getty@tty1.service"));
    }

    #[test]
    fn suites() {
        assert!(is_suite("trixie") && is_suite("trixie-backports"));
        for bad in ["", "-a", "trixie/updates", "13", "Trixie"] {
            assert!(!is_suite(bad), "{bad}");
        }
    }
}
