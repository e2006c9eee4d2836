//! What this boot is asked to do.

use std::time::Duration;

use anklume_gpt::Guid;
use anklume_layout::initconf::InitConf;
use anklume_layout::{cmdline, initramfs};
use anklume_verity::RootHash;

use crate::error::Error;
use crate::toram::Wish;

/// How long to wait for the medium when the command line does not say: a slow stick behind two
/// hubs is there after ten seconds, a disk that has to spin up after twenty.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// The kernel command line, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// The OS to boot.
    pub(crate) root_hash: RootHash,
    /// Path of the image file that the boot loader read, from the root of its file system.
    pub(crate) image_file: Option<String>,
    /// The partition that the boot loader read the kernel from, if it says so.
    pub(crate) loader_partition: Option<Guid>,
    /// How long to wait for the medium.
    pub(crate) timeout: Duration,
    /// Whether the OS is to be copied into RAM.
    pub(crate) toram: Wish,
    /// Whether a shell is wanted when the boot fails.
    pub(crate) shell: bool,
    /// Whether details are shown.
    pub(crate) verbose: bool,
    /// Program of the OS to hand over to.
    pub(crate) next: String,
}

impl Request {
    /// Reads the command line. Keys that would let somebody at a boot prompt into the OS count in
    /// images of the tests only.
    pub(crate) fn parse(line: &str, conf: &InitConf) -> Result<Self, Error> {
        let flag = |key| cmdline::value(line, key) == Some("1");
        let root_hash = cmdline::value(line, cmdline::ROOT_HASH).ok_or(Error::NoRootHash)?;
        let timeout = cmdline::value(line, cmdline::TIMEOUT).and_then(|text| text.parse().ok());
        let next = cmdline::value(line, cmdline::INIT).filter(|_| conf.test_image);
        Ok(Self {
            root_hash: root_hash.parse().map_err(Error::BadRootHash)?,
            image_file: cmdline::value(line, cmdline::ISO_FILE)
                .filter(|path| !path.is_empty())
                .map(str::to_owned),
            loader_partition: cmdline::value(line, cmdline::LOADER_PARTITION)
                .and_then(|text| text.parse().ok()),
            timeout: timeout.map_or(DEFAULT_TIMEOUT, Duration::from_secs),
            toram: Wish::parse(cmdline::value(line, cmdline::TORAM)),
            shell: conf.test_image && flag(cmdline::SHELL),
            verbose: flag(cmdline::VERBOSE),
            next: next.unwrap_or(initramfs::NEXT).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(test_image: bool) -> InitConf {
        InitConf {
            conf_version: 1,
            test_image,
            compatible: "debian".to_owned(),
            image_version: "1".to_owned(),
            os: "Debian".to_owned(),
            modules_load: Vec::new(),
        }
    }

    fn line(rest: &str) -> String {
        format!("quiet {}={} {rest}", cmdline::ROOT_HASH, "ab".repeat(32))
    }

    #[test]
    fn the_command_line_decides() {
        let request =
            Request::parse(&line("iso-scan/filename=/a/b.iso anklume.timeout=5"), &conf(false));
        let request = request.unwrap();
        assert_eq!(request.root_hash, RootHash([0xab; 32]));
        assert_eq!(request.image_file.as_deref(), Some("/a/b.iso"));
        assert_eq!(request.timeout, Duration::from_secs(5));
        assert_eq!(request.toram, Wish::Auto);
        let request = Request::parse(&line("anklume.toram=0"), &conf(false)).unwrap();
        assert_eq!(request.toram, Wish::Never);
        let request = Request::parse(&line("anklume.timeout=x"), &conf(false)).unwrap();
        assert_eq!((request.timeout, request.image_file), (DEFAULT_TIMEOUT, None));
        assert_eq!(request.loader_partition, None);
        let guid = "4661452f-f6a3-4907-9eda-65969a765f5f";
        let text = line(&format!("anklume.loader-partition={guid}"));
        let request = Request::parse(&text, &conf(false)).unwrap();
        assert_eq!(request.loader_partition, guid.parse().ok());
    }

    #[test]
    fn a_product_image_gives_nobody_a_shell() {
        let line = line("anklume.shell=1 init=/bin/sh");
        let request = Request::parse(&line, &conf(false)).unwrap();
        assert_eq!((request.shell, request.next.as_str()), (false, "/sbin/init"));
        let request = Request::parse(&line, &conf(true)).unwrap();
        assert_eq!((request.shell, request.next.as_str()), (true, "/bin/sh"));
    }

    #[test]
    fn a_root_hash_is_needed_and_has_64_digits() {
        assert!(matches!(Request::parse("quiet", &conf(true)), Err(Error::NoRootHash)));
        let short = format!("{}=abcd", cmdline::ROOT_HASH);
        assert!(matches!(Request::parse(&short, &conf(true)), Err(Error::BadRootHash(_))));
    }
}
