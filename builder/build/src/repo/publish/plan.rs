//! Whether an image may be published as it was asked for. Pure, but for reading the manifest.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::path::Path;

use anklume_compare::compare_versions;
use anklume_layout::manifest::Manifest;
use anklume_release::{Custom, MAX_ROLLOUT_HOURS, Offer, names, offers};
use anklume_trust::{Moment, Target, Targets};

use crate::cli::PublishArgs;
use crate::failure::Failure;
use crate::image::parts::{Said, said};
use crate::image::source::Source;

/// Channels that may be begun without saying so; beside them those whose name begins with `test`.
const CHANNELS: [&str; 2] = ["stable", "beta"];
/// What channels for test images begin with.
const TEST: &str = "test";
/// How the names of test images end.
const TEST_IMAGE: &str = "-test";

/// What is to be published.
pub(super) struct Request {
    pub(super) manifest: Manifest,
    pub(super) channel: String,
    /// `None` keeps what is signed.
    rollout_hours: Option<u32>,
    allow_older: bool,
    /// Whether a channel or an image name may be the first of its kind.
    new: bool,
}

/// What is done about it.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The release and the image, if that version is published already.
    pub(super) published: Option<Known>,
    /// What the publisher should know.
    pub(super) notes: Vec<String>,
}

/// A version that is published already.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) offer: Offer,
    pub(super) image: Target,
    pub(super) chunks: Target,
}

impl Request {
    /// Reads what the image says of itself.
    pub(super) fn new(args: &PublishArgs, source: &Source, path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let channel = args.channel.clone().unwrap_or_default();
        if !names::is_channel(&channel) {
            return Err(Failure::refused(format!("--channel: `{channel}` is not a channel"))
                .hint("a channel has lower-case letters, digits and hyphens, such as stable"));
        }
        if let Some(hours) = args.rollout.filter(|hours| *hours > MAX_ROLLOUT_HOURS) {
            return Err(Failure::refused(format!("--rollout {hours} hours"))
                .hint(format!("a rollout takes at most {MAX_ROLLOUT_HOURS} hours, a year")));
        }
        let found = said(source);
        source.trouble()?;
        let Said { manifest, is_iso } = found.map_err(|fault| {
            Failure::damaged(format!("the image {shown}: {fault}"))
                .hint("publish an ISO of anklume-build; `anklume-build verify` looks at all of it")
        })?;
        if source.is_device() || !is_iso {
            return Err(Failure::refused(format!("{shown} is not an ISO as it was built")).hint(
                "publish what `anklume-build --format iso` wrote, not a medium or a raw image",
            ));
        }
        check_manifest(&manifest, &shown.to_string())?;
        Ok(Self {
            manifest,
            channel,
            rollout_hours: args.rollout,
            allow_older: args.allow_older,
            new: args.new,
        })
    }

    /// The folder of the release.
    pub(super) fn folder(&self) -> String {
        names::folder(&self.manifest.compatible, &self.manifest.image_version)
    }

    /// What the signed list will say of it.
    pub(super) fn custom(&self, now: Moment, plan: &Plan) -> Custom {
        let known = plan.published.as_ref().map(|known| &known.offer.custom);
        // The waves of a rollout go on where they were.
        let same = known.filter(|known| known.channel == self.channel);
        Custom {
            channel: self.channel.clone(),
            compatible: self.manifest.compatible.clone(),
            version: self.manifest.image_version.clone(),
            architecture: self.manifest.architecture.clone(),
            published: same.map_or(now, |known| known.published),
            rollout_hours: match (self.rollout_hours, same) {
                (Some(hours), _) => hours,
                (None, same) => same.map_or(0, |known| known.rollout_hours),
            },
        }
    }
}

/// The manifest becomes paths and metadata.
fn check_manifest(manifest: &Manifest, shown: &str) -> Result<(), Failure> {
    let Manifest { compatible, image_version, architecture, .. } = manifest;
    for (good, field, value) in [
        (names::is_label(compatible), "compatible", compatible),
        (names::is_label(architecture), "architecture", architecture),
        (names::is_version(image_version), "image-version", image_version),
    ] {
        if !good {
            return Err(Failure::damaged(format!("the image {shown}: {field} is `{value}`"))
                .hint("names and versions have lower-case letters, digits and few signs"));
        }
    }
    Ok(())
}

