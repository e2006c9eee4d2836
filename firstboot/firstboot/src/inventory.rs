//! `anklume inventory`: the disks of this machine.

use anklume_inventory::{Inventory, Verdict, boot_medium, judge, warnings};
use anklume_language::Language;

use crate::cli::InventoryArgs;
use crate::say;
use anklume_failure::{Context, Failure};

/// Looks at the disks.
pub(crate) fn collect() -> Result<Inventory, Failure> {
    anklume_storage::collect().context("looking at the disks")
}

pub(crate) fn run(args: &InventoryArgs) -> Result<(), Failure> {
    let inventory = collect()?;
    if args.json {
        say(inventory.to_json());
        return Ok(());
    }
    let boot = boot_medium(&inventory);
    for disk in &inventory.disks {
        say(format!("{}: {}", disk.name, disk.words(Language::English)));
        say(format!("    {}", disk.content_words(Language::English, &boot)));
        match judge(&inventory, disk) {
            Verdict::Eligible => {
                for warning in warnings(disk) {
                    say(format!("    warning: {}", warning.words(Language::English)));
                }
            }
            Verdict::Refused(why) => {
                for refusal in why {
                    say(format!("    not to be taken: {}", refusal.words(Language::English)));
                }
            }
        }
    }
    Ok(())
}
