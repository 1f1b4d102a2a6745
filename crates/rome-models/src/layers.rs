//! Layers as checkpoints store them.

use burn::module::{Param, ParamId};
use burn::nn::Linear;
use burn::prelude::*;
use rome_core::Recorded;

use crate::{Checkpoint, ModelError};

/// Makes a tensor a parameter that asks for no gradient: δ is all that is ever optimised.
pub fn frozen<const D: usize>(tensor: Tensor<D>) -> Param<Tensor<D>> {
    Param::initialized(ParamId::new(), tensor)
}

/// Loads a linear map stored as `[d_input, d_output]`, as Hugging Face's `Conv1D` is. This is
/// also how burn holds a weight.
///
/// # Errors
/// When a tensor is missing or misshapen.
pub fn conv1d(
    checkpoint: &mut Checkpoint,
    path: &str,
    [d_input, d_output]: [usize; 2],
) -> Result<Linear, ModelError> {
    Ok(Linear {
        weight: frozen(checkpoint.take(&format!("{path}.weight"), [d_input, d_output])?),
        bias: Some(frozen(checkpoint.take(&format!("{path}.bias"), [d_output])?)),
    })
}

/// Applies a linear map that was loaded by [`conv1d`].
///
/// # Shapes
/// - input: `[n_tokens, d_input]`
/// - output: `[n_tokens, d_output]`
pub fn apply_conv1d<'m>(linear: &Linear, input: Recorded<'m>) -> Recorded<'m> {
    input.linear(linear.weight.val(), linear.bias.as_ref().map(Param::val))
}

/// Loads a linear map stored as `[d_output, d_input]`, as torch's `Linear` is, and holds it as
/// the transposed view.
///
/// # Errors
/// When a tensor is missing or misshapen.
pub fn linear(
    checkpoint: &mut Checkpoint,
    path: &str,
    [d_input, d_output]: [usize; 2],
) -> Result<Linear, ModelError> {
    let linear = linear_without_bias(checkpoint, path, [d_input, d_output])?;
    let bias = frozen(checkpoint.take(&format!("{path}.bias"), [d_output])?);
    Ok(Linear { bias: Some(bias), ..linear })
}

/// Loads a linear map like [`linear`], of a weight alone.
///
/// # Errors
/// When the tensor is missing or misshapen.
pub fn linear_without_bias(
    checkpoint: &mut Checkpoint,
    path: &str,
    [d_input, d_output]: [usize; 2],
) -> Result<Linear, ModelError> {
    let weight: Tensor<2> = checkpoint.take(&format!("{path}.weight"), [d_output, d_input])?;
    Ok(Linear { weight: frozen(weight.transpose()), bias: None })
}

/// Applies a linear map that was loaded by [`linear`].
///
/// # Shapes
/// - input: `[n_tokens, d_input]`
/// - output: `[n_tokens, d_output]`
pub fn apply_linear<'m>(linear: &Linear, input: Recorded<'m>) -> Recorded<'m> {
    input.linear_transposed(linear.weight.val().transpose(), linear.bias.as_ref().map(Param::val))
}