impl Plan {
    /// Decides, with the list of what is published.
    pub(super) fn new(request: &Request, targets: Option<&Targets>) -> Result<Self, Failure> {
        let (offers, errors) = targets.map(offers).unwrap_or_default();
        if let Some(error) = errors.first() {
            return Err(Failure::damaged(format!("the repository: {error}"))
                .hint("`anklume-build repo check` names everything that is wrong"));
        }
        check_names(request, &offers)?;
        let Manifest { compatible, image_version: version, .. } = &request.manifest;
        let own = |offer: &&Offer| offer.custom.compatible == *compatible;
        let mut plan = Self::default();
        if let Some(offer) = offers.iter().filter(own).find(|o| o.custom.version == *version) {
            plan.published = Some(known(offer, targets)?);
            if offer.custom.channel != request.channel {
                plan.notes.push(format!(
                    "version {version} moves from channel {} to {}",
                    offer.custom.channel, request.channel
                ));
                plan.notes.extend(left_empty(offer, &offers));
            }
        }
        let on_channel = offers.iter().filter(own).filter(|o| o.custom.channel == request.channel);
        let newest = on_channel
            .map(|offer| offer.custom.version.as_str())
            .max_by(|left, right| compare_versions(left, right));
        let Some(newest) = newest else { return Ok(plan) };
        if compare_versions(version, newest) != Ordering::Less {
            return Ok(plan);
        }
        if !request.allow_older {
            return Err(Failure::refused(format!(
                "version {version} is older than {newest}, which channel {} has",
                request.channel
            ))
            .hint("machines take the newest; --allow-older publishes it nevertheless"));
        }
        plan.notes.push(format!("machines take {newest} unless they are told otherwise"));
        Ok(plan)
    }

    /// Whether the list says this already.
    pub(super) fn is_signed(&self, custom: &Custom) -> bool {
        self.published.as_ref().is_some_and(|known| known.offer.custom == *custom)
    }
}

/// Says that a release was the only one of its image on its channel, if so.
pub(super) fn left_empty(gone: &Offer, offers: &[Offer]) -> Option<String> {
    let Custom { channel, compatible, version, .. } = &gone.custom;
    let same = |custom: &Custom| {
        custom.channel == *channel && custom.compatible == *compatible && custom.version != *version
    };
    if offers.iter().any(|offer| same(&offer.custom)) {
        return None;
    }
    Some(format!("channel {channel} has no release of {compatible} any more"))
}

/// The files of a release that is published, as they are signed.
fn known(offer: &Offer, targets: Option<&Targets>) -> Result<Known, Failure> {
    let custom = &offer.custom;
    let target = |name: &str| {
        let name = names::file(&offer.folder, name);
        let found = targets.and_then(|targets| targets.targets.get(&name)).cloned();
        found.ok_or_else(|| Failure::damaged(format!("the repository: {name} is not signed")))
    };
    Ok(Known {
        image: target(&names::image(&custom.compatible, &custom.version))?,
        chunks: target(names::CHUNKS)?,
        offer: offer.clone(),
    })
}

/// Refuses a channel or an image name that is new, which is most often a slip.
fn check_names(request: &Request, offers: &[Offer]) -> Result<(), Failure> {
    let channel = request.channel.as_str();
    let compatible = &request.manifest.compatible;
    check_test(compatible.ends_with(TEST_IMAGE), channel)?;
    if request.new {
        return Ok(());
    }
    let mut known: BTreeSet<&str> = offers.iter().map(|o| o.custom.channel.as_str()).collect();
    known.extend(CHANNELS);
    if !known.contains(channel) && !channel.starts_with(TEST) {
        let known: Vec<&str> = known.into_iter().collect();
        return Err(Failure::refused(format!("channel {channel} is not known here")).hint(
            format!("known channels are {} and test*; --new begins another one", known.join(", ")),
        ));
    }
    let images: BTreeSet<&str> = offers.iter().map(|o| o.custom.compatible.as_str()).collect();
    if images.is_empty() || images.contains(compatible.as_str()) {
        return Ok(());
    }
    let images: Vec<&str> = images.into_iter().collect();
    Err(Failure::refused(format!(
        "the image is called {compatible}, the repository has {}",
        images.join(", ")
    ))
    .hint("no machine with another image takes it; --new publishes it nevertheless"))
}

/// Anybody can log in to a test image.
pub(super) fn check_test(is_test: bool, channel: &str) -> Result<(), Failure> {
    if !is_test || channel.starts_with(TEST) {
        return Ok(());
    }
    Err(Failure::refused(format!("a test image does not belong in channel {channel}"))
        .hint("anybody can log in to one; publish it on a channel whose name begins with test"))
}
