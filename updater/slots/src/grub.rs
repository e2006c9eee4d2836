//! The rules in GRUB's language.
//!
//! The script defines functions and does nothing itself. Whoever uses it sets `records` to the folder
//! of the record's files, such as `(hd0,gpt2)/ANKLUME`:
//!
//! | function | what it does |
//! |---|---|
//! | `load_record` | sets the record's variables and `record=1`; `record` stays empty without a valid copy |
//! | `decide_slot` | sets `pick` to the slot that boots, or leaves it empty, and changes the variables |
//! | `save_record` | writes the variables into both copies, the one that counts last; sets `saved=1`; `saved` stays empty when neither could be written |

use std::fmt::Write as _;

use crate::rules::{Condition, rules};

/// The variables in the order of the record.
const VARIABLES: &str = "seq turn good a b left fails end";
/// What a valid record looks like: `seq turn good a b left fails`. No value can hold a blank then, so
/// none can pass for two.
const PATTERN: &str = "^[1-9][0-9]{8} [01] \
                       (- ([eb] [ebt]|t [eb])|a g [etgb]|b [etgb] g) [0-3] [0-3]$";

/// The functions.
#[must_use]
pub fn script() -> String {
    format!("{}{}{}", load_record(), decide_slot(), save_record())
}

fn load_record() -> String {
    let names: Vec<&str> = VARIABLES.split(' ').collect();
    let each =
        |line: &dyn Fn(&str) -> String| -> String { names.iter().map(|name| line(name)).collect() };
    let clear = each(&|name| format!("    set {name}=\n"));
    let keep = each(&|name| format!("          set best_{name}=\"${name}\"\n"));
    let take = each(&|name| format!("  set {name}=\"$best_{name}\"\n"));
    format!(
        r#"function load_record {{
  set record=
  for copy in 1 2; do
{clear}    if [ -f "$records/BOOT$copy.ENV" ]; then
      load_env --skip-sig --file "$records/BOOT$copy.ENV" {VARIABLES}
    fi
    if regexp '{PATTERN}' "$seq $turn $good $a $b $left $fails"; then
      if [ "$end" = "$seq$turn" ]; then
        set newer=1
        if [ "$record" = 1 ]; then
          if [ "$best_seq" -ge "$seq" ]; then set newer=; fi
        fi
        if [ "$newer" = 1 ]; then
          set record=1
          set counts=$copy
{keep}        fi
      fi
    fi
  done
{take}}}
"#
    )
}

fn decide_slot() -> String {
    let mut text = String::from("function decide_slot {\n  set pick=\n");
    for rule in rules() {
        let test = |condition: &Condition| {
            format!(" -a \"${}\" = {}", condition.variable().name(), condition.value())
        };
        let set =
            |change: &Condition| format!(" set {}={};", change.variable().name(), change.value());
        let when: String = rule.when.iter().map(test).collect();
        let mut then: String = rule.set.iter().map(set).collect();
        if let Some(slot) = rule.boot {
            then.push_str(&format!(" set pick={slot};"));
        }
        // Writing into a string cannot fail.
        let _ = writeln!(text, "  if [ -z \"$pick\"{when} ]; then{then} fi");
    }
    text.push_str("}\n");
    text
}

fn save_record() -> String {
    format!(
        r#"function save_copy {{
  if [ -f "$records/BOOT$1.ENV" ]; then
    if save_env --file "$records/BOOT$1.ENV" {VARIABLES}; then set saved=1; fi
  fi
}}
function save_record {{
  set saved=
  if [ "$turn" = 0 ]; then set turn=1; else set turn=0; fi
  set end="$seq$turn"
  # What counts comes last: the other copy may be damaged.
  if [ "$counts" = 1 ]; then
    save_copy 2
    save_copy 1
  else
    save_copy 1
    save_copy 2
  fi
}}
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_one_line() {
        let text = decide_slot();
        assert_eq!(text.matches("\n  if [").count(), rules().len());
        let line = "  if [ -z \"$pick\" -a \"$good\" = a -a \"$fails\" = 3 -a \"$b\" = g ]; then \
                    set good=b; set a=b; set fails=1; set pick=b; fi\n";
        assert!(text.contains(line), "{text}");
    }
}
