//! What the types alone do not say.

mod container;
mod names;
mod packages;
mod system;

use crate::locate::Place;
use crate::{Definition, Problem};

/// How the names of test images, and no others, end.
const TEST_SUFFIX: &str = "-test";
/// What the titles of test images, and no others, contain.
const TEST_WORD: &str = "TEST";

/// A problem and the key that has it.
type Fault = (Place, Problem);

/// Checks everything; the first problem is the answer.
pub(crate) fn definition(definition: &Definition) -> Result<(), Fault> {
    identity(definition)?;
    system::os(&definition.os)?;
    system::kernel(definition)?;
    packages::groups(definition)?;
    system::overlays(definition)?;
    system::paths(&definition.paths, &Place::top("paths"))?;
    system::links(definition)?;
    container::container(definition)?;
    system::sizes(definition)?;
    system::update(&definition.update)
}

/// Name, title and description.
fn identity(definition: &Definition) -> Result<(), Fault> {
    let Definition { name, title, description, .. } = definition;
    require(names::is_label(name), Place::top("name"), "image name", name, names::LABEL)?;
    require(names::is_title(title), Place::top("title"), "title", title, names::TITLE)?;
    test_image(definition)?;
    let place = Place::top("description");
    require(names::is_line(description), place, "description", description, names::LINE)
}

/// A test image opens shells to anybody: its file name and its menu must say so, and nothing else
/// may look like one.
fn test_image(definition: &Definition) -> Result<(), Fault> {
    let Definition { name, title, test, .. } = definition;
    let (expected_name, expected_title) = match test {
        true => (
            "one that ends in `-test`, since `test = true`",
            "one with `TEST`, since `test = true`",
        ),
        false => (
            "one that does not end in `-test`, which is for definitions with `test = true`",
            "one without `TEST`, which is for definitions with `test = true`",
        ),
    };
    let marked = name.ends_with(TEST_SUFFIX) == *test;
    require(marked, Place::top("name"), "image name", name, expected_name)?;
    let marked = title.contains(TEST_WORD) == *test;
    require(marked, Place::top("title"), "title", title, expected_title)
}

/// Refuses the value `found` at `place` unless it is `valid`.
fn require(
    valid: bool,
    place: Place,
    what: &'static str,
    found: &str,
    expected: &'static str,
) -> Result<(), Fault> {
    if valid {
        return Ok(());
    }
    Err((place, Problem::Invalid { what, found: found.to_owned(), expected }))
}

/// Refuses a value that is twice in the list at `place`.
fn unique<'a>(
    what: &'static str,
    place: &Place,
    names: impl Iterator<Item = &'a str>,
) -> Result<(), Fault> {
    let mut seen = std::collections::BTreeMap::new();
    for (index, name) in names.enumerate() {
        let here = place.clone().index(index);
        if let Some(first) = seen.insert(name, index) {
            let first = place.clone().index(first).to_string();
            let second = here.to_string();
            return Err((here, Problem::Duplicate { what, name: name.to_owned(), first, second }));
        }
    }
    Ok(())
}
