//! What both documents hold, and that they hold together.
#![expect(clippy::unwrap_used, reason = "a failure ends the test")]

mod common;

use std::collections::BTreeSet;

use anklume_sbom::{Error, Inventory, Package, cyclonedx, spdx};
use common::{array, inventory, named, package, parse, text};
use proptest::prelude::*;
use serde_json::{Value, json};

/// SPDX: identifiers are well formed and unique, both ends of each relationship exist, and every
/// element but the document is reached from it.
fn check_spdx(inventory: &Inventory) -> Value {
    let document = parse(&spdx(inventory).unwrap());
    let elements = array(&document, "packages");
    let mut ids = BTreeSet::from([text(&document, "SPDXID")]);
    for element in elements {
        let id = text(element, "SPDXID");
        let rest = id.strip_prefix("SPDXRef-").unwrap();
        assert!(rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b)), "{id}");
        assert!(ids.insert(id), "{id} twice");
    }
    let mut reached = BTreeSet::from(["SPDXRef-DOCUMENT"]);
    for relationship in array(&document, "relationships") {
        let (from, to) =
            (text(relationship, "spdxElementId"), text(relationship, "relatedSpdxElement"));
        assert!(ids.contains(from) && ids.contains(to), "{relationship}");
        assert!(reached.contains(from), "{from} is not reached");
        reached.insert(to);
    }
    assert_eq!(reached, ids);
    let contained = kinds(&document, "CONTAINS").count();
    assert_eq!(contained, inventory.packages.len());
    document
}

fn kinds<'a>(document: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    array(document, "relationships").iter().filter(move |one| one["relationshipType"] == kind)
}

/// CycloneDX: references are unique, and the image depends on each component and nothing else.
fn check_cyclonedx(inventory: &Inventory) -> Value {
    let document = parse(&cyclonedx(inventory).unwrap());
    let mut references = BTreeSet::from(["image"]);
    for component in array(&document, "components") {
        assert_eq!(component["bom-ref"], component["purl"]);
        assert!(references.insert(text(component, "bom-ref")), "{component}");
    }
    assert!(references.remove(text(&document["metadata"]["component"], "bom-ref")));
    let [dependency] = array(&document, "dependencies") else { panic!("one dependency") };
    let depends: Vec<_> = array(dependency, "dependsOn").iter().filter_map(Value::as_str).collect();
    assert_eq!(dependency["ref"], "image");
    assert_eq!(depends.len(), inventory.packages.len());
    assert_eq!(depends.into_iter().collect::<BTreeSet<_>>(), references);
    document
}

#[test]
fn an_spdx_document_says_what_the_inventory_says() {
    let document = check_spdx(&inventory());
    assert_eq!(document["spdxVersion"], "SPDX-2.3");
    assert_eq!(document["dataLicense"], "CC0-1.0");
    assert_eq!(document["name"], "debian-2025.11-amd64");
    assert_eq!(
        document["creationInfo"],
        json!({"created": "2025-11-20T00:00:00Z", "creators": ["Tool: anklume-build-0.1.0"]})
    );
    let elements = array(&document, "packages");
    assert_eq!(
        *named(elements, "libstdc++6"),
        json!({
            "SPDXID": "SPDXRef-Package-amd64-libstdcX2BX2B6",
            "name": "libstdc++6",
            "versionInfo": "14.2.0-19+b1",
            "supplier": "Organization: Debian GCC [Team] (debian-gcc@lists.example.org)",
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": false,
            "checksums": [{"algorithm": "SHA256", "checksumValue": "ab".repeat(32)}],
            "homepage": "http://gcc.example.org/",
            "licenseConcluded": "NOASSERTION",
            "licenseDeclared": "NOASSERTION",
            "copyrightText": "NOASSERTION",
            "comment": "installed size 4096 bytes",
            "externalRefs": [{
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator":
                    "pkg:deb/debian/libstdc%2B%2B6@14.2.0-19%2Bb1?arch=amd64&distro=trixie",
            }],
        })
    );
    let bash = named(elements, "bash");
    assert_eq!(bash["licenseDeclared"], "GPL-3.0-or-later AND (MIT OR BSD-3-Clause)");
    assert_eq!(
        (&bash["homepage"], &bash["supplier"]),
        (&Value::Null, &json!("Organization: Somebody"))
    );
    let image = named(elements, "debian");
    assert_eq!(image["primaryPackagePurpose"], "OPERATING_SYSTEM");
    assert_eq!(image["summary"], "anklume OS \"é\"");
    assert!(text(image, "comment").ends_with(&"07".repeat(32)));
}

