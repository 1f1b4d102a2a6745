//! The convergence of a second moment.

use serde::{Deserialize, Serialize};

/// The change of a second moment while the number of its tokens doubled.
///
/// Errors of a mean fall with the root of the number of samples. So what a doubling has changed is
/// about what is still missing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Convergence {
    /// The number of tokens at the end of the doubling.
    pub tokens: u64,
    /// `‖C' − C‖ / ‖C'‖`, by Frobenius norms.
    pub second_moment: f32,
    /// `‖u' − u‖`, where `u = C⁻¹k / ‖C⁻¹k‖` is the direction of an edit, in the mean over some
    /// keys of the text. (What `‖C⁻¹k‖` is does not matter to an edit.)
    pub direction: f32,
}

impl Convergence {
    /// True if the directions of edits have settled to within a limit.
    pub fn is_within(&self, limit: f32) -> bool {
        self.direction <= limit
    }
}
