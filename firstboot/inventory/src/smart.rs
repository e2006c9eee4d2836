//! What `smartctl -aj` says of a drive's health.
//!
//! Its exit status is a set of bits that virtual and USB drives never leave empty, so only the JSON counts.
//! Fields of smartmontools 7.2 to 7.5; what is missing stays unknown.

use serde_json::Value;

use crate::Health;
use crate::json::{number, parse};

/// ATA attributes: sectors replaced, sectors waiting for it, sectors that a test could not read.
const REALLOCATED: u64 = 5;
const PENDING: u64 = 197;
const UNCORRECTABLE: u64 = 198;

/// The health in `bytes`; nothing is known if they are not JSON.
pub(crate) fn health(bytes: &[u8]) -> Health {
    let Ok(value) = parse("output of smartctl", bytes) else { return Health::default() };
    let at = |pointer: &str| value.pointer(pointer);
    let nvme = |key: &str| at("/nvme_smart_health_information_log").and_then(|log| log.get(key));
    let wear = nvme("percentage_used")
        .or_else(|| at("/endurance_used/current_percent"))
        .or_else(|| at("/scsi_percentage_used_endurance_indicator"));
    let bad_sectors = number(nvme("media_errors"))
        .or_else(|| number(at("/scsi_grown_defect_list")))
        .or_else(|| attributes(&value));
    Health {
        passed: at("/smart_status/passed").and_then(Value::as_bool),
        wear: number(wear).and_then(|percent| u16::try_from(percent).ok()),
        hours: number(at("/power_on_time/hours")),
        bad_sectors,
        temperature: at("/temperature/current")
            .and_then(Value::as_i64)
            .and_then(|degrees| i16::try_from(degrees).ok()),
    }
}

/// Bad sectors by ATA attributes. What waits is counted by two of them, so the larger one counts.
fn attributes(value: &Value) -> Option<u64> {
    let table = value.pointer("/ata_smart_attributes/table")?.as_array()?;
    let of = |id: u64| table.iter().find(|one| number(one.get("id")) == Some(id)).and_then(raw);
    let waiting = of(PENDING).max(of(UNCORRECTABLE));
    match (of(REALLOCATED), waiting) {
        (None, None) => None,
        (replaced, waiting) => {
            Some(replaced.unwrap_or_default().saturating_add(waiting.unwrap_or_default()))
        }
    }
}

/// The raw value of an attribute. Some drives pack several numbers into it; the text tells them apart.
fn raw(attribute: &Value) -> Option<u64> {
    let text = attribute.pointer("/raw/string").and_then(Value::as_str).unwrap_or_default();
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().or_else(|| number(attribute.pointer("/raw/value")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(value: &Value) -> Health {
        health(value.to_string().as_bytes())
    }

    #[test]
    fn nvme_tells_wear_and_media_errors() {
        let value = json!({
            "smart_status": {"passed": false},
            "nvme_smart_health_information_log": {"percentage_used": 104, "media_errors": 3},
            "power_on_time": {"hours": 12000},
            "temperature": {"current": -5},
        });
        let expected = Health {
            passed: Some(false),
            wear: Some(104),
            hours: Some(12000),
            bad_sectors: Some(3),
            temperature: Some(-5),
        };
        assert_eq!(of(&value), expected);
    }

    #[test]
    fn ata_counts_replaced_and_waiting_sectors_once() {
        let one = |id: u64, value: u64, string: &str| {
            let raw = json!({"value": value, "string": string});
            json!({"id": id, "raw": raw})
        };
        let packed = 0x0001_0000_0004;
        let table =
            [one(5, packed, "4 (0 1)"), one(9, 77, "77"), one(197, 8, "8"), one(198, 6, "6")];
        let value = json!({"ata_smart_attributes": {"table": table}});
        assert_eq!(of(&value).bad_sectors, Some(12));
        let other = json!({"ata_smart_attributes": {"table": [one(9, 77, "77")]}});
        assert_eq!(of(&other).bad_sectors, None);
    }

    #[test]
    fn a_virtual_drive_says_nothing() {
        assert_eq!(of(&json!({"smartctl": {"exit_status": 4}})), Health::default());
        assert_eq!(health(b"Smartctl open device failed"), Health::default());
    }
}
