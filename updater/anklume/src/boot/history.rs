//! `anklume boot history`.

use anklume_history::{Boot, History, Outcome, boots};
use anklume_layout::text::printable;
use serde::Serialize;

use crate::cli::HistoryArgs;
use crate::machine::Machine;
use crate::output::Output;
use anklume_failure::{Context, Failure};

/// Widest version in the table.
const VERSION: usize = 18;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Printed<'a> {
    history_version: u32,
    damaged_lines: usize,
    boots: &'a [Boot],
}

pub(crate) fn run(
    machine: &Machine,
    args: &HistoryArgs,
    out: &mut Output<'_>,
) -> Result<u8, Failure> {
    let report = machine.report()?.ok_or_else(|| {
        Failure::refused("this OS was not started from an anklume image: no boot history")
    })?;
    let History { events, damaged } = machine.history(&report)?;
    let all = boots(&events, machine.boot_id().ok().as_deref());
    let skipped = if args.limit == 0 { 0 } else { all.len().saturating_sub(args.limit) };
    let newest = all.get(skipped..).unwrap_or_default();
    if args.json {
        let printed = Printed { history_version: 1, damaged_lines: damaged, boots: newest };
        out.say(serde_json::to_string_pretty(&printed).context("writing JSON")?)?;
        return Ok(0);
    }
    out.say(table(newest, skipped, damaged))?;
    Ok(0)
}

/// A line for each boot, newest last.
fn table(boots: &[Boot], skipped: usize, damaged: usize) -> String {
    if boots.is_empty() && damaged == 0 {
        return "no boot is recorded".to_owned();
    }
    let mut lines = vec![format!(
        "{:16}  {:4}  {:VERSION$}  {:10}  {}",
        "TIME (UTC)", "SLOT", "VERSION", "VERDICT", "REASON"
    )];
    lines.extend(boots.iter().map(row));
    if skipped > 0 {
        lines.push(format!("{skipped} older; `--limit 0` shows all"));
    }
    if damaged > 0 {
        lines.push(format!("{damaged} damaged lines were passed over"));
    }
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

fn row(boot: &Boot) -> String {
    let time = boot.at.minute().unwrap_or_else(|| "unknown".to_owned());
    let version = boot.version.as_deref().unwrap_or("-");
    let times = match (boot.outcome, boot.count) {
        (Outcome::Missed, count) if count > 1 => format!("{count} times: "),
        _ => String::new(),
    };
    let reason = boot.reason.as_deref().unwrap_or_default();
    format!(
        "{time:16}  {:4}  {:VERSION$}  {:10}  {times}{}",
        boot.slot.to_string(),
        printable(version, VERSION),
        boot.outcome,
        printable(reason, 200),
    )
}

#[cfg(test)]
mod tests {
    use crate::store::LastFailure;
    use crate::testing::{Fake, good_and_trial};
    use anklume_layout::Slot;

    fn fake() -> Fake {
        let fake = Fake::new(Slot::B, good_and_trial());
        fake.fill_slots();
        fake.boot();
        fake.check("10-units", "echo x.service failed; exit 1");
        fake.run(&["boot", "check"]).unwrap();
        fake.next_boot("second");
        fake.boot();
        fake.set_failure(LastFailure { slot: None, reason: "\u{1b}[2Jno medium".to_owned() });
        fake.grub();
        let fake = fake.moved_to(Slot::A);
        fake.next_boot("third");
        fake.boot();
        fake.append_history("{\"event\":\n");
        fake
    }

    #[test]
    fn the_table_has_a_line_for_each_boot() {
        let said = fake().run(&["boot", "history"]).unwrap();
        let expected = "\
TIME (UTC)        SLOT  VERSION             VERDICT     REASON
2026-11-14 09:21  b     13.20261121         bad         10-units: x.service failed
2026-11-14 09:21  b     13.20261121         unfinished  did not say that it was well; cut off, hung or restarted
2026-11-14 09:21  b     13.20261121         missed      [2Jno medium
2026-11-14 09:21  a     13.20261114         running     no verdict yet
1 damaged lines were passed over
";
        assert_eq!(said.stdout, expected);
    }

    #[test]
    fn the_newest_are_shown() {
        let said = fake().run(&["boot", "history", "--limit", "1"]).unwrap();
        assert!(said.stdout.contains("running") && !said.stdout.contains("missed"));
        assert!(said.stdout.contains("3 older; `--limit 0` shows all"), "{}", said.stdout);
        let said = fake().run(&["boot", "history", "--json", "--limit", "2"]).unwrap();
        let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
        assert_eq!(json["damaged-lines"], 1);
        assert_eq!(json["boots"][0]["outcome"], "missed");
        assert_eq!(json["boots"][1]["seconds"], 1_794_648_103_u64);
    }

    #[test]
    fn a_machine_without_a_history_says_so() {
        let fake = Fake::new(Slot::A, good_and_trial());
        assert_eq!(fake.run(&["boot", "history"]).unwrap().stdout, "no boot is recorded\n");
        fake.remove("run/anklume/boot.json");
        assert!(fake.run(&["boot", "history"]).is_err());
    }
}
