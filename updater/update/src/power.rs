//! What feeds the machine: `/sys/class/power_supply`.

use std::fs;
use std::path::Path;

use anklume_release::Power;

/// The fullest battery, unless some mains supply is online or there is no battery.
///
/// Kernel documentation: `ABI/testing/sysfs-class-power`.
pub(crate) fn power(sys: &Path) -> Power {
    let supplies = fs::read_dir(sys.join("class/power_supply"));
    let mut charge: Option<u8> = None;
    for supply in supplies.into_iter().flatten().flatten() {
        let text = |name: &str| {
            let text = fs::read_to_string(supply.path().join(name)).unwrap_or_default();
            text.trim().to_owned()
        };
        match text("type").as_str() {
            "Mains" | "USB" if text("online") == "1" => return Power::Mains,
            // A mouse has one, too.
            "Battery" if text("scope") != "Device" => {
                let percent = text("capacity").parse::<u8>().ok().filter(|percent| *percent <= 100);
                charge = charge.max(percent);
            }
            _ => {}
        }
    }
    charge.map_or(Power::Mains, Power::Battery)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supplies(list: &[(&str, &str, &str)]) -> Power {
        let sys = tempfile::tempdir().unwrap();
        for (number, (kind, file, value)) in list.iter().enumerate() {
            let folder = sys.path().join(format!("class/power_supply/{number}"));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("type"), format!("{kind}\n")).unwrap();
            fs::write(folder.join(file), format!("{value}\n")).unwrap();
        }
        power(sys.path())
    }

    #[test]
    fn mains_count_before_batteries() {
        assert_eq!(supplies(&[]), Power::Mains);
        assert_eq!(supplies(&[("Battery", "capacity", "12")]), Power::Battery(12));
        let both = [("Battery", "capacity", "12"), ("Battery", "capacity", "40")];
        assert_eq!(supplies(&both), Power::Battery(40));
        let mains = |online| [("Mains", "online", online), ("Battery", "capacity", "12")];
        assert_eq!(supplies(&mains("1")), Power::Mains);
        assert_eq!(supplies(&mains("0")), Power::Battery(12));
        assert_eq!(supplies(&[("Battery", "scope", "Device")]), Power::Mains);
        assert_eq!(supplies(&[("Battery", "capacity", "300")]), Power::Mains);
    }
}
