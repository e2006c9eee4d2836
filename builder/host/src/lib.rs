//! Effects: processes, block devices, mounts, files, progress.
