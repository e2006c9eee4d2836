//! An image beside its rebuild, for people.

use anklume_compare::rebuild_text;

use super::table::{Align, lines};
use crate::events::Compared;
use crate::image::fault::shown;

/// Lines of each list that are shown; `--json` has all.
const SHOWN: usize = 20;

/// Whether the image is what its definition builds, and where and in what it is not.
pub(super) fn text(compared: &Compared) -> String {
    let Compared { image, profile, bytes, sha256, rebuilt_sha256, .. } = compared;
    let made_from = match &compared.lock {
        Some(lock) => format!("{} and {lock}", compared.definition),
        None => format!("{}, without a lock", compared.definition),
    };
    let trees = if compared.cold { "made anew" } else { "from the cache" };
    let mut text = format!(
        "\n{image}\n  rebuilt from  {made_from}\n  profile       {profile}, trees {trees}\n  \
         sha-256       {sha256}\n"
    );
    if !compared.same {
        text += &format!("  rebuild       {rebuilt_sha256}\n");
    }
    if let Some(kept) = &compared.kept {
        text += &format!("  kept as       {kept}\n");
    }
    if compared.same {
        return text + &format!("  result        the same {bytes} bytes\n");
    }
    let differing = compared.areas.iter().map(|area| area.bytes).sum::<u64>();
    text += &format!("  result        {differing} of {bytes} bytes differ\n");
    if compared.rebuilt_bytes != *bytes {
        text += &format!("                the rebuild has {} bytes\n", compared.rebuilt_bytes);
    }
    text + &areas(compared) + &content(compared)
}

fn areas(compared: &Compared) -> String {
    let mut rows = vec![["bytes", "first", "where"].map(str::to_owned).to_vec()];
    for area in &compared.areas {
        let padding = if area.padding { " (padding)" } else { "" };
        let name = format!("{}{padding}", shown(&area.name));
        rows.push(vec![area.bytes.to_string(), area.first.to_string(), name]);
    }
    format!("\nBytes\n{}", lines(&[Align::Right, Align::Right, Align::Left], &rows))
}

fn content(compared: &Compared) -> String {
    if let Some(unread) = &compared.unread {
        return format!("\nWhat differs cannot be told: {}\n", shown(unread));
    }
    let Some(rebuild) = &compared.rebuild else {
        return "\nOnly padding differs: nothing that is read.\n".to_owned();
    };
    if rebuild.deviations.is_empty() {
        return "\nBoot files, boot loader, packages and files are the same.\n".to_owned();
    }
    let text = rebuild_text(rebuild, SHOWN);
    let lines = text.lines().skip(1).map(|line| format!("{line}\n"));
    format!("\nWhat differs, image -> rebuild\n{}", lines.collect::<String>())
}
