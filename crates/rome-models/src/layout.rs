//! The layout of stored weights.

/// The layout in which a checkpoint stores the weight of a linear map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `[d_input, d_output]`, as Hugging Face's `Conv1D` is.
    InputFirst,
    /// `[d_output, d_input]`, as torch's `Linear` is.
    OutputFirst,
}
