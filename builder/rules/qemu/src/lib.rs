//! QEMU command lines for images: firmware, medium, data disks, console.
