//! JSON schema of definitions, for editors.

use crate::Definition;

/// The JSON schema (draft 2020-12) of a definition, with a final newline.
///
/// `images/schema.json` holds this text; a test compares them. The schema is looser than
/// [`Definition::parse`]: it knows keys, types and ranges, not what spans several keys.
#[must_use]
pub fn json_schema() -> String {
    let schema = schemars::schema_for!(Definition);
    format!("{:#}\n", schema.as_value())
}
