//! The D-Bus service `org.anklume.Update1` and its client.
#![forbid(unsafe_code)]
