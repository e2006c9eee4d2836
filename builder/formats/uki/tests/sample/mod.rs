//! A minimal PE32+ EFI application, written from the format's description.

/// Byte offset of the PE signature.
pub(crate) const PE: usize = 0x80;
/// Byte offset of the optional header.
pub(crate) const OPTIONAL: usize = PE + 24;
/// Byte offset of the section table: behind 112 bytes and 16 data directories.
pub(crate) const TABLE: usize = OPTIONAL + 240;

const HEADERS: usize = 1024;

/// An image with two sections and 1024 bytes of headers.
pub(crate) fn stub() -> Vec<u8> {
    let sections: [(&[u8], &[u8], u32); 2] = [
        (b".text", b"\xc3 code", 0x6000_0020),
        (b".sdmagic", b"#### LoaderInfo: test ####", 0x4000_0040),
    ];
    let mut file = vec![0; HEADERS];
    put(&mut file, 0, b"MZ");
    put(&mut file, 0x3c, &(PE as u32).to_le_bytes());
    put(&mut file, PE, b"PE\0\0");
    put(&mut file, PE + 4, &0x8664_u16.to_le_bytes());
    put(&mut file, PE + 6, &2_u16.to_le_bytes());
    put(&mut file, PE + 20, &240_u16.to_le_bytes());
    // Executable, no line numbers, no symbols, large addresses, no debug information.
    put(&mut file, PE + 22, &0x022e_u16.to_le_bytes());
    put(&mut file, OPTIONAL, &0x020b_u16.to_le_bytes());
    let data = sections[1].1.len() as u32;
    for (offset, value) in [
        (4, 512),
        (8, data),
        (16, 0x1000),
        (20, 0x1000),
        (24, 0x40_0000),
        (32, 4096),
        (36, 512),
        (56, 0x3000),
        (60, HEADERS as u32),
        (108, 16),
    ] {
        put(&mut file, OPTIONAL + offset, &value.to_le_bytes());
    }
    put(&mut file, OPTIONAL + 68, &10_u16.to_le_bytes());
    for (number, (name, data, characteristics)) in sections.into_iter().enumerate() {
        let entry = TABLE + number * 40;
        let offset = file.len() as u32;
        put(&mut file, entry, name);
        for (field, value) in [
            (8, data.len() as u32),
            (12, 0x1000 * (number as u32 + 1)),
            (16, 512),
            (20, offset),
            (36, characteristics),
        ] {
            put(&mut file, entry + field, &value.to_le_bytes());
        }
        file.extend_from_slice(data);
        file.resize(offset as usize + 512, 0);
    }
    file
}

fn put(file: &mut [u8], offset: usize, value: &[u8]) {
    file[offset..offset + value.len()].copy_from_slice(value);
}
