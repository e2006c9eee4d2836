//! Where updates come from: web servers, folders, image files.
#![forbid(unsafe_code)]
