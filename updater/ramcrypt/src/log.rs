//! What the kernel says at its start.

use crate::{KernelLog, SevLevel};

/// How the line begins that names what is active. Older kernels wrote the second one.
const ACTIVE: [&str; 2] =
    ["Memory Encryption Features active:", "AMD Memory Encryption Features active:"];
const TME_ON: &str = "x86/tme: enabled by BIOS";
const TME_OFF: &str = "x86/tme: not enabled by BIOS";

/// What the kernel says is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Active {
    Sme,
    Sev(SevLevel),
    Tdx,
}

impl KernelLog {
    /// What the kernel says is active; `None` if it does not say, or not in words that are known.
    pub(crate) fn active(&self) -> Option<Active> {
        self.lines.iter().filter_map(|line| names(line)).find_map(active)
    }

    /// Whether the kernel did not say that anything is active. It says what is, so nothing is. A line
    /// that might say so in other words, as older kernels did, is no denial.
    pub(crate) fn denies(&self) -> bool {
        let may_say = |line: &String| line.contains("Encrypt") && line.contains("active");
        self.is_complete && !self.lines.iter().any(may_say)
    }

    /// Whether the kernel found that the firmware enabled TME.
    pub(crate) fn tme(&self) -> Option<bool> {
        let has = |expected: &str| self.lines.iter().any(|line| line == expected);
        match (has(TME_OFF), has(TME_ON)) {
            (true, _) => Some(false),
            (false, true) => Some(true),
            (false, false) => None,
        }
    }
}

/// What follows the beginning of the line.
fn names(line: &str) -> Option<&str> {
    ACTIVE.iter().find_map(|start| line.strip_prefix(start))
}

fn active(names: &str) -> Option<Active> {
    let has = |name: &str| names.split_ascii_whitespace().any(|word| word == name);
    [
        ("SEV-SNP", Active::Sev(SevLevel::SevSnp)),
        ("SEV-ES", Active::Sev(SevLevel::SevEs)),
        ("SEV", Active::Sev(SevLevel::Sev)),
        ("SME", Active::Sme),
        ("TDX", Active::Tdx),
    ]
    .into_iter()
    .find_map(|(name, active)| has(name).then_some(active))
}