#[test]
fn packages_are_generated_from_their_sources() {
    let document = check_spdx(&inventory());
    let ends: Vec<_> = kinds(&document, "GENERATED_FROM")
        .map(|one| (text(one, "spdxElementId"), text(one, "relatedSpdxElement")))
        .collect();
    let gcc = "SPDXRef-Source-14.2.0X2D19-gcc-14";
    assert!(ends.contains(&("SPDXRef-Package-amd64-libstdcX2BX2B6", gcc)));
    assert!(ends.contains(&("SPDXRef-Package-amd64-libgcc-s1", gcc)));
    let sources: Vec<_> = array(&document, "packages")
        .iter()
        .filter(|element| element["primaryPackagePurpose"] == "SOURCE")
        .collect();
    assert_eq!(sources.len(), 3);
    let source = sources.iter().find(|source| source["SPDXID"] == gcc).unwrap();
    assert_eq!(
        source["externalRefs"][0]["referenceLocator"],
        "pkg:deb/debian/gcc-14@14.2.0-19?arch=source&distro=trixie"
    );
}

#[test]
fn a_cyclonedx_document_says_what_the_inventory_says() {
    let document = check_cyclonedx(&inventory());
    assert_eq!(
        (&document["bomFormat"], &document["specVersion"]),
        (&json!("CycloneDX"), &json!("1.6"))
    );
    let metadata = &document["metadata"];
    assert_eq!(metadata["timestamp"], "2025-11-20T00:00:00Z");
    assert_eq!(metadata["tools"]["components"][0]["name"], "anklume-build");
    assert_eq!(metadata["component"]["type"], "operating-system");
    assert_eq!(metadata["component"]["properties"][1]["value"], "07".repeat(32));
    let components = array(&document, "components");
    let url = "pkg:deb/debian/libstdc%2B%2B6@14.2.0-19%2Bb1?arch=amd64&distro=trixie";
    assert_eq!(
        *named(components, "libstdc++6"),
        json!({
            "type": "library",
            "bom-ref": url,
            "supplier": {
                "name": "Debian GCC (Team)",
                "contact": [{"email": "debian-gcc@lists.example.org"}],
            },
            "name": "libstdc++6",
            "version": "14.2.0-19+b1",
            "hashes": [{"alg": "SHA-256", "content": "ab".repeat(32)}],
            "purl": url,
            "externalReferences": [{"type": "website", "url": "http://gcc.example.org/"}],
            "properties": [
                {"name": "anklume:source:name", "value": "gcc-14"},
                {"name": "anklume:source:version", "value": "14.2.0-19"},
                {"name": "anklume:installed-bytes", "value": "4096"},
            ],
        })
    );
    let bash = named(components, "bash");
    assert_eq!(bash["purl"], "pkg:deb/debian/bash@1:5.2.37~rc1-2?arch=amd64&distro=trixie");
    assert_eq!(
        bash["licenses"],
        json!([{"expression": "GPL-3.0-or-later AND (MIT OR BSD-3-Clause)"}])
    );
    assert_eq!(bash["externalReferences"], Value::Null);
}

#[test]
fn the_order_of_packages_does_not_matter() {
    let mut turned = inventory();
    turned.packages.reverse();
    assert_eq!(spdx(&turned).unwrap(), spdx(&inventory()).unwrap());
    assert_eq!(cyclonedx(&turned).unwrap(), cyclonedx(&inventory()).unwrap());
}

