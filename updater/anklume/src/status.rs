//! `anklume status`: facts, what they mean, how it is shown.

mod data;
mod facts;
mod model;
mod text;

use crate::machine::Machine;
use crate::output::Output;
use anklume_failure::{Context, Failure};

pub(crate) fn run(machine: &Machine, json: bool, out: &mut Output<'_>) -> Result<u8, Failure> {
    let status = model::compose(&facts::gather(machine)?);
    out.say(match json {
        true => serde_json::to_string_pretty(&status).context("writing JSON")?,
        false => text::text(&status),
    })?;
    Ok(0)
}

#[cfg(test)]
mod tests;
