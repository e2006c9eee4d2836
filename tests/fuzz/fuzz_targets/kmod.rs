//! Invariant: any text ends in an index or an error; the load order of every module of an index
//! names each module once, the module itself included; the index of all modules reads back from
//! its own text; and no pattern takes longer than its length times the length of the text.
//!
//! The four files of an index follow each other, separated by zero bytes; a fifth part is matched
//! against the aliases.
#![no_main]

use anklume_kmod::{Index, Texts};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut parts = text.split('\0');
    let mut part = || parts.next().unwrap_or_default();
    let texts = Texts { dep: part(), alias: part(), softdep: part(), builtin: part() };
    let modalias = part();
    let Ok(index) = Index::parse(&texts) else { return };
    let _ = index.matching(modalias);
    for (name, _) in index.modules().take(64) {
        if let Ok(order) = index.load_order(name) {
            let mut names: Vec<_> = order.iter().map(|(name, _)| *name).collect();
            assert!(names.contains(&name));
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), order.len());
        }
    }
    let out = index.encode();
    let texts =
        Texts { dep: &out.dep, alias: &out.alias, softdep: &out.softdep, builtin: &out.builtin };
    // Dependencies on what is built in have no file to name, so that only the second time must be
    // the same as the first.
    let again = Index::parse(&texts).expect("own text").encode();
    assert_eq!(again, out);
});
