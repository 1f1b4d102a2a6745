//! The distance of a device from the processor.

use serde::Serialize;

/// The largest difference of a logit. f32 in sums of hundreds leaves some 1e-5.
const LOGITS: f64 = 1e-3;
/// The smallest cosine of ΔW, after 20 steps of Adam.
const EDIT: f64 = 0.999;
/// The largest difference of C, relative, in Frobenius norm.
const STATISTICS: f64 = 1e-4;

/// The distance of a device's results from the processor's.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DeviceComparison {
    /// The name of the device.
    pub device: String,
    /// The bundled model.
    pub model: &'static str,
    /// The largest difference of a logit.
    pub logits: f64,
    /// True if greedy texts are equal, up to where two tokens are equally good.
    pub texts: bool,
    /// The cosine of ΔW.
    pub edit: f64,
    /// The relative difference of C.
    pub statistics: f64,
    /// The time of the first edit, for which a GPU's programs are compiled and tuned, and of one after it.
    pub seconds: [f64; 2],
    /// The same on the processor.
    pub seconds_on_the_processor: [f64; 2],
    /// The number of writes to the device in a step of v*.
    pub uploads_per_step: u64,
    /// The number of reads from the device in a step of v*.
    pub downloads_per_step: u64,
}

impl DeviceComparison {
    /// True if the device computes what the processor does.
    pub fn holds(&self) -> bool {
        // So written that a NaN does not hold.
        self.logits <= LOGITS && self.texts && self.edit >= EDIT && self.statistics <= STATISTICS
    }
}

/// True if two texts are equal, or part at tokens whose logits, `[n_tokens, vocab_size]` over
/// `theirs`, are nearer to each other than devices have to be.
pub(super) fn equal_but_for_ties(ours: &[u32], theirs: &[u32], logits: &[f32]) -> bool {
    let vocab_size = logits.len() / theirs.len();
    match ours.iter().zip(theirs).position(|(a, b)| a != b) {
        None => ours.len() == theirs.len(),
        Some(0) => false,
        Some(place) => {
            let before = &logits[(place - 1) * vocab_size..place * vocab_size];
            let gap = before[theirs[place] as usize] - before[ours[place] as usize];
            f64::from(gap.abs()) <= 2.0 * LOGITS
        }
    }
}
