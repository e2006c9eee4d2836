//! Incus on the pool.

use std::io::Write;

use anklume_host::process::{Cmd, Stdin, Stdout};
use anklume_incus::names::{AliasName, BridgeName, PoolName, ProfileName, Subnet};
use anklume_incus::nftables::{self, Isolated};
use anklume_incus::pick::{Route, free_ipv4, unique_local};
use anklume_incus::plan;
use anklume_incus::wanted::{Addressing, Bridge, Driver, Pool as StoragePool, Wanted};
use anklume_incus::{Applied, Client, ImageFiles, Settings, find_socket};
use anklume_language::Language;
use anklume_setup::{Backend, DomainName, Pool};

use crate::{container_image, domains, units};
use anklume_failure::{Context, Failure};

/// Name of the storage pool and the profile, and of the bridge, of what belongs to no domain.
const POOL: &str = "default";
const BRIDGE: &str = "ank-default";
/// Name of the image that the OS brings.
const ALIAS: &str = "debian";

/// Starts Incus and brings it to what is wanted, also for each domain; may be repeated.
pub(crate) fn start(pool: &Pool, said: &mut dyn FnMut(String)) -> Result<(), Failure> {
    let client = bring_up(driver(pool), pool.storage(), &pool.domains, said)?;
    for name in &pool.domains {
        if let Some(why) = domains::trouble(pool, name) {
            said(why);
        } else if let Err(failure) = bring_domain(&client, pool, name, said) {
            said(format!("{name}: {failure}"));
        }
    }
    import(&client, said)
}

/// Starts Incus with its instances at `source`.
pub(crate) fn start_on(
    driver: Driver,
    source: &str,
    said: &mut dyn FnMut(String),
) -> Result<(), Failure> {
    let client = bring_up(driver, source, &[], said)?;
    import(&client, said)
}

/// Whether Incus, which runs, has nothing else in the place of what a domain will be.
pub(crate) fn check_domain(pool: &Pool, name: &DomainName) -> Result<(), Failure> {
    let client = client()?;
    let steps = client.plan(&wanted_domain(&client, pool, name)?).map_err(incus)?;
    let found: Vec<_> =
        plan::conflicts(&steps).map(|(one, why)| (one.clone(), why.clone())).collect();
    if found.is_empty() { Ok(()) } else { Err(incus(anklume_incus::Error::Conflicts(found))) }
}

/// Makes what Incus, which runs, has of a domain; its storage is there.
pub(crate) fn start_domain(
    pool: &Pool,
    name: &DomainName,
    said: &mut dyn FnMut(String),
) -> Result<(), Failure> {
    bring_domain(&client()?, pool, name, said)
}

fn driver(pool: &Pool) -> Driver {
    match pool.backend {
        Backend::Btrfs => Driver::Btrfs,
        Backend::Zfs => Driver::Zfs,
    }
}

fn client() -> Result<Client, Failure> {
    let socket = find_socket().map_err(incus)?;
    Ok(Client::new(&socket, Settings::default()))
}

/// Starts Incus and makes what belongs to no domain.
fn bring_up(
    driver: Driver,
    source: &str,
    domains: &[DomainName],
    said: &mut dyn FnMut(String),
) -> Result<Client, Failure> {
    // Before any container starts, as far as bridges are known; then with the addresses of all of them.
    let bridges = domains.iter().map(DomainName::bridge).chain([BRIDGE.to_owned()]);
    let bridges = bridges.map(|name| {
        let bridge = BridgeName::new(&name).context("the bridge")?;
        Ok(Isolated { bridge, addresses: Vec::new() })
    });
    isolate(&bridges.collect::<Result<Vec<_>, Failure>>()?)?;
    said("starting Incus".to_owned());
    units::start_incus()?;
    let client = client()?;
    // Whatever becomes of the rest: some of its containers run by now.
    isolate(&client.isolated().map_err(incus)?)?;
    let bridge = bridge_of(&client, BRIDGE)?;
    let wanted = wanted(POOL, driver, source, bridge)?;
    if apply(&client, &wanted, said)?.is_some_and(|applied| !applied.was_done()) {
        said("Incus is set up".to_owned());
    }
    isolate(&client.isolated().map_err(incus)?)?;
    Ok(client)
}

fn bring_domain(
    client: &Client,
    pool: &Pool,
    name: &DomainName,
    said: &mut dyn FnMut(String),
) -> Result<(), Failure> {
    let wanted = wanted_domain(client, pool, name)?;
    // Before the bridge is there, and any container on it.
    isolate(&with_bridges(client.isolated().map_err(incus)?, &wanted.networks))?;
    apply(client, &wanted, said)?;
    isolate(&client.isolated().map_err(incus)?)
}

