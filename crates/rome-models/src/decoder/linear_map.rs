//! The linear maps of a decoder.

use std::ops::Range;

use burn::module::{Param, ParamId};
use burn::nn::Linear;
use burn::prelude::*;
use rome_core::Recorded;

use super::tensor_source::TensorSource;
use crate::ModelError;
use crate::layout::Layout;

/// A linear map, its weight in the order that it was stored in.
#[derive(Module, Debug)]
pub struct LinearMap {
    /// The map, whose weight is `[d_input, d_output]`: as it is stored, or as the transposed view of it.
    pub linear: Linear,
    #[module(skip)]
    layout: Layout,
}

impl LinearMap {
    /// Loads `<path>.weight` and, if there is one, `<path>.bias`.
    ///
    /// # Errors
    /// When a tensor is missing or misshapen.
    pub(super) fn load(
        tensors: &mut impl TensorSource,
        path: &str,
        [d_input, d_output]: [usize; 2],
        has_bias: bool,
        layout: Layout,
    ) -> Result<Self, ModelError> {
        let name = format!("{path}.weight");
        let weight: Tensor<2> = match layout {
            Layout::InputFirst => tensors.take(&name, [d_input, d_output])?,
            Layout::OutputFirst => tensors.take::<2>(&name, [d_output, d_input])?.transpose(),
        };
        let bias = if has_bias { Some(tensors.take(&format!("{path}.bias"), [d_output])?) } else { None };
        let bias = bias.map(frozen);
        Ok(Self { linear: Linear { weight: frozen(weight), bias }, layout })
    }

    /// Makes a map of some of the outputs.
    pub(super) fn part(&self, outputs: Outputs) -> Self {
        let Self { linear: Linear { weight, bias }, layout } = self;
        let weight = weight.val();
        let weights = outputs.ranges().map(|range| weight.clone().narrow(1, range.start, range.len()));
        let weight = match layout {
            Layout::InputFirst => joined(weights, 1),
            // Joined as it lies in memory.
            Layout::OutputFirst => joined(weights.map(Tensor::transpose), 0).transpose(),
        };
        let bias = bias.as_ref().map(|bias| {
            let bias = bias.val();
            frozen(joined(outputs.ranges().map(|range| bias.clone().narrow(0, range.start, range.len())), 0))
        });
        Self { linear: Linear { weight: frozen(weight), bias }, layout: *layout }
    }

    /// Applies the map.
    ///
    /// # Shapes
    /// - input: `[n_tokens, d_input]`
    /// - output: `[n_tokens, d_output]`
    pub fn apply<'m>(&self, input: Recorded<'m>) -> Recorded<'m> {
        let (weight, bias) = (self.linear.weight.val(), self.linear.bias.as_ref().map(Param::val));
        match self.layout {
            Layout::InputFirst => input.linear(weight, bias),
            Layout::OutputFirst => input.linear_transposed(weight.transpose(), bias),
        }
    }
}

/// Makes a tensor a parameter that asks for no gradient: δ is all that is ever optimised.
pub(super) fn frozen<const D: usize>(tensor: Tensor<D>) -> Param<Tensor<D>> {
    Param::initialized(ParamId::new(), tensor)
}

/// Outputs of a map: `n` times `len`, the first at `start`, each `step` after the one before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outputs {
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) step: usize,
    pub(super) n: usize,
}

impl Outputs {
    /// Neighbouring outputs.
    pub(super) fn range(range: Range<usize>) -> Self {
        Self { start: range.start, len: range.len(), step: 0, n: 1 }
    }

    fn ranges(self) -> impl Iterator<Item = Range<usize>> {
        (0..self.n).map(move |index| self.start + index * self.step).map(move |start| start..start + self.len)
    }
}

/// Joins tensors, without a copy if there is but one.
fn joined<const D: usize>(parts: impl Iterator<Item = Tensor<D>>, axis: usize) -> Tensor<D> {
    let mut parts: Vec<_> = parts.collect();
    if parts.len() == 1 { parts.remove(0) } else { Tensor::cat(parts, axis) }
}
