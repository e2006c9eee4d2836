//! Takes back the instances of a pool that Incus's database does not know.
//!
//! This is what `incus admin recover` does. Its interface is **private**: it belongs to the program of the
//! same version and may change with any other. So it is used with the versions only whose source was read
//! (`internal/recover/struct.go`, `cmd/incusd/api_internal_recover.go` at `v6.0.4`). Where the database
//! itself is kept on the pool, nothing has to be taken back.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::Error;
use crate::operation::{Progress, null_is_empty};
use crate::request::{Method, Request};
use crate::wanted::{Pool, WantedFault};

/// The versions of Incus whose private interface is known: the first two numbers.
pub const RECOVER_VERSIONS: &[&str] = &["6.0"];

/// What could be taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Recovery {
    /// What lies in the pools and is unknown.
    #[serde(rename = "UnknownVolumes", default, deserialize_with = "null_is_empty")]
    pub unknown: Vec<UnknownVolume>,
    /// What is missing for it, as networks and profiles, in Incus's words. None may be left.
    #[serde(rename = "DependencyErrors", default, deserialize_with = "null_is_empty")]
    pub missing: Vec<String>,
}

/// Something in a pool that the database does not know.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UnknownVolume {
    /// Its name.
    pub name: String,
    /// `container`, `virtual-machine`, `custom` or `bucket`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its snapshots.
    #[serde(rename = "snapshotCount", default)]
    pub snapshots: u64,
    /// The project that it belongs to.
    #[serde(default)]
    pub project: String,
    /// The pool that it lies in.
    #[serde(default)]
    pub pool: String,
}

impl Client {
    /// What a pool holds that Incus does not know. The pool itself may be unknown. Nothing is changed.
    ///
    /// # Errors
    /// [`Error::Version`], and as [`Client::read`].
    pub fn recoverable(&self, pool: &Pool) -> Result<Recovery, Error> {
        let request = self.recovery(pool, "validate")?;
        Ok(self.read(&request)?.0)
    }

    /// Takes back what [`Self::recoverable`] found, and the pool with it.
    ///
    /// # Errors
    /// As [`Self::recoverable`].
    pub fn recover(&self, pool: &Pool) -> Result<(), Error> {
        let request = self.recovery(pool, "import")?;
        self.carry_out(&request, &mut |_: &Progress| {}).map(drop)
    }

    fn recovery(&self, pool: &Pool, step: &str) -> Result<Request, Error> {
        pool.check().map_err(|fault: WantedFault| Error::Wanted(fault))?;
        let version = self.server()?.version;
        if !is_known(&version) {
            return Err(Error::Version { found: version, expected: RECOVER_VERSIONS.join(", ") });
        }
        let pool: Value = json!({
            "name": pool.name, "driver": pool.driver.as_str(), "config": pool.settings(),
        });
        let request = Request::new(Method::Post, &["internal", "recover", step]);
        Ok(request.body(json!({ "pools": [pool] })))
    }
}

fn is_known(version: &str) -> bool {
    RECOVER_VERSIONS.iter().any(|known| {
        version.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::is_known;

    #[test]
    fn only_versions_that_were_read_are_known() {
        for (version, known) in
            [("6.0", true), ("6.0.4", true), ("6.01", false), ("6.1", false), ("7.0.0", false)]
        {
            assert_eq!(is_known(version), known, "{version}");
        }
    }
}
