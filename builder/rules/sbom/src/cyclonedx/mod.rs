//! CycloneDX 1.6 as JSON.

mod model;

use self::model::{
    Component, Contact, Dependency, Document, ExternalReference, Hash, Licence, Metadata, Property,
    Supplier, Tools,
};
use crate::checked::{Checked, check, homepage};
use crate::date::rfc3339;
use crate::maintainer::Maintainer;
use crate::purl::purl;
use crate::uuid::{document_uuid, hex};
use crate::{Distribution, Error, Inventory, Package};

/// Reference of the image. Packages have their package URLs as references.
const IMAGE: &str = "image";

/// The bill of materials of `inventory` as a CycloneDX 1.6 document in JSON, ended by a newline.
///
/// The image is the component that the document is about and depends on each package; what packages
/// need of each other is not said. The name and version of a source package and the installed size
/// are properties (`anklume:source:name`, `anklume:source:version`, `anklume:installed-bytes`), as
/// are the image's architecture and root hash (`anklume:architecture`, `anklume:root-hash`). The
/// serial number comes from the root hash, the time is that of the image. A licence that is not
/// known is left out, as CycloneDX has no word for it.
///
/// # Errors
///
/// [`Error`] for what the format cannot say.
pub fn cyclonedx(inventory: &Inventory) -> Result<String, Error> {
    let checked = check(inventory)?;
    let components = components(&checked, &inventory.distribution);
    let depends_on = components.iter().filter_map(|component| component.bom_ref.clone()).collect();
    let document = Document {
        schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
        bom_format: "CycloneDX",
        spec_version: "1.6",
        serial_number: format!("urn:uuid:{}", document_uuid("cyclonedx", inventory)),
        version: 1,
        metadata: metadata(inventory)?,
        components,
        dependencies: [Dependency { from: IMAGE.to_owned(), depends_on }],
    };
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    Ok(text)
}

fn metadata(inventory: &Inventory) -> Result<Metadata, Error> {
    let image = &inventory.image;
    let tool = Component {
        kind: "application",
        name: "anklume-build".to_owned(),
        version: inventory.tool_version.clone(),
        ..Component::default()
    };
    let component = Component {
        kind: "operating-system",
        bom_ref: Some(IMAGE.to_owned()),
        name: image.name.clone(),
        version: image.version.clone(),
        description: Some(image.title.clone()).filter(|title| !title.is_empty()),
        properties: vec![
            property("anklume:architecture", image.architecture.clone()),
            property("anklume:root-hash", hex(&image.root_hash)),
        ],
        ..Component::default()
    };
    let tools = Tools { components: [tool] };
    Ok(Metadata { timestamp: rfc3339(image.epoch)?, tools, component })
}

fn components(checked: &Checked<'_>, distribution: &Distribution) -> Vec<Component> {
    checked.packages.iter().map(|package| component(package, distribution)).collect()
}

fn component(package: &Package, distribution: &Distribution) -> Component {
    let url = purl(distribution, &package.name, &package.version, &package.architecture);
    Component {
        kind: "library",
        bom_ref: Some(url.clone()),
        supplier: package.maintainer.as_deref().and_then(Maintainer::parse).map(supplier),
        name: package.name.clone(),
        version: package.version.clone(),
        description: None,
        hashes: package.deb_sha256.map(|hash| [Hash { alg: "SHA-256", content: hex(&hash) }]),
        licenses: package.licence.clone().map(|expression| [Licence { expression }]),
        purl: Some(url),
        external_references: homepage(package)
            .map(|url| [ExternalReference { kind: "website", url: url.to_owned() }]),
        properties: vec![
            property("anklume:source:name", package.source.name.clone()),
            property("anklume:source:version", package.source.version.clone()),
            property("anklume:installed-bytes", package.installed_bytes.to_string()),
        ],
    }
}

fn supplier(maintainer: Maintainer<'_>) -> Supplier {
    let contact = maintainer.mail.map(|mail| [Contact { email: mail.to_owned() }]);
    Supplier { name: maintainer.name.to_owned(), contact }
}

fn property(name: &'static str, value: String) -> Property {
    Property { name, value }
}
