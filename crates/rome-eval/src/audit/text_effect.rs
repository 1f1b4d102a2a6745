//! The effect of a change of a weight on ordinary text.

use rome_core::SecondMoment;
use rome_core::math::norm;
use serde::Serialize;

/// The effect of a change of a weight on ordinary text, by the second moment C of the keys of text.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TextEffect {
    /// The energy of text's keys along the directions that the change reads, relative to an average
    /// direction: `tr(ΔWᵀ C ΔW) / ‖ΔW‖²` over `tr C / d_ff`. An edit by C⁻¹ reads where text is weak, and is
    /// far below 1.
    pub energy: f64,
    /// By how much the module's outputs move on text, root mean square, relative to their size.
    pub output_shift: f64,
}

impl TextEffect {
    /// Measures a difference of a down projection's weight.
    ///
    /// # Shapes
    /// - weight, difference: `[d_ff, d_model]`, row by row
    pub fn new(weight: &[f32], difference: &[f32], moment: &SecondMoment) -> Self {
        let (moved, all) = (moment.energy(difference), moment.energy(weight));
        Self {
            energy: moved / norm(difference).powi(2) / (moment.trace() / moment.d_ff() as f64),
            output_shift: (moved / all).sqrt(),
        }
    }
}
