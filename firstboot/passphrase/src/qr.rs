//! QR codes that a text console shows.

use std::fmt;

use qrcode::{Color, EcLevel, QrCode};
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// What is darker on the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// The background: glyphs are bright, as on the consoles of Linux.
    Dark,
    /// The glyphs.
    Light,
}

/// Widths of the bright border in modules, the better one first. The standard asks for four (ISO/IEC 18004,
/// 5.3.8); readers of telephones manage with two.
const QUIET_ZONES: [usize; 2] = [4, 2];

/// Rows of text that show a QR code. They are overwritten when it is dropped; `{:?}` does not show them.
#[derive(Clone)]
pub struct Drawing {
    rows: Vec<Zeroizing<String>>,
    columns: usize,
}

impl Drawing {
    /// The rows from the top, all of [`Drawing::columns`] characters: spaces and the half and full blocks
    /// U+2580, U+2584 and U+2588. They have to be printed in two colours that differ well, and not wrapped.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &str> {
        self.rows.iter().map(|row| row.as_str())
    }

    /// Characters of each row.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns
    }
}

impl fmt::Debug for Drawing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows.len();
        write!(formatter, "Drawing({} columns, {rows} rows)", self.columns)
    }
}

impl ZeroizeOnDrop for Drawing {}

/// Draws a text as a QR code of the least error correction, two modules to a character, within `columns` and
/// `rows` of a console; none if it does not fit, or if no QR code holds the text.
///
/// A recovery key gives version 4-L, 33 by 33 modules: 41 columns and 21 rows, or 37 columns and 19 rows
/// with the narrower border. So it fits on a console of 80 by 25 with four lines left for words.
///
/// There is no form for consoles without the block glyphs. With a whole character in place of half a one it
/// would have 37 rows at least, and modules of `##` have gaps that a reader sees. The text is what is left
/// there.
#[must_use]
pub fn draw(text: &str, background: Background, columns: usize, rows: usize) -> Option<Drawing> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let modules = Modules { width: code.width(), colors: code.into_colors() };
    let drawing = QUIET_ZONES.into_iter().find_map(|quiet| {
        let side = modules.width.saturating_add(quiet.saturating_mul(2));
        let fits = side <= columns && side.div_ceil(2) <= rows;
        fits.then(|| modules.draw(quiet, side, background))
    });
    modules.forget();
    drawing
}

/// The modules of a QR code, row by row.
struct Modules {
    width: usize,
    colors: Vec<Color>,
}

impl Modules {
    /// Whether a place is bright, counted from the corner of a border of this width. All around is bright.
    fn is_light(&self, x: usize, y: usize, quiet: usize) -> bool {
        let inside = |place: usize| place.checked_sub(quiet).filter(|place| *place < self.width);
        let color = inside(x).zip(inside(y)).and_then(|(x, y)| {
            let index = y.checked_mul(self.width)?.checked_add(x)?;
            self.colors.get(index)
        });
        color != Some(&Color::Dark)
    }

    /// Rows of two modules each. If the last one has only one, the border is a module wider there.
    fn draw(&self, quiet: usize, side: usize, background: Background) -> Drawing {
        let rows = (0..side).step_by(2).map(|y| {
            let mut row =
                Zeroizing::new(String::with_capacity(side.saturating_mul('█'.len_utf8())));
            row.extend((0..side).map(|x| {
                let drawn = |y| self.is_light(x, y, quiet) == (background == Background::Dark);
                match (drawn(y), drawn(y.saturating_add(1))) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                }
            }));
            row
        });
        Drawing { rows: rows.collect(), columns: side }
    }

    /// Overwrites the modules.
    fn forget(mut self) {
        self.colors.fill(Color::Light);
        std::hint::black_box(&self.colors);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RecoveryKey;
    use proptest::prelude::*;

    const KEY: &str = "iefgcelh-biduvkjv-cjvuncnk-vlfchdid-jhtuhhde-urkllkeg-ilkjgbrt-hjkbgktj";

    /// Pixels of a module. A character cell is one module wide and two high, as in the common console fonts.
    const PIXELS: usize = 4;

    /// Reads the QR codes of a screen of 80 by 25 characters as a camera sees it.
    fn scan(drawing: &Drawing, background: Background) -> Vec<String> {
        let rows: Vec<Vec<char>> = drawing.rows().map(|row| row.chars().collect()).collect();
        let lit = |x: usize, y: usize| {
            // Two columns from the left, one row from the top.
            let (column, row) = (x / PIXELS, y / PIXELS / 2);
            let glyph = (row.checked_sub(1).zip(column.checked_sub(2)))
                .and_then(|(row, column)| rows.get(row)?.get(column));
            let drawn = match glyph {
                Some('█') => true,
                Some('▀') => (y / PIXELS).is_multiple_of(2),
                Some('▄') => !(y / PIXELS).is_multiple_of(2),
                Some(' ') | None => false,
                Some(other) => panic!("{other:?} is no block"),
            };
            drawn == (background == Background::Dark)
        };
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(80 * PIXELS, 25 * 2 * PIXELS, |x, y| {
                if lit(x, y) { 200 } else { 20 }
            });
        let read = |grid: rqrr::Grid<_>| grid.decode().ok().map(|(_, text)| text);
        image.detect_grids().into_iter().filter_map(read).collect()
    }

    #[test]
    fn a_recovery_key_fits_on_a_console_and_can_be_read() {
        for background in [Background::Dark, Background::Light] {
            for (screen, size) in [((80, 25), (41, 21)), ((41, 21), (41, 21)), ((40, 25), (37, 19))]
            {
                let drawing = draw(KEY, background, screen.0, screen.1).expect("it fits");
                assert_eq!((drawing.columns(), drawing.rows().len()), size);
                assert!(drawing.rows().all(|row| row.chars().count() == size.0));
                assert_eq!(scan(&drawing, background), [KEY], "{background:?} {screen:?}");
            }
        }
    }

    #[test]
    fn the_colours_are_not_the_wrong_way_round() {
        let drawing = draw(KEY, Background::Dark, 80, 25).expect("it fits");
        assert_eq!(scan(&drawing, Background::Light), [""; 0]);
        assert!(drawing.rows().take(2).all(|row| row == "█".repeat(41)));
        let drawing = draw(KEY, Background::Light, 80, 25).expect("it fits");
        assert!(drawing.rows().take(2).all(|row| row == " ".repeat(41)));
    }

    #[test]
    fn what_does_not_fit_is_not_drawn() {
        assert!(draw(KEY, Background::Dark, 37, 19).is_some());
        assert!(draw(KEY, Background::Dark, 36, 19).is_none());
        assert!(draw(KEY, Background::Dark, 80, 18).is_none());
        assert!(draw(&"c".repeat(5000), Background::Dark, 10_000, 10_000).is_none());
    }

    #[test]
    fn formatting_does_not_show_it() {
        let drawing = draw(KEY, Background::Dark, 80, 25).expect("it fits");
        assert_eq!(format!("{drawing:?}"), "Drawing(41 columns, 21 rows)");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn every_recovery_key_can_be_read(random: [u8; 32], narrow: bool) {
            let key = RecoveryKey::new(&random);
            let columns = if narrow { 37 } else { 80 };
            let drawing = draw(key.expose(), Background::Dark, columns, 25).expect("it fits");
            prop_assert_eq!(drawing.columns(), if narrow { 37 } else { 41 });
            prop_assert_eq!(scan(&drawing, Background::Dark), [key.expose()]);
        }
    }
}
