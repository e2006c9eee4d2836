//! Squarified treemaps (Bruls, Huizing and van Wijk, "Squarified Treemaps", 2000).
//!
//! Rectangles have whole coordinates and share their edges, so they tile their parent without gap
//! and overlap. Each is as large as its weight asks for, up to the rounding of its edges.

/// A rectangle, in units of the caller's choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rect {
    /// Distance from the left edge of the parent.
    pub(crate) left: u32,
    /// Distance from the top edge of the parent.
    pub(crate) top: u32,
    /// Extent to the right.
    pub(crate) width: u32,
    /// Extent downwards.
    pub(crate) height: u32,
}

impl Rect {
    /// First unit right of the rectangle.
    pub(crate) fn right(&self) -> u32 {
        self.left.saturating_add(self.width)
    }

    /// First unit below the rectangle.
    pub(crate) fn bottom(&self) -> u32 {
        self.top.saturating_add(self.height)
    }

    fn wide(&self) -> bool {
        self.width >= self.height
    }

    /// Length of the side along which a row is laid, and of the side that rows eat up.
    fn sides(&self) -> (u32, u32) {
        match self.wide() {
            true => (self.height, self.width),
            false => (self.width, self.height),
        }
    }
}

/// Tiles a parent of `width` by `height`; rectangle `n` belongs to weight `n`. Weights of zero get
/// rectangles without area. The shapes come closest to squares when weights fall.
pub(crate) fn squarify(weights: &[u64], width: u32, height: u32) -> Vec<Rect> {
    let mut free = Rect { left: 0, top: 0, width, height };
    let mut left: u128 = weights.iter().copied().map(u128::from).sum();
    let mut rest = weights;
    let mut tiles = Vec::with_capacity(weights.len());
    while !rest.is_empty() {
        let (row, after) = rest.split_at(row_length(rest, left, free).min(rest.len()));
        let sum = row.iter().copied().map(u128::from).sum();
        let (_, long) = free.sides();
        let downwards = free.wide();
        let band;
        (band, free) = cut(free, part(long, sum, left));
        place(row, sum, band, downwards, &mut tiles);
        left = left.saturating_sub(sum);
        rest = after;
    }
    tiles
}

/// How many of `weights` make up the next row: as many as make its worst shape better.
fn row_length(weights: &[u64], total: u128, free: Rect) -> usize {
    let (side, long) = free.sides();
    // Area of one unit of weight, divided by the square of the row's side.
    let scale = f64::from(long) / f64::from(side).max(1.0) / float(total).max(1.0);
    let (mut sum, mut least, mut most) = (0_u128, u64::MAX, 0);
    let mut best = f64::INFINITY;
    let mut length = 0_usize;
    for &weight in weights {
        sum = sum.saturating_add(weight.into());
        (least, most) = (weight.min(least), weight.max(most));
        // The row is `scale * sum` thick and its tile `weight / sum` long, both in sides.
        let square = scale * float(sum) * float(sum);
        let worst = (square / float(least.into())).max(float(most.into()) / square);
        if length > 0 && (worst > best || worst.is_nan()) {
            break;
        }
        best = worst;
        length = length.saturating_add(1);
    }
    length.max(1)
}

/// Cuts a band `thickness` thick off the longer side: the band and what stays.
fn cut(free: Rect, thickness: u32) -> (Rect, Rect) {
    if free.wide() {
        let width = free.width.saturating_sub(thickness);
        let left = free.left.saturating_add(thickness);
        (Rect { width: thickness, ..free }, Rect { left, width, ..free })
    } else {
        let height = free.height.saturating_sub(thickness);
        let top = free.top.saturating_add(thickness);
        (Rect { height: thickness, ..free }, Rect { top, height, ..free })
    }
}

/// Splits `band` among the weights of `row`, which are `sum` together, from top to bottom or from
/// left to right.
fn place(row: &[u64], sum: u128, band: Rect, downwards: bool, tiles: &mut Vec<Rect>) {
    let side = if downwards { band.height } else { band.width };
    let (mut done, mut from) = (0_u128, 0);
    for &weight in row {
        done = done.saturating_add(weight.into());
        let to = part(side, done, sum);
        let length = to.saturating_sub(from);
        tiles.push(if downwards {
            Rect { top: band.top.saturating_add(from), height: length, ..band }
        } else {
            Rect { left: band.left.saturating_add(from), width: length, ..band }
        });
        from = to;
    }
}

