//! A treemap of positioned boxes that needs no script.
//!
//! A group is a box with its name on top and its children in the body below. Places in a body are
//! percentages of it, so the map stretches with the window while names keep their size.

use std::borrow::Cow;
use std::fmt::Write;

use crate::number::{bytes, share, style_thousandths, thousandths};
use crate::sizes::{Shown, Size};
use crate::text::escaped;
use crate::treemap::{Rect, squarify};

/// Units of a CSS pixel, in which boxes are laid out.
const PIXEL: u32 = 16;
/// The map's width and height for which shapes are chosen.
const CANVAS: (u32, u32) = (1160 * PIXEL, 640 * PIXEL);
/// Height of a group's name.
const HEADER: u32 = 18 * PIXEL;
/// A group's frame, both sides together.
const FRAME: u32 = 4 * PIXEL;
/// A group is opened if it is at least so wide and high.
const OPEN: (u32, u32) = (70 * PIXEL, 50 * PIXEL);
/// A box is named if it is at least so wide and high.
const NAMED: (u32, u32) = (34 * PIXEL, 16 * PIXEL);
/// Boxes that would be smaller are drawn as one. In square units.
const SMALLEST: u64 = 12 * 12 * 256;
/// Groups are opened down to this level.
const LEVELS: u32 = 6;
/// Colours in the style sheet.
const COLOURS: u32 = 8;

/// The map of `root`, by bytes in the image. `label` is its text for who cannot see it.
pub(super) fn map(root: &Shown, label: &str) -> String {
    let mut map = Map { html: String::new(), total: root.size, next_colour: 0 };
    map.body(root, CANVAS, 0, None);
    let Map { html, .. } = map;
    format!("<div class=\"map\" role=\"img\" aria-label=\"{label}\">{html}</div>\n")
}

struct Map {
    html: String,
    total: Size,
    next_colour: u32,
}

impl Map {
    /// The children of a node in a body of that extent.
    fn body(&mut self, node: &Shown, extent: (u32, u32), level: u32, colour: Option<u32>) {
        let children = merged(node, extent);
        let weights: Vec<_> = children.iter().map(|child| child.size.compressed).collect();
        for (child, place) in children.iter().zip(squarify(&weights, extent.0, extent.1)) {
            if place.width > 0 && place.height > 0 {
                let colour = colour.or_else(|| self.colour(child));
                self.tile(child, place, extent, level, colour);
            }
        }
    }

    /// The colour of a node whose parent has none: most of the map is left to the children.
    fn colour(&mut self, node: &Shown) -> Option<u32> {
        if !node.children.is_empty() && node.size.compressed > self.total.compressed / 2 {
            return None;
        }
        let colour = self.next_colour;
        self.next_colour = self.next_colour.saturating_add(1) % COLOURS;
        Some(colour)
    }

    fn tile(
        &mut self,
        node: &Shown,
        place: Rect,
        extent: (u32, u32),
        level: u32,
        colour: Option<u32>,
    ) {
        let large = place.width >= OPEN.0 && place.height >= OPEN.1;
        let open = large && level < LEVELS && !node.children.is_empty();
        let named = place.width >= NAMED.0 && place.height >= NAMED.1;
        let group = if open { " g" } else { "" };
        let class = colour.map_or_else(String::new, |colour| format!(" c{colour}"));
        let _ = write!(self.html, "<div class=\"b{group}{class}\"");
        let _ = write!(self.html, " style=\"{}\"", style(place, extent));
        let _ = write!(self.html, " title=\"{}\">", title(node, self.total));
        if named {
            let _ = write!(self.html, "<span>{}</span>", escaped(&node.name));
        }
        if open {
            let height = place.height.saturating_sub(HEADER).saturating_sub(FRAME);
            let inner = (place.width.saturating_sub(FRAME), height);
            self.html.push_str("<div>");
            self.body(node, inner, level.saturating_add(1), colour);
            self.html.push_str("</div>");
        }
        self.html.push_str("</div>");
    }
}

/// The children of a node, those that would be too small to see as one, at the end.
fn merged(node: &Shown, extent: (u32, u32)) -> Vec<Cow<'_, Shown>> {
    let area = u128::from(extent.0).saturating_mul(extent.1.into());
    let large = |child: &&Shown| {
        let part = u128::from(child.size.compressed).saturating_mul(area);
        part >= u128::from(SMALLEST).saturating_mul(node.size.compressed.max(1).into())
    };
    let mut children: Vec<_> = node.children.iter().filter(large).map(Cow::Borrowed).collect();
    let small: Vec<_> = node.children.iter().filter(|child| !large(child)).collect();
    match small.as_slice() {
        [] => {}
        [only] => children.push(Cow::Borrowed(*only)),
        several => {
            let size = several.iter().map(|child| child.size).sum();
            children.push(Cow::Owned(Shown::rest(size)));
        }
    }
    children
}

fn title(node: &Shown, total: Size) -> String {
    let Size { compressed, content, .. } = node.size;
    let share = share(compressed, total.compressed);
    format!("{}: {} ({share}), {}", escaped(&node.name), bytes(compressed), bytes(content))
}

/// Edges are rounded, not extents, so that neighbours meet.
fn style(place: Rect, extent: (u32, u32)) -> String {
    let edge = |at: u32, whole: u32| thousandths(at.into(), whole.into());
    let (left, right) = (edge(place.left, extent.0), edge(place.right(), extent.0));
    let (top, bottom) = (edge(place.top, extent.1), edge(place.bottom(), extent.1));
    format!(
        "left:{};top:{};width:{};height:{}",
        style_thousandths(left),
        style_thousandths(top),
        style_thousandths(right.saturating_sub(left)),
        style_thousandths(bottom.saturating_sub(top))
    )
}
