//! Image definitions: images/*.toml, strictly parsed.
