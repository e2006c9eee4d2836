//! Whether a program can run in an image: as PID 1 of the initramfs, or in the OS of any suite.

use std::path::Path;

use anklume_bytes::ReadAt;
use anklume_host::file::FileReader;

use crate::failure::Failure;

/// Bytes of the header of a 64-bit ELF file.
const HEADER_BYTES: u64 = 64;
/// Bytes of a program header of such a file.
const PROGRAM_HEADER_BYTES: u64 = 56;
/// Most program headers that are read; programs have about ten.
const MAX_PROGRAM_HEADERS: u64 = 256;
/// `\x7fELF`, 64 bits, little-endian.
const MAGIC: [u8; 6] = *b"\x7fELF\x02\x01";
/// `EM_X86_64`.
const X86_64: u64 = 62;
/// `ET_EXEC` and `ET_DYN`: position-independent programs are of the latter.
const TYPES: [u64; 2] = [2, 3];
/// `PT_LOAD`: without one there is nothing to run.
const LOAD: u64 = 1;
/// `PT_INTERP`: the dynamic loader, which no initramfs of ours has.
const INTERPRETER: u64 = 3;

/// Refuses a program that the kernel could not start in the initramfs: it holds no libraries and no
/// other architecture runs, and the machine would stop with a panic.
pub(super) fn check(path: &Path) -> Result<(), Failure> {
    let wrong = |what: &str| {
        Failure::refused(format!("{} is not a program for the image: {what}", path.display()))
            .hint("images take static x86-64 programs, as `cargo xtask build` makes them")
    };
    let reader = FileReader::open(path).map_err(|error| wrong(&error.to_string()))?;
    problem(&reader).map_or(Ok(()), |what| Err(wrong(what)))
}

/// Why `program` cannot be started (elf(5)).
fn problem(program: &impl ReadAt) -> Option<&'static str> {
    let Ok(header) = program.read_vec(0, HEADER_BYTES, HEADER_BYTES) else {
        return Some("too short for an ELF file");
    };
    if !header.starts_with(&MAGIC) {
        return Some("no 64-bit ELF file");
    }
    if number(&header, 18, 2) != X86_64 {
        return Some("not for x86-64");
    }
    if !TYPES.contains(&number(&header, 16, 2)) || number(&header, 24, 8) == 0 {
        return Some("not executable, but an object file or a library");
    }
    let count = number(&header, 56, 2);
    if number(&header, 54, 2) != PROGRAM_HEADER_BYTES || count > MAX_PROGRAM_HEADERS {
        return Some("its program headers are damaged");
    }
    let (offset, bytes) = (number(&header, 32, 8), count * PROGRAM_HEADER_BYTES);
    let Ok(headers) = program.read_vec(offset, bytes, bytes) else {
        return Some("its program headers are damaged");
    };
    let mut kinds = headers.chunks_exact(PROGRAM_HEADER_BYTES as usize).map(|h| number(h, 0, 4));
    if kinds.clone().any(|kind| kind == INTERPRETER) {
        return Some("it is dynamically linked, and the image may have other libraries or none");
    }
    (!kinds.any(|kind| kind == LOAD)).then_some("nothing in it would be loaded")
}

/// The little-endian number of `length` bytes at `at`; bytes that are not there count as zero.
fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    let field = bytes.iter().skip(at).take(length);
    field.rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program with one header of each of `kinds`.
    fn program(kinds: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56 * kinds.len()];
        bytes[..6].copy_from_slice(&MAGIC);
        (bytes[16], bytes[18], bytes[24], bytes[32]) = (2, 62, 1, 64);
        (bytes[54], bytes[56]) = (56, kinds.len() as u8);
        for (index, kind) in kinds.iter().enumerate() {
            bytes[64 + 56 * index] = *kind;
        }
        bytes
    }

    fn with(at: usize, byte: u8) -> Option<&'static str> {
        let mut bytes = program(&[1]);
        bytes[at] = byte;
        problem(&bytes.as_slice())
    }

    #[test]
    fn static_programs_can_start() {
        assert_eq!(problem(&program(&[1, 2]).as_slice()), None);
        assert_eq!(with(16, 3), None);
    }

    #[test]
    fn everything_else_cannot() {
        assert_eq!(problem(&b"#!/bin/sh\n".as_slice()), Some("too short for an ELF file"));
        assert_eq!(problem(&[b' '; 100].as_slice()), Some("no 64-bit ELF file"));
        assert_eq!(with(4, 1), Some("no 64-bit ELF file"));
        assert_eq!(with(18, 183), Some("not for x86-64"));
        assert_eq!(with(16, 1), with(24, 0));
        assert!(with(24, 0).is_some_and(|what| what.starts_with("not executable")));
        assert_eq!(with(54, 32), Some("its program headers are damaged"));
        assert_eq!(with(33, 1), Some("its program headers are damaged"));
        assert_eq!(with(56, 0), Some("nothing in it would be loaded"));
        let dynamic = problem(&program(&[1, 3]).as_slice());
        assert!(dynamic.is_some_and(|what| what.contains("dynamically linked")));
    }
}
