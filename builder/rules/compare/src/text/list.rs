//! Lists that may be cut short.

/// How much of a list is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// The biggest entries, at most so many of each list, and the number of the others.
    Biggest(usize),
    /// Everything, by name or path.
    All,
}

/// A line of a list and what it counts for when only the biggest are shown.
pub(super) struct Line {
    pub(super) bytes: u64,
    pub(super) text: String,
}

/// The lines that `detail` asks for, each indented by four columns; a last one for those left out.
pub(super) fn list(mut lines: Vec<Line>, detail: Detail) -> String {
    let most = match detail {
        Detail::All => lines.len(),
        Detail::Biggest(most) => {
            // Stable: equal sizes stay in the order of their names.
            lines.sort_by_key(|line| std::cmp::Reverse(line.bytes));
            most
        }
    };
    let left_out = lines.len().saturating_sub(most);
    let mut text: String =
        lines.iter().take(most).map(|line| format!("    {}\n", line.text)).collect();
    if left_out > 0 && most > 0 {
        text.push_str(&format!("    and {left_out} more\n"));
    }
    text
}
