//! Loading kernel modules.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::kmod::ModuleInitFlags;

/// What became of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loaded {
    /// It is loaded now.
    Now,
    /// It had been there before.
    Already,
}

/// Loads the uncompressed module file at `path` with parameters, separated by spaces
/// (finit_module(2)), and returns when its start function has.
///
/// # Errors
/// What the operating system says: `ENODEV` when the machine lacks what the module is for, `EINVAL`
/// for the value of a parameter that the module does not take.
pub fn load(path: &Path, parameters: &str) -> io::Result<Loaded> {
    let file = File::open(path)?;
    let parameters = CString::new(parameters)?;
    match nix::kmod::finit_module(&file, &parameters, ModuleInitFlags::empty()) {
        Ok(()) => Ok(Loaded::Now),
        Err(Errno::EEXIST) => Ok(Loaded::Already),
        Err(errno) => Err(errno.into()),
    }
}

/// The release of the running kernel, as `uname -r` prints it: the name of its folder of modules.
///
/// # Errors
/// What the operating system says.
pub fn kernel_release() -> io::Result<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_module_is_refused() {
        // EPERM for ordinary users, ENOEXEC for root.
        assert!(load(Path::new("/proc/self/exe"), "").is_err());
        assert!(load(Path::new("/no/such/module.ko"), "a=1").is_err());
        assert!(!kernel_release().unwrap().contains('\n'));
    }
}