/// `length * weight / total`, rounded to nearest; zero where there is no weight.
fn part(length: u32, weight: u128, total: u128) -> u32 {
    let product = u128::from(length).saturating_mul(weight).saturating_add(total / 2);
    let value = product.checked_div(total).unwrap_or(0);
    u32::try_from(value).unwrap_or(length).min(length)
}

/// The nearest float, or one next to it: enough to compare shapes.
fn float(value: u128) -> f64 {
    value.to_be_bytes().into_iter().fold(0.0, |sum, byte| sum * 256.0 + f64::from(byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn area(rect: &Rect) -> u64 {
        u64::from(rect.width) * u64::from(rect.height)
    }

    fn overlap(a: &Rect, b: &Rect) -> bool {
        area(a) > 0
            && area(b) > 0
            && a.left < b.right()
            && b.left < a.right()
            && a.top < b.bottom()
            && b.top < a.bottom()
    }

    proptest! {
        #[test]
        fn tiles_fill_their_parent_without_overlap_in_proportion(
            weights in prop::collection::vec(prop_oneof![0_u64..20, 0_u64..1_000_000_000], 1..60),
            width in 200_u32..40_000,
            height in 200_u32..40_000,
        ) {
            let tiles = squarify(&weights, width, height);
            prop_assert_eq!(tiles.len(), weights.len());
            let total: u64 = weights.iter().sum();
            let whole = u64::from(width) * u64::from(height);
            let covered: u64 = tiles.iter().map(area).sum();
            prop_assert_eq!(covered, if total == 0 { 0 } else { whole });
            for (n, tile) in tiles.iter().enumerate() {
                prop_assert!(tile.right() <= width && tile.bottom() <= height);
                prop_assert!(!tiles[..n].iter().any(|other| overlap(tile, other)));
                let ideal = u128::from(whole) * u128::from(weights[n]) / u128::from(total.max(1));
                let error = u128::from(area(tile)).abs_diff(ideal);
                // A rounded edge is off by half a unit; edges before it shift it once more.
                let tolerance = u128::from(width) + u128::from(height);
                prop_assert!(error <= tolerance, "{tile:?}: off by {error}, {tolerance} allowed");
            }
        }

        #[test]
        fn any_weights_and_extents_are_taken(
            weights in prop::collection::vec(any::<u64>(), 0..30),
            width in any::<u32>(),
            height in any::<u32>(),
        ) {
            prop_assert_eq!(squarify(&weights, width, height).len(), weights.len());
        }
    }

    #[test]
    fn shapes_are_those_of_the_paper() {
        // Figure 4 of the paper: areas 6, 6, 4, 3, 2, 2, 1 in a rectangle of 6 by 4.
        let tiles = squarify(&[6, 6, 4, 3, 2, 2, 1], 600, 400);
        let corners: Vec<_> = tiles.iter().map(|t| (t.left, t.top, t.width, t.height)).collect();
        assert_eq!(corners[..2], [(0, 0, 300, 200), (0, 200, 300, 200)]);
        assert_eq!(corners[2..4], [(300, 0, 171, 233), (471, 0, 129, 233)]);
        assert_eq!(corners[4], (300, 233, 120, 167));
    }

    #[test]
    fn equal_falling_weights_are_nearly_square() {
        for tile in squarify(&[1; 100], 10_000, 10_000) {
            let (side, long) = tile.sides();
            assert!(long * 10 <= side * 16, "{tile:?}");
        }
    }

    #[test]
    fn one_weight_fills_everything_and_none_nothing() {
        assert_eq!(squarify(&[7], 30, 20), [Rect { left: 0, top: 0, width: 30, height: 20 }]);
        assert!(squarify(&[], 30, 20).is_empty());
        assert!(squarify(&[0, 0], 30, 20).iter().all(|tile| area(tile) == 0));
    }
}
