//! SPDX 2.3 as JSON.

mod id;
mod model;

use self::id::id;
use self::model::{Checksum, CreationInfo, Document, Element, ExternalRef, Relationship};
use crate::checked::{Checked, check, homepage};
use crate::date::rfc3339;
use crate::maintainer::Maintainer;
use crate::purl::{SOURCE_ARCHITECTURE, purl};
use crate::uuid::{document_uuid, hex};
use crate::{Distribution, Error, Image, Inventory, Package, Source};

const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const IMAGE: &str = "SPDXRef-Image";
/// What SPDX writes for a thing that is not known (SPDX 2.3, section 7.7 and others).
const NOASSERTION: &str = "NOASSERTION";

/// The bill of materials of `inventory` as an SPDX 2.3 document in JSON, ended by a newline.
///
/// The document DESCRIBES the image, the image CONTAINS each package, and each package is
/// GENERATED_FROM its source package, which is an element of its own. Packages and source packages
/// carry package URLs. The document's namespace is a `urn:uuid:` that comes from the root hash, its
/// time that of the image. Debian does not say whether a maintainer is a person or a team: as a
/// supplier it is an organization.
///
/// # Errors
///
/// [`Error`] for what the format cannot say.
pub fn spdx(inventory: &Inventory) -> Result<String, Error> {
    let checked = check(inventory)?;
    let image = &inventory.image;
    let document = Document {
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        id: DOCUMENT,
        name: format!("{}-{}-{}", image.name, image.version, image.architecture),
        document_namespace: format!("urn:uuid:{}", document_uuid("spdx", inventory)),
        creation_info: CreationInfo {
            created: rfc3339(image.epoch)?,
            creators: [format!("Tool: anklume-build-{}", inventory.tool_version)],
        },
        packages: elements(inventory, &checked),
        relationships: relationships(&checked),
    };
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    Ok(text)
}

fn package_id(package: &Package) -> String {
    id("Package", &[&package.architecture, &package.name])
}

fn source_id(source: &Source) -> String {
    id("Source", &[&source.version, &source.name])
}

fn elements(inventory: &Inventory, checked: &Checked<'_>) -> Vec<Element> {
    let distribution = &inventory.distribution;
    let packages = checked.packages.iter().map(|package| package_element(package, distribution));
    let sources = checked.sources.iter().map(|source| source_element(source, distribution));
    std::iter::once(image_element(&inventory.image)).chain(packages).chain(sources).collect()
}

fn image_element(image: &Image) -> Element {
    Element {
        primary_package_purpose: Some("OPERATING_SYSTEM"),
        summary: Some(image.title.clone()).filter(|title| !title.is_empty()),
        comment: Some(format!(
            "architecture {}, dm-verity root hash {}",
            image.architecture,
            hex(&image.root_hash)
        )),
        ..element(IMAGE.to_owned(), &image.name, &image.version)
    }
}

fn package_element(package: &Package, distribution: &Distribution) -> Element {
    let url = purl(distribution, &package.name, &package.version, &package.architecture);
    let mut element = Element {
        checksums: package
            .deb_sha256
            .map(|hash| [Checksum { algorithm: "SHA256", checksum_value: hex(&hash) }]),
        homepage: homepage(package).map(str::to_owned),
        comment: Some(format!("installed size {} bytes", package.installed_bytes)),
        external_refs: Some([package_url(url)]),
        ..element(package_id(package), &package.name, &package.version)
    };
    if let Some(maintainer) = package.maintainer.as_deref().and_then(Maintainer::parse) {
        element.supplier = organization(maintainer);
    }
    if let Some(licence) = &package.licence {
        element.license_declared.clone_from(licence);
    }
    element
}

fn source_element(source: &Source, distribution: &Distribution) -> Element {
    let url = purl(distribution, &source.name, &source.version, SOURCE_ARCHITECTURE);
    Element {
        primary_package_purpose: Some("SOURCE"),
        external_refs: Some([package_url(url)]),
        ..element(source_id(source), &source.name, &source.version)
    }
}

/// An element of which nothing but this is known.
fn element(id: String, name: &str, version: &str) -> Element {
    Element {
        id,
        name: name.to_owned(),
        version_info: version.to_owned(),
        primary_package_purpose: None,
        supplier: NOASSERTION.to_owned(),
        download_location: NOASSERTION,
        files_analyzed: false,
        checksums: None,
        homepage: None,
        license_concluded: NOASSERTION,
        license_declared: NOASSERTION.to_owned(),
        copyright_text: NOASSERTION,
        summary: None,
        comment: None,
        external_refs: None,
    }
}

/// `Organization: NAME (MAIL)` (SPDX 2.3, section 7.5). Parentheses hold the mail address alone:
/// those of a name become brackets.
fn organization(maintainer: Maintainer<'_>) -> String {
    let name = maintainer.name.replace('(', "[").replace(')', "]");
    match maintainer.mail {
        Some(mail) => format!("Organization: {name} ({mail})"),
        None => format!("Organization: {name}"),
    }
}

fn package_url(url: String) -> ExternalRef {
    ExternalRef {
        reference_category: "PACKAGE-MANAGER",
        reference_type: "purl",
        reference_locator: url,
    }
}

fn relationships(checked: &Checked<'_>) -> Vec<Relationship> {
    let relationship = |from: &str, kind, to: &str| Relationship {
        spdx_element_id: from.to_owned(),
        relationship_type: kind,
        related_spdx_element: to.to_owned(),
    };
    let mut all = vec![relationship(DOCUMENT, "DESCRIBES", IMAGE)];
    for package in &checked.packages {
        let id = package_id(package);
        all.push(relationship(IMAGE, "CONTAINS", &id));
        all.push(relationship(&id, "GENERATED_FROM", &source_id(&package.source)));
    }
    all
}
