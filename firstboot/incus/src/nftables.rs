//! Our own table of the packet filter: bridges do not reach each other.
//!
//! # What a forward hook sees
//! Packets that the kernel routes: from one bridge to another, and from a bridge to the outside. Between two
//! instances on *one* bridge frames are switched and nothing of them gets here, with two exceptions that must
//! not be lost: with the module `br_netfilter` (Docker loads it) switched frames pass with the bridge as
//! both interfaces, and what an instance sends to a published address of its neighbour is routed back
//! into the bridge that it came from. So a pair of equal names passes. There is no expression that compares
//! both interfaces, hence a set with the names.
//!
//! # What it does not see
//! Packets for the host itself. Linux answers for all of its addresses on each interface: an instance
//! reaches the address of another bridge, and the name server there knows its neighbours' names. So the
//! input hook drops what comes from a bridge for the address of another one.
//!
//! # Beside Incus
//! Incus owns `table inet incus` and its chains have priority 0 (`filter`) and policy `accept`. `accept`
//! ends one base chain only, `drop` is final in whichever table. Ours come first, so nothing is decided
//! twice; and what they do not drop, NAT included, remains Incus's. Incus replaces and removes its own
//! chains only.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::IpAddr;

use crate::names::{BridgeName, NameFault};

/// What the names of isolated bridges begin with.
pub const PREFIX: &str = "ank-";
/// Our table.
pub const TABLE: &str = "inet anklume";

/// A bridge that is kept apart from the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Isolated {
    /// Its name, which begins with [`PREFIX`].
    pub bridge: BridgeName,
    /// The host's addresses on it, as far as they are known.
    pub addresses: Vec<IpAddr>,
}

/// The input of `nft -f`. It replaces the whole table at once, whether it was there or not; with no bridge,
/// the rules for those to come are there already. The same bridges give the same text in any order.
///
/// # Errors
/// When a name does not begin with [`PREFIX`]: its packets would not be looked at.
pub fn ruleset(bridges: &[Isolated]) -> Result<String, NameFault> {
    let bad = bridges.iter().find(|isolated| !isolated.bridge.as_str().starts_with(PREFIX));
    if let Some(Isolated { bridge, .. }) = bad {
        let (what, rule) = ("name of an isolated bridge", "beginning with 'ank-'");
        return Err(NameFault { text: bridge.to_string(), what, rule });
    }
    let names: BTreeSet<_> = bridges.iter().map(|isolated| isolated.bridge.as_str()).collect();
    let pairs: Vec<_> = names.iter().map(|name| format!("\"{name}\" . \"{name}\"")).collect();
    let elements = match pairs.as_slice() {
        [] => String::new(),
        pairs => format!("\t\telements = {{ {} }}\n", pairs.join(", ")),
    };
    Ok(format!(
        "# The first line lets the second one succeed when there is no table yet.\n\
         table {TABLE}\n\
         delete table {TABLE}\n\
         table {TABLE} {{\n\
         \tset same {{\n\
         \t\ttype ifname . ifname\n\
         {elements}\
         \t}}\n\
         \n\
         \tchain forward {{\n\
         \t\ttype filter hook forward priority filter - 10; policy accept;\n\
         \t\tiifname . oifname @same accept\n\
         \t\tiifname \"{PREFIX}*\" oifname \"{PREFIX}*\" drop\n\
         \t}}\n\
         \n\
         \tchain input {{\n\
         \t\ttype filter hook input priority filter - 10; policy accept;\n\
         {}\
         \t}}\n\
         }}\n",
        input_rules(bridges),
    ))
}

fn input_rules(bridges: &[Isolated]) -> String {
    let own = bridges.iter().flat_map(|isolated| {
        isolated.addresses.iter().map(|address| (isolated.bridge.as_str(), *address))
    });
    let sorted: BTreeSet<_> = own.collect();
    sorted.into_iter().fold(String::new(), |mut rules, (name, address)| {
        let family = if address.is_ipv4() { "ip" } else { "ip6" };
        // Writing to a string does not fail.
        let _ = writeln!(
            rules,
            "\t\tiifname \"{PREFIX}*\" iifname != \"{name}\" {family} daddr {address} drop"
        );
        rules
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn isolated(name: &str, addresses: &[&str]) -> Isolated {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Isolated { bridge: name.parse().unwrap(), addresses }
    }

    #[test]
    fn the_table_is_what_it_is() {
        let work = isolated("ank-work", &["10.60.1.1", "fd42::1"]);
        let home = isolated("ank-home", &[]);
        let text = ruleset(&[work.clone(), home.clone()]).unwrap();
        let expected = r#"# The first line lets the second one succeed when there is no table yet.
table inet anklume
delete table inet anklume
table inet anklume {
	set same {
		type ifname . ifname
		elements = { "ank-home" . "ank-home", "ank-work" . "ank-work" }
	}

	chain forward {
		type filter hook forward priority filter - 10; policy accept;
		iifname . oifname @same accept
		iifname "ank-*" oifname "ank-*" drop
	}

	chain input {
		type filter hook input priority filter - 10; policy accept;
		iifname "ank-*" iifname != "ank-work" ip daddr 10.60.1.1 drop
		iifname "ank-*" iifname != "ank-work" ip6 daddr fd42::1 drop
	}
}
"#;
        assert_eq!(text, expected);
        assert_eq!(ruleset(&[home, work]).unwrap(), expected);
    }

    #[test]
    fn without_bridges_later_ones_are_kept_apart_already() {
        let text = ruleset(&[]).unwrap();
        assert!(text.contains("iifname \"ank-*\" oifname \"ank-*\" drop"));
        assert!(!text.contains("elements"));
    }

    #[test]
    fn a_name_that_no_rule_would_match_is_refused() {
        let fault = ruleset(&[isolated("incusbr0", &[])]).unwrap_err();
        assert!(fault.to_string().contains("\"incusbr0\""), "{fault}");
    }
}
