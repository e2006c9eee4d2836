//! Programs that use what is on the pool.

use std::fs;
use std::path::Path;

use anklume_host::process::Cmd;

/// How many are named.
const MOST: usize = 10;
/// Control groups of Incus (its units) and of its instances (lxc.container.conf(5), `lxc.cgroup.dir`), from the root.
const OF_INCUS: [&str; 3] = ["/system.slice/incus", "/lxc.payload", "/lxc.monitor"];

/// Those that use what is mounted at one of these places, in words; nothing, if there are none.
pub(crate) fn of(places: &[&str]) -> String {
    words(Path::new("/proc"), &numbers(places), false)
}

/// The same without Incus and what runs in its instances, which end with it.
pub(crate) fn other_than_incus(places: &[&str]) -> String {
    words(Path::new("/proc"), &numbers(places), true)
}

/// Their process IDs, as `fuser` prints them.
fn numbers(places: &[&str]) -> String {
    let every: Vec<i32> = (0..=255).collect();
    // -M: where nothing is mounted, it would name everybody who uses the file system below.
    let fuser = Cmd::new("fuser").args(["-M", "-m"]).args(places);
    // The numbers go to standard output, the letters beside them to the other one.
    let output = fuser.accept(&every).output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).into_owned()
}

fn words(proc: &Path, numbers: &str, without_incus: bool) -> String {
    let named = |number: &str| {
        let folder = proc.join(number);
        // One that has just ended has none.
        let name = fs::read_to_string(folder.join("comm")).ok()?;
        let groups = fs::read_to_string(folder.join("cgroup")).unwrap_or_default();
        let own = number == std::process::id().to_string();
        let left_out = own || (without_incus && is_of_incus(&groups));
        (!left_out).then(|| format!("{} ({number})", name.trim()))
    };
    let mut users: Vec<String> = numbers.split_whitespace().filter_map(named).collect();
    users.dedup();
    users.truncate(MOST);
    users.join(", ")
}

/// Whether a control group is one of Incus's (cgroups(7): `hierarchy:controllers:path`).
fn is_of_incus(groups: &str) -> bool {
    let mut paths = groups.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    paths.any(|path| OF_INCUS.iter().any(|prefix| path.starts_with(prefix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_named_and_containers_are_not() {
        let proc = tempfile::tempdir().unwrap();
        let own = std::process::id().to_string();
        for (number, name, group) in [
            ("12", "bash", "0::/user.slice/user-1000.slice/session-1.scope"),
            ("13", "dnsmasq", "0::/system.slice/incus.service"),
            ("14", "systemd", "0::/lxc.payload.web/init.scope"),
            ("15", "vim", "0::/user.slice/lxc.payload.web"),
            (own.as_str(), "anklume", "0::/user.slice"),
        ] {
            let folder = proc.path().join(number);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("comm"), format!("{name}\n")).unwrap();
            fs::write(folder.join("cgroup"), format!("{group}\n")).unwrap();
        }
        let numbers = format!(" 12 13 14 15 99 {own}");
        assert_eq!(words(proc.path(), &numbers, true), "bash (12), vim (15)");
        let all = "bash (12), dnsmasq (13), systemd (14), vim (15)";
        assert_eq!(words(proc.path(), &numbers, false), all);
        assert_eq!(words(proc.path(), " 13 14", true), "");
    }
}
