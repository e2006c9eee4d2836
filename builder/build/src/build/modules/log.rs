//! What went wrong when modules were built: the words of the build, and where all of them are.

use std::fs;
use std::path::Path;

use anklume_host::file::replace;

use super::result::read;
use crate::events::Reporter;
use crate::failure::{Context, Failure};

/// Lines of the log that are shown.
const SHOWN_LINES: usize = 15;
/// dkms's exit code for a kernel that the source says it does not support (`BUILD_EXCLUSIVE`).
const EXCLUDED: &str = "77";
/// What a configure script of a source says of a kernel that it does not know (OpenZFS).
const UNSUPPORTED: &str = "Cannot build against kernel version";
/// How lines begin or what they hold that tell what is wrong. The first one in a log counts: what
/// follows is mostly a consequence.
const TELLING: [&str; 4] = [" error: ", "error: ", "Error! ", "*** "];

/// The failure that the folder `out` tells of, if the build of a source failed. Its log is kept at
/// `kept`, and the end of it shown.
pub(super) fn failure(
    out: &Path,
    release: &str,
    kept: &Path,
    reporter: &Reporter,
) -> Result<Option<Failure>, Failure> {
    let text = |name: &str| -> Option<String> {
        let bytes = read(fs::File::open(out.join(name)).ok()?).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let Some(source) = text("failed") else { return Ok(None) };
    let (code, log) = (text("code").unwrap_or_default(), text("log").unwrap_or_default());
    let what = || format!("writing {}", kept.display());
    fs::create_dir_all(kept.parent().unwrap_or(kept)).context(what())?;
    replace(kept, log.as_bytes()).context(what())?;
    for line in tail(&log) {
        reporter.note(line);
    }
    let failure = explain(source.trim(), code.trim(), &log, release);
    Ok(Some(failure.hint(format!(
        "the whole log is {}; --without leaves an optional group of packages out of the image",
        kept.display()
    ))))
}

/// What is wrong, in one line.
fn explain(source: &str, code: &str, log: &str, release: &str) -> Failure {
    let says = |line: &&str| TELLING.iter().any(|word| line.contains(word));
    let line = log.lines().map(str::trim).find(says);
    let said = line.map(|line| format!(": {line}")).unwrap_or_default();
    if code == EXCLUDED || log.contains(UNSUPPORTED) {
        return Failure::refused(format!("{source} does not support the kernel {release}{said}"));
    }
    Failure::failed(format!(
        "{source} cannot be built for {release} (dkms ended with {code}){said}"
    ))
}

/// The last lines that say something.
fn tail(log: &str) -> Vec<&str> {
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;

    #[test]
    fn a_failed_build_is_named_and_its_log_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (out, kept) = (folder.path().join("out"), folder.path().join("cache/modules/k.log"));
        fs::create_dir(&out).unwrap();
        let reporter = Reporter::new(false);
        assert!(failure(&out, "6.12", &kept, &reporter).unwrap().is_none());
        let log = "CC x.o\nzio.c:7:1: error: unknown type name 'foo'\nmake: *** [x.o] Error 1\n";
        for (name, text) in [("failed", "zfs-2.3\n"), ("code", "10\n"), ("log", log)] {
            fs::write(out.join(name), text).unwrap();
        }
        let failure = failure(&out, "6.12", &kept, &reporter).unwrap().unwrap();
        assert_eq!(
            failure.message(),
            "zfs-2.3 cannot be built for 6.12 (dkms ended with 10): zio.c:7:1: error: unknown type \
             name 'foo'"
        );
        assert!(failure.hint_text().unwrap().contains(kept.to_str().unwrap()));
        assert_eq!(fs::read_to_string(&kept).unwrap(), log);
    }

    #[test]
    fn a_kernel_that_is_not_supported_is_no_failure_of_the_build() {
        let newer = "configure: error:\n\t*** Cannot build against kernel version 7.9.\n";
        for (code, log) in [("77", "Error! the kernel is too old\n"), ("10", newer)] {
            let failure = explain("zfs-2.3", code, log, "7.9-amd64");
            assert_eq!(failure.kind(), Kind::Refused);
            let text = failure.message();
            assert!(text.starts_with("zfs-2.3 does not support the kernel 7.9-amd64: "), "{text}");
        }
        assert_eq!(explain("zfs-2.3", "10", "", "6.12").kind(), Kind::Failed);
    }

    #[test]
    fn the_end_of_a_log_is_shown() {
        let log: String = (0..40).map(|line| format!("line {line}\n\n")).collect();
        let shown = tail(&log);
        assert_eq!((shown.len(), shown[0], shown[14]), (15, "line 25", "line 39"));
        assert!(tail("").is_empty());
    }
}
