//! Incus on the pool.

use std::io::Write;

use anklume_host::process::{Cmd, Stdin, Stdout};
use anklume_incus::names::{AliasName, BridgeName, PoolName, Subnet};
use anklume_incus::nftables::{self, Isolated};
use anklume_incus::pick::{Route, free_ipv4, unique_local};
use anklume_incus::wanted::{Addressing, Bridge, Driver, Pool as StoragePool, Wanted};
use anklume_incus::{Client, ImageFiles, Settings, find_socket};
use anklume_language::Language;
use anklume_setup::{Backend, Pool};

use crate::container_image;
use crate::units;
use anklume_failure::{Context, Failure};

/// Name of the storage pool, and of the bridge that containers are connected to.
const POOL: &str = "default";
const BRIDGE: &str = "ank-default";
/// Name of the image that the OS brings.
const ALIAS: &str = "debian";

/// Starts Incus and brings it to what is wanted; may be repeated.
pub(crate) fn start(pool: &Pool, said: &mut dyn FnMut(String)) -> Result<(), Failure> {
    let driver = match pool.backend {
        Backend::Btrfs => Driver::Btrfs,
        Backend::Zfs => Driver::Zfs,
    };
    start_on(driver, pool.storage(), said)
}

/// Starts Incus with its instances at `source`.
pub(crate) fn start_on(
    driver: Driver,
    source: &str,
    said: &mut dyn FnMut(String),
) -> Result<(), Failure> {
    // Before any container starts, as far as bridges are known; then with the addresses of all of them.
    let bridge = BridgeName::new(BRIDGE).context("the bridge")?;
    isolate(&[Isolated { bridge, addresses: Vec::new() }])?;
    said("starting Incus".to_owned());
    units::start_incus()?;
    let socket = find_socket().map_err(incus)?;
    let client = Client::new(&socket, Settings::default());
    let wanted = wanted(driver, source, bridge_of(&client)?)?;
    let applied = client
        .apply(&wanted, &mut |step| said(step.say(Language::English)), &mut |_| ())
        .map_err(incus)?;
    if !applied.was_done() {
        said("Incus is set up".to_owned());
    }
    isolate(&client.isolated().map_err(incus)?)?;
    import(&client, said)
}

fn wanted(driver: Driver, source: &str, bridge: Bridge) -> Result<Wanted, Failure> {
    Ok(Wanted {
        pool: StoragePool {
            name: PoolName::new(POOL).map_err(Failure::failed)?,
            driver,
            source: source.to_owned(),
            config: Default::default(),
        },
        default_network: Some(bridge.name.clone()),
        networks: vec![bridge],
    })
}

/// The bridge: as it is, or with subnets that this machine has no way to yet.
fn bridge_of(client: &Client) -> Result<Bridge, Failure> {
    let name = BridgeName::new(BRIDGE).map_err(Failure::failed)?;
    let is_there = client.isolated().map_err(incus)?.iter().any(|one| one.bridge == name);
    let (ipv4, ipv6) = if is_there { (None, None) } else { subnets()? };
    let addressing = |subnet: Option<Subnet>| subnet.map_or(Addressing::Auto, Addressing::Subnet);
    Ok(Bridge {
        name,
        ipv4: addressing(ipv4),
        ipv4_nat: true,
        ipv6: addressing(ipv6),
        ipv6_nat: true,
        config: Default::default(),
    })
}

/// Subnets for a new bridge; where none is free, Incus looks for one.
fn subnets() -> Result<(Option<Subnet>, Option<Subnet>), Failure> {
    let mut random = [0; 13];
    getrandom::fill(&mut random).context("random numbers")?;
    let [a, b, c, d, e, number @ ..] = random;
    let ipv4 = free_ipv4(&routes(), u64::from_le_bytes(number));
    Ok((ipv4, unique_local([a, b, c, d, e])))
}

/// Where packets of this machine go.
fn routes() -> Vec<Route> {
    #[derive(serde::Deserialize)]
    struct Line {
        dst: String,
    }
    let command = Cmd::new("ip").args(["-json", "-4", "route", "show", "table", "all"]);
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    let lines: Vec<Line> = serde_json::from_slice(&output).unwrap_or_default();
    lines.iter().filter_map(|line| Route::parse(&line.dst)).collect()
}

fn incus(error: anklume_incus::Error) -> Failure {
    let hint = error.hint(Language::English);
    let failure = Failure::failed(error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure.hint("`journalctl -u incus` tells more"),
    }
}

/// The image that the OS brings, so that a container starts without a network.
fn import(client: &Client, said: &mut dyn FnMut(String)) -> Result<(), Failure> {
    let alias = AliasName::new(ALIAS).context("the alias of the image")?;
    let Some(folder) = container_image::folder() else { return Ok(()) };
    if client.image_of(&alias).map_err(incus)?.is_some() {
        return Ok(());
    }
    said("making the container image of this OS".to_owned());
    let image = container_image::pack(&folder)?;
    let files = ImageFiles::Unified(image.path().to_owned());
    client.import_image(&files, &[alias], &mut |_, _| (), &mut |_| ()).map_err(incus)?;
    said(format!("`incus launch {ALIAS} NAME` makes a container from it"));
    Ok(())
}

/// Bridges do not reach each other.
fn isolate(bridges: &[Isolated]) -> Result<(), Failure> {
    let rules = nftables::ruleset(bridges).context("the rules of the packet filter")?;
    let nft = Cmd::new("nft").args(["-f", "-"]);
    let mut running = nft.start(Stdin::Pipe, Stdout::Keep).context("nft")?;
    if let Some(stdin) = running.stdin() {
        stdin.write_all(rules.as_bytes()).context("nft")?;
    }
    running.close_stdin();
    running.wait().map(drop).context("nft")
}
