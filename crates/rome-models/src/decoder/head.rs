//! The language-model head.

use burn::module::Param;
use burn::prelude::*;
use rome_core::Recorded;
use rome_core::forward::softcap;

use super::linear_map::frozen;
use super::names::Names;
use super::parts::{Parts, Tie};
use super::tensor_source::TensorSource;
use crate::ModelError;

/// The language-model head: logits of normed states.
#[derive(Module, Debug)]
pub struct Head {
    /// `[vocab_size, d_model]`; the token embeddings unless the checkpoint has its own.
    pub weight: Option<Param<Tensor<2>>>,
    /// `[vocab_size]`
    pub bias: Option<Param<Tensor<1>>>,
    scale: f64,
    softcap: Option<f64>,
}

impl Head {
    pub(super) fn load(
        tensors: &mut impl TensorSource,
        parts: &Parts,
        names: &Names,
    ) -> Result<Self, ModelError> {
        let (shape, head) = (&parts.shape, parts.head);
        let name = format!("{}.weight", names.head);
        let is_own = match head.tie {
            Tie::Tied => false,
            Tie::Untied => true,
            Tie::UnlessStored => tensors.has(&name),
        };
        let weight = is_own.then(|| tensors.take(&name, [shape.vocab_size, shape.d_model])).transpose()?;
        let bias = head.has_bias.then(|| tensors.take(&format!("{}.bias", names.head), [shape.vocab_size]));
        Ok(Self {
            weight: weight.map(frozen),
            bias: bias.transpose()?.map(frozen),
            scale: head.scale,
            softcap: head.softcap,
        })
    }

    /// # Shapes
    /// - normed: `[n_tokens, d_model]`
    /// - embeddings: `[vocab_size, d_model]`
    /// - output: `[n_tokens, vocab_size]`
    pub(super) fn forward<'m>(&self, normed: Recorded<'m>, embeddings: &Param<Tensor<2>>) -> Recorded<'m> {
        let weight = self.weight.as_ref().unwrap_or(embeddings).val();
        let logits = normed.linear_transposed(weight, self.bias.as_ref().map(Param::val));
        let logits = logits.scaled(self.scale);
        match self.softcap {
            Some(cap) => logits.then(|x| {
                let (logits, slopes) = softcap(x, cap);
                (logits, |grad| grad * slopes)
            }),
            None => logits,
        }
    }
}
