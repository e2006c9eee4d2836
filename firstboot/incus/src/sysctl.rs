//! Kernel settings that the host of bridges needs, as data for `sysctl.d(5)`.

/// A kernel setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sysctl {
    /// Its name, with dots.
    pub key: &'static str,
    /// Its value.
    pub value: &'static str,
    /// Why it is set.
    pub why: &'static str,
}

/// The settings.
///
/// Incus 6.0 sets them by itself when it starts a bridge (`internal/server/network/driver_bridge.go`): for
/// one with IPv4 the first; for one with IPv6 `forwarding` of all interfaces, and `accept_ra=2` on those
/// that took router advertisements, which an interface that forwards ignores otherwise. For the bridge
/// itself it sets `disable_ipv6`, `autoconf` and `accept_dad`. Here they are set before any bridge is
/// there. Incus's package brings `fs.inotify.max_user_instances=1024`.
///
/// `accept_ra` is not here: for all interfaces it would be for the bridges too, and any instance could
/// become the host's router. NetworkManager takes advertisements by itself, whatever the kernel is set to.
pub const SYSCTLS: [Sysctl; 2] = [
    Sysctl { key: "net.ipv4.ip_forward", value: "1", why: "instances reach the outside over IPv4" },
    Sysctl {
        key: "net.ipv6.conf.all.forwarding",
        value: "1",
        why: "instances reach the outside over IPv6",
    },
];

/// The settings as a file for `/etc/sysctl.d`.
#[must_use]
pub fn file() -> String {
    SYSCTLS.iter().fold(String::new(), |text, Sysctl { key, value, why }| {
        format!("{text}# {why}\n{key} = {value}\n")
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_file_is_one_that_sysctl_reads() {
        let expected = "# instances reach the outside over IPv4\nnet.ipv4.ip_forward = 1\n\
                        # instances reach the outside over IPv6\nnet.ipv6.conf.all.forwarding = 1\n";
        assert_eq!(super::file(), expected);
    }
}
