//! Colours of cells.

use plotters::style::RGBColor;

use crate::colour::mixed;

/// From nearly white to dark, as ColorBrewer and matplotlib have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ramp {
    /// Matplotlib's Purples: of hidden states in causal tracing.
    Purple,
    /// Matplotlib's Greens: of MLPs.
    Green,
    /// Matplotlib's Reds: of attention.
    Red,
}

impl Ramp {
    /// The colour at a place from 0 to 1.
    pub(crate) fn at(self, place: f64) -> RGBColor {
        let stops = match self {
            Ramp::Purple => PURPLES,
            Ramp::Green => GREENS,
            Ramp::Red => REDS,
        };
        mixed(&stops, place)
    }
}

const PURPLES: [RGBColor; 9] = [
    RGBColor(252, 251, 253),
    RGBColor(239, 237, 245),
    RGBColor(218, 218, 235),
    RGBColor(188, 189, 220),
    RGBColor(158, 154, 200),
    RGBColor(128, 125, 186),
    RGBColor(106, 81, 163),
    RGBColor(84, 39, 143),
    RGBColor(63, 0, 125),
];
const GREENS: [RGBColor; 9] = [
    RGBColor(247, 252, 245),
    RGBColor(229, 245, 224),
    RGBColor(199, 233, 192),
    RGBColor(161, 217, 155),
    RGBColor(116, 196, 118),
    RGBColor(65, 171, 93),
    RGBColor(35, 139, 69),
    RGBColor(0, 109, 44),
    RGBColor(0, 68, 27),
];
const REDS: [RGBColor; 9] = [
    RGBColor(255, 245, 240),
    RGBColor(254, 224, 210),
    RGBColor(252, 187, 161),
    RGBColor(252, 146, 114),
    RGBColor(251, 106, 74),
    RGBColor(239, 59, 44),
    RGBColor(203, 24, 29),
    RGBColor(165, 15, 21),
    RGBColor(103, 0, 13),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_goes_from_nearly_white_to_dark_without_turning_back() {
        for ramp in [Ramp::Purple, Ramp::Green, Ramp::Red] {
            let light = |step: u32| {
                let RGBColor(red, green, blue) = ramp.at(f64::from(step) / 100.0);
                u32::from(red) + u32::from(green) + u32::from(blue)
            };
            assert!(light(0) > 700 && light(100) < 200, "{ramp:?}");
            assert!((0..100).all(|step| light(step) >= light(step + 1)), "{ramp:?}");
            assert_eq!(ramp.at(-1.0), ramp.at(0.0));
            assert_eq!(ramp.at(f64::INFINITY), ramp.at(1.0));
        }
    }
}
