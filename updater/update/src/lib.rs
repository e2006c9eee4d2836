//! What an update does on the machine: refresh, check, prepare, activate.
#![forbid(unsafe_code)]