/// Makes what is missing. What somebody has changed on purpose is told, stays, and is no error: none is given then.
fn apply(
    client: &Client,
    wanted: &Wanted,
    said: &mut dyn FnMut(String),
) -> Result<Option<Applied>, Failure> {
    let mut told = |step: &plan::Step| said(step.say(Language::English));
    match client.apply(wanted, &mut told, &mut |_| ()) {
        Ok(applied) => Ok(Some(applied)),
        Err(error @ anklume_incus::Error::Conflicts(_)) => {
            said(incus(error).to_string());
            Ok(None)
        }
        Err(error) => Err(incus(error)),
    }
}

/// Those that are kept apart, and more of them, which may be there already.
fn with_bridges(mut isolated: Vec<Isolated>, more: &[Bridge]) -> Vec<Isolated> {
    for bridge in more {
        if !isolated.iter().any(|one| one.bridge == bridge.name) {
            let addresses = bridge.subnets().map(Subnet::address).collect();
            isolated.push(Isolated { bridge: bridge.name.clone(), addresses });
        }
    }
    isolated
}

/// What Incus has of a domain.
fn wanted_domain(client: &Client, pool: &Pool, name: &DomainName) -> Result<Wanted, Failure> {
    let bridge = bridge_of(client, &name.bridge())?;
    wanted(name.as_str(), driver(pool), &pool.storage_of(name), bridge)
}

/// A storage pool, a bridge, and the profile of the pool's name that gives both.
fn wanted(name: &str, driver: Driver, source: &str, bridge: Bridge) -> Result<Wanted, Failure> {
    Ok(Wanted {
        pool: StoragePool {
            name: PoolName::new(name).map_err(Failure::failed)?,
            driver,
            source: source.to_owned(),
            config: Default::default(),
        },
        profile: ProfileName::new(name).map_err(Failure::failed)?,
        default_network: Some(bridge.name.clone()),
        networks: vec![bridge],
    })
}

/// A bridge: as it is, or with subnets that this machine has no way to yet.
fn bridge_of(client: &Client, name: &str) -> Result<Bridge, Failure> {
    let name = BridgeName::new(name).map_err(Failure::failed)?;
    let is_there = client.isolated().map_err(incus)?.iter().any(|one| one.bridge == name);
    let (ipv4, ipv6) = if is_there { (None, None) } else { subnets()? };
    Ok(bridge(name, ipv4, ipv6))
}

fn bridge(name: BridgeName, ipv4: Option<Subnet>, ipv6: Option<Subnet>) -> Bridge {
    let addressing = |subnet: Option<Subnet>| subnet.map_or(Addressing::Auto, Addressing::Subnet);
    Bridge {
        name,
        ipv4: addressing(ipv4),
        ipv4_nat: true,
        ipv6: addressing(ipv6),
        ipv6_nat: true,
        config: Default::default(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &DomainName) -> BridgeName {
        BridgeName::new(&name.bridge()).unwrap()
    }

    /// The rules for names of domains are in another crate than those for what they name.
    #[test]
    fn every_name_of_a_domain_is_one_for_incus_and_the_packet_filter() {
        for text in ["a", "1._-", "abcdefghijk", "Default"] {
            let name = DomainName::new(text).unwrap();
            let bridge = bridge(named(&name), None, None);
            assert!(bridge.name.as_str().starts_with(nftables::PREFIX));
            let zfs = wanted(text, Driver::Zfs, &name.dataset(), bridge).unwrap();
            zfs.check().unwrap();
            assert_eq!((zfs.profile.as_str(), zfs.pool.name.as_str()), (text, text));
            let folder = Pool::none().storage_of(&name);
            let btrfs = wanted(text, Driver::Btrfs, &folder, zfs.networks[0].clone()).unwrap();
            btrfs.check().unwrap();
        }
        assert_eq!(DomainName::new(POOL).is_err(), BRIDGE == "ank-default");
    }

    #[test]
    fn a_new_bridge_is_kept_apart_before_it_is_there() {
        let work = named(&DomainName::new("work").unwrap());
        let bridge = bridge(work, "10.60.1.1/24".parse().ok(), "fd42::1/64".parse().ok());
        let default = Isolated { bridge: BridgeName::new(BRIDGE).unwrap(), addresses: vec![] };
        let both = with_bridges(vec![default], std::slice::from_ref(&bridge));
        let rules = nftables::ruleset(&both).unwrap();
        assert!(rules.contains("\"ank-default\" . \"ank-default\", \"ank-work\" . \"ank-work\""));
        assert!(rules.contains("ip daddr 10.60.1.1 drop") && rules.contains("fd42::1 drop"));
        assert_eq!(with_bridges(both.clone(), &[bridge]), both);
    }
}
