//! Images: what instances are made from.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;

use crate::client::{Client, Outgoing, Reply};
use crate::error::{AnswerFault, Error};
use crate::names::{AliasName, Fingerprint};
use crate::operation::{Progress, null_is_empty};
use crate::request::{Method, Request};
use crate::upload::{self, Counted, Part};

/// What an image makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageKind {
    /// Containers.
    Container,
    /// Virtual machines.
    VirtualMachine,
}

/// The files of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageFiles {
    /// One tar file with `metadata.yaml` and `rootfs`.
    Unified(PathBuf),
    /// A tar file with `metadata.yaml`, and the root file system.
    Split {
        /// The tar file.
        metadata: PathBuf,
        /// A squashfs or tar file, or a disk image (qcow2) for virtual machines.
        rootfs: PathBuf,
        /// What it makes.
        kind: ImageKind,
    },
}

/// An image that is there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Image {
    /// What it is called by.
    pub fingerprint: Fingerprint,
    /// Names for it.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub aliases: Vec<ImageAlias>,
    /// `container` or `virtual-machine`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Its processor, as `x86_64`.
    #[serde(default)]
    pub architecture: String,
    /// Length of its files in bytes.
    #[serde(default)]
    pub size: u64,
    /// What it says about itself.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub properties: BTreeMap<String, String>,
}

/// A name for an image.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ImageAlias {
    /// The name, as it is there.
    pub name: String,
}

/// An image that was imported, or was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// What it is called by.
    pub fingerprint: Fingerprint,
    /// It did not have to be sent.
    pub was_there: bool,
    /// Aliases that meant another image before.
    pub moved: Vec<MovedAlias>,
}

/// An alias that meant another image before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedAlias {
    /// The alias.
    pub alias: AliasName,
    /// The image that it meant; it is still there.
    pub from: Fingerprint,
}

impl Client {
    /// The images that are there.
    ///
    /// # Errors
    /// As [`Client::read`].
    pub fn images(&self) -> Result<Vec<Image>, Error> {
        let (images, _): (Option<Vec<Image>>, _) =
            self.read(&Request::get(&["images"]).query("recursion", "1"))?;
        Ok(images.unwrap_or_default())
    }

    /// The image that an alias means.
    ///
    /// # Errors
    /// As [`Client::read`].
    pub fn image_of(&self, alias: &AliasName) -> Result<Option<Fingerprint>, Error> {
        #[derive(Deserialize)]
        struct Alias {
            target: Fingerprint,
        }
        let request = Request::get(&["images", "aliases", alias.as_str()]);
        Ok(self.find::<Alias>(&request)?.map(|(alias, _)| alias.target))
    }

    /// Imports an image, unless it is there, and makes the aliases mean it. `sent` is told the bytes that
    /// were sent and all that will be.
    ///
    /// # Errors
    /// When a file cannot be read, and as [`Client::wait`].
    pub fn import_image(
        &self,
        files: &ImageFiles,
        aliases: &[AliasName],
        sent: &mut dyn FnMut(u64, u64),
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Imported, Error> {
        let paths = files.paths();
        let mut parts = files.open()?;
        let fingerprint =
            upload::fingerprint(&mut parts, self.stop()).map_err(|(index, fault)| {
                let path = paths.get(index).map_or_else(PathBuf::new, |path| path.to_path_buf());
                match fault.kind() {
                    io::ErrorKind::Interrupted => {
                        Error::Interrupted { request: path.display().to_string() }
                    }
                    _ => Error::File { path, fault },
                }
            })?;
        let was_there = self.has_image(&fingerprint)?;
        if !was_there {
            self.upload(&parts, &fingerprint, sent, progress)?;
        }
        let mut moved = Vec::new();
        for alias in aliases {
            moved.extend(self.set_alias(alias, &fingerprint)?);
        }
        Ok(Imported { fingerprint, was_there, moved })
    }

    fn has_image(&self, fingerprint: &Fingerprint) -> Result<bool, Error> {
        let request = Request::get(&["images", fingerprint.as_str()]);
        Ok(self.find::<Image>(&request)?.is_some())
    }

    fn upload(
        &self,
        parts: &[Part],
        fingerprint: &Fingerprint,
        sent: &mut dyn FnMut(u64, u64),
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<(), Error> {
        let upload = match parts {
            [part] => upload::unified(part),
            parts => upload::multipart(parts, fingerprint),
        };
        // Incus compares it with what has arrived.
        let mut headers = vec![
            ("content-type", upload.content_type),
            ("x-incus-fingerprint", fingerprint.to_string()),
        ];
        if let [part] = parts {
            headers.push(("x-incus-filename", part.file_name.clone()));
        }
        let length = upload.length;
        let mut bytes = Counted { bytes: upload.bytes, sent: 0, told: 0, length, tell: sent };
        let outgoing = Outgoing::Stream { headers, length, bytes: &mut bytes };
        let request = Request::of(Method::Post, &["images"]);
        let operation = match self.send_with(&request, outgoing, self.limits().upload)? {
            Reply::Started(operation) => operation,
            Reply::Done { .. } => {
                let fault = AnswerFault::Kind { expected: "async", found: "sync" };
                return Err(Error::Answer { request: request.to_string(), fault });
            }
        };
        match self.wait(&request, operation, progress) {
            Ok(_) => Ok(()),
            // Someone else may have imported it, or its end was missed.
            Err(error @ (Error::Failed { .. } | Error::Lost { .. })) => {
                self.has_image(fingerprint)?.then_some(()).ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes an alias mean an image. The header of an upload that would do it has another form in each
    /// version of Incus.
    fn set_alias(
        &self,
        alias: &AliasName,
        fingerprint: &Fingerprint,
    ) -> Result<Option<MovedAlias>, Error> {
        let name = alias.as_str();
        let before = self.image_of(alias)?;
        let request = match &before {
            Some(target) if target == fingerprint => return Ok(None),
            Some(_) => Request::of(Method::Put, &["images", "aliases", name])
                .body(json!({ "description": "", "target": fingerprint })),
            None => Request::of(Method::Post, &["images", "aliases"])
                .body(json!({ "name": name, "description": "", "target": fingerprint })),
        };
        self.send(&request)?.done(&request)?;
        Ok(before.map(|from| MovedAlias { alias: alias.clone(), from }))
    }
}

impl ImageFiles {
    fn paths(&self) -> Vec<&Path> {
        match self {
            Self::Unified(path) => vec![path],
            Self::Split { metadata, rootfs, .. } => vec![metadata, rootfs],
        }
    }

    fn open(&self) -> Result<Vec<Part>, Error> {
        let fields = match self {
            Self::Unified(_) | Self::Split { kind: ImageKind::Container, .. } => {
                ["metadata", "rootfs"]
            }
            Self::Split { kind: ImageKind::VirtualMachine, .. } => ["metadata", "rootfs.img"],
        };
        let open = |(path, field): (&Path, &'static str)| {
            let fail = |fault| Error::File { path: path.to_owned(), fault };
            let file = File::open(path).map_err(fail)?;
            let about = file.metadata().map_err(fail)?;
            if !about.is_file() {
                return Err(fail(io::Error::other("not a file")));
            }
            // What stands in a header has to be plain; it is only told to people.
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let plain =
                |c: char| if c.is_ascii_alphanumeric() || "._-+".contains(c) { c } else { '_' };
            let file_name = name.chars().map(plain).collect();
            Ok(Part { field, file_name, file, length: about.len() })
        };
        self.paths().into_iter().zip(fields).map(open).collect()
    }
}
