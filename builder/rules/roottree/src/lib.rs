//! The root tree as a tar stream: index, overlays, enabled units, package list.
