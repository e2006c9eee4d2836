//! Which optional groups an image has.

use std::collections::BTreeSet;

use crate::{Definition, Optional, PackageGroup, Units};

/// A choice of groups that a definition does not offer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// No group has this name.
    #[error("there is no package group `{name}`")]
    Unknown {
        /// The name.
        name: String,
        /// Names of the groups that can be chosen.
        optional: Vec<String>,
    },
    /// The group is always there.
    #[error("the package group `{name}` is not optional")]
    Fixed {
        /// The name.
        name: String,
        /// Names of the groups that can be chosen.
        optional: Vec<String>,
    },
    /// A group that is wanted and not wanted.
    #[error("the package group `{name}` is asked for and left out")]
    Both {
        /// The name.
        name: String,
    },
}

impl Definition {
    /// The definition of the image with the optional groups of `with` and without those of `without`;
    /// the others as the definition says. Units and components of the groups that stay are among the
    /// image's own.
    ///
    /// # Errors
    /// [`SelectError`]: a name that no optional group has, or one on both sides.
    pub fn select(mut self, with: &[String], without: &[String]) -> Result<Self, SelectError> {
        if let Some(name) = with.iter().find(|name| without.contains(name)) {
            return Err(SelectError::Both { name: name.clone() });
        }
        with.iter().chain(without).try_for_each(|name| self.check_optional(name))?;
        let stays = |group: &PackageGroup| match group.optional {
            None => true,
            Some(Optional::On) => !without.contains(&group.name),
            Some(Optional::Off) => with.contains(&group.name),
        };
        self.packages.retain(stays);
        for group in &mut self.packages {
            let more = std::mem::take(&mut group.components);
            self.os.components.extend(more);
            let Units { enable, disable, mask, default_target: _ } =
                std::mem::take(&mut group.units);
            self.units.enable.extend(enable);
            self.units.disable.extend(disable);
            self.units.mask.extend(mask);
        }
        let mut seen = BTreeSet::new();
        self.os.components.retain(|component| seen.insert(component.clone()));
        Ok(self)
    }

    /// Names of the groups that can be chosen, in the order of the file.
    #[must_use]
    pub fn optional_groups(&self) -> Vec<String> {
        let optional = self.packages.iter().filter(|group| group.optional.is_some());
        optional.map(|group| group.name.clone()).collect()
    }

    fn check_optional(&self, name: &str) -> Result<(), SelectError> {
        let (name, optional) = (name.to_owned(), self.optional_groups());
        if optional.contains(&name) {
            return Ok(());
        }
        match self.packages.iter().any(|group| group.name == name) {
            true => Err(SelectError::Fixed { name, optional }),
            false => Err(SelectError::Unknown { name, optional }),
        }
    }
}
