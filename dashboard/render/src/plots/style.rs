//! How every picture looks: sizes, colours, the font. Colours are Okabe and Ito's, which people
//! with any common kind of colour blindness can tell apart; shape or place always says the same
//! again. Backgrounds are white, in print and in the dark alike.

use std::sync::OnceLock;

use plotters::style::{FontStyle, RGBColor, register_font};

/// Width of every picture in its own units; PNGs have twice as many pixels.
pub(crate) const WIDTH: f64 = 800.0;
/// Distance to the picture's edge.
pub(crate) const MARGIN: f64 = 18.0;
/// PNG pixels and SVG grid steps for one unit.
pub(crate) const SCALE: f64 = 2.0;

/// Sizes of text, in units.
pub(crate) const TITLE: f64 = 17.0;
pub(crate) const TEXT: f64 = 12.5;
pub(crate) const SMALL: f64 = 11.5;

pub(crate) const INK: RGBColor = RGBColor(0x22, 0x26, 0x2b);
pub(crate) const MUTED: RGBColor = RGBColor(0x5b, 0x64, 0x6e);
pub(crate) const GRID: RGBColor = RGBColor(0xd3, 0xd8, 0xde);
pub(crate) const FAINT: RGBColor = RGBColor(0xed, 0xf0, 0xf3);
pub(crate) const BAND: RGBColor = RGBColor(0xdb, 0xde, 0xe2);
pub(crate) const GREY: RGBColor = RGBColor(0x9a, 0xa1, 0xa9);
/// BROKEN, and what lies beyond the timeout.
pub(crate) const ALARM: RGBColor = RGBColor(0xb0, 0x1e, 0x1e);
/// Okabe and Ito's, without yellow, which vanishes on white.
pub(crate) const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
pub(crate) const VERMILLION: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
pub(crate) const GREEN: RGBColor = RGBColor(0x00, 0x9e, 0x73);
pub(crate) const PURPLE: RGBColor = RGBColor(0xcc, 0x79, 0xa7);
const ORANGE: RGBColor = RGBColor(0xe6, 0x9f, 0x00);
const SKY: RGBColor = RGBColor(0x56, 0xb4, 0xe9);
const SERIES: [RGBColor; 7] = [BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, INK];

/// Colour of the n-th arm or load; they repeat after seven, and every line has its name on it.
pub(crate) fn series(index: usize) -> RGBColor {
    SERIES[index % SERIES.len()]
}

/// So much of the colour, the rest white. Opaque, so that overlaps of one colour do not darken.
pub(crate) fn tint(colour: RGBColor, share: f64) -> RGBColor {
    let mix = |part: u8| (255.0 - (255.0 - f64::from(part)) * share).round() as u8;
    RGBColor(mix(colour.0), mix(colour.1), mix(colour.2))
}

/// Name of the registered font, and the `font-family` of SVG text: a viewer takes the first that
/// it has. Layout is computed with `DejaVu` Sans, the widest of them, so nothing overlaps.
pub(crate) const FONT: &str = "system-ui, Segoe UI, Helvetica, Arial, DejaVu Sans, sans-serif";

/// Hands the font to the drawing library, once. Without it even SVG text fails.
pub(crate) fn load_font() -> Result<(), String> {
    static LOADED: OnceLock<bool> = OnceLock::new();
    let loaded = LOADED.get_or_init(|| {
        register_font(FONT, FontStyle::Normal, dejavu::sans::regular()).is_ok()
            && register_font(FONT, FontStyle::Bold, dejavu::sans::bold()).is_ok()
    });
    if *loaded { Ok(()) } else { Err("the embedded font cannot be read".to_owned()) }
}
