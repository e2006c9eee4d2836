//! Boots real images in QEMU and asserts on what the guest reports.