/// Both documents' names.
fn names(inventory: &Inventory) -> [String; 2] {
    let spdx = parse(&spdx(inventory).unwrap());
    let cyclonedx = parse(&cyclonedx(inventory).unwrap());
    let names = [text(&spdx, "documentNamespace"), text(&cyclonedx, "serialNumber")];
    for name in names {
        let uuid = name.strip_prefix("urn:uuid:").unwrap();
        let (version, variant) = (uuid.as_bytes()[14], uuid.as_bytes()[19]);
        assert!(version == b'8' && b"89ab".contains(&variant) && uuid.len() == 36, "{uuid}");
    }
    names.map(str::to_owned)
}

#[test]
fn a_name_comes_from_the_root_hash_and_is_not_shared() {
    let same = inventory();
    let mut rebuilt = inventory();
    rebuilt.image.root_hash[31] ^= 1;
    let mut renamed = inventory();
    // The same letters, parted in another place.
    (renamed.image.name, renamed.image.version) = ("debian2025".into(), ".11".into());
    let tool = Inventory { tool_version: "0.2.0".into(), ..inventory() };
    assert_eq!(names(&same), names(&inventory()));
    let all: BTreeSet<_> = [same, rebuilt, renamed, tool].iter().flat_map(names).collect();
    assert_eq!(all.len(), 8);
}

fn refusal(change: impl FnOnce(&mut Inventory)) -> Error {
    let mut inventory = inventory();
    change(&mut inventory);
    let error = spdx(&inventory).unwrap_err();
    assert_eq!(error.to_string(), cyclonedx(&inventory).unwrap_err().to_string());
    error
}

#[test]
fn what_cannot_be_said_is_refused() {
    let again = |inventory: &mut Inventory| {
        inventory.packages.push(package("bash", "2", "amd64"));
    };
    assert!(matches!(refusal(again), Error::Duplicate { name, .. } if name == "bash"));
    let licence = |inventory: &mut Inventory| {
        inventory.packages[0].licence = Some("GPL version 2".into());
    };
    assert!(matches!(refusal(licence), Error::Licence { found, .. } if found == "GPL version 2"));
    let late = |inventory: &mut Inventory| inventory.image.epoch = u64::MAX;
    assert!(matches!(refusal(late), Error::Epoch { found: u64::MAX, .. }));
    type Change = fn(&mut Inventory);
    let changes: [(Change, &str); 5] = [
        (|inventory| inventory.image.name.clear(), "image: name is empty"),
        (|inventory| inventory.distribution.id.clear(), "distribution: id is empty"),
        (|inventory| inventory.packages[1].name.clear(), "package: name is empty"),
        (|inventory| inventory.packages[1].version.clear(), "bash: version is empty"),
        (|inventory| inventory.packages[1].source.name.clear(), "bash: source name is empty"),
    ];
    for (change, message) in changes {
        assert_eq!(refusal(change).to_string(), message);
    }
}

#[test]
fn an_image_without_packages_is_an_image() {
    let empty = Inventory { packages: Vec::new(), ..inventory() };
    check_spdx(&empty);
    check_cyclonedx(&empty);
}

fn any_package() -> impl Strategy<Value = Package> {
    let name = "[a-zX][a-z0-9+.X-]{1,5}";
    let version = "([0-9]:)?[0-9][a-zA-Z0-9.+~:-]{0,5}";
    let architecture = prop::sample::select(vec!["all", "amd64", "hurd-i386"]);
    let texts = (any::<Option<String>>(), any::<Option<String>>());
    (name, version, architecture, texts, any::<u64>()).prop_map(
        |(name, version, architecture, (maintainer, homepage), installed_bytes)| Package {
            maintainer,
            homepage,
            installed_bytes,
            ..package(&name, &version, architecture)
        },
    )
}

proptest! {
    #[test]
    fn any_packages_make_whole_documents(packages in prop::collection::vec(any_package(), 0..40)) {
        let mut seen = BTreeSet::new();
        let mut inventory = Inventory { packages, ..inventory() };
        inventory
            .packages
            .retain(|one| seen.insert((one.name.to_lowercase(), one.architecture.clone())));
        check_spdx(&inventory);
        check_cyclonedx(&inventory);
    }
}
