//! The kernel's modules.dep, modules.alias and modules.softdep.
