//! The run of a prompt without noise.

use burn::prelude::*;
use rome_core::forward::transfer::download;
use rome_core::forward::{self, ForwardPass};
use rome_core::generate::argmax;
use rome_core::math::probability;
use rome_core::{Batch, CacheMode, CausalLm, HookPoint, Part};

/// The run of a prompt without noise.
pub(super) struct CleanRun {
    /// By layer, what may be restored, `[n_tokens, d_model]`.
    pub(super) states: Vec<Tensor<2>>,
    /// The most probable token after the prompt.
    pub(super) answer: u32,
    /// Its probability.
    pub(super) probability: f64,
}

impl CleanRun {
    /// Runs a prompt and keeps the outputs of one part of each block.
    pub(super) fn new(model: &dyn CausalLm, tokens: &[u32], part: Part) -> Self {
        let batch = Batch::new(&[tokens.len()], &model.device());
        let mut states = Vec::new();
        let mut hook = |point: HookPoint, state: Tensor<2>| {
            if point.part == part {
                states.push(state.clone());
            }
            state
        };
        let hidden = forward::embed(model, tokens, &batch);
        let n_layers = model.shape().n_layers;
        let pass = ForwardPass { model, batch: &batch, cache: CacheMode::None, hook: &mut hook };
        let hidden = pass.run(hidden, 0..n_layers);
        let logits = download(forward::head(model, hidden.narrow(0, tokens.len() - 1, 1)));
        let answer = argmax(&logits);
        Self { states, answer, probability: probability(&logits, answer) }
    }
}
