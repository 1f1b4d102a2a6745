//! The run of a prompt without noise.

use burn::prelude::*;
use rome_core::forward::transfer::download;
use rome_core::forward::{self, ForwardPass};
use rome_core::generate::argmax;
use rome_core::math::probability;
use rome_core::{Batch, CacheMode, CausalLm, HookPoint, Part};

use super::prompt::TracePrompt;

/// The run of a prompt without noise.
pub(super) struct CleanRun {
    /// The tokens of the prompt, then those of the answer but for the last.
    pub(super) tokens: Vec<u32>,
    /// By layer, what may be restored, `[n_tokens, d_model]`.
    pub(super) states: Vec<Tensor<2>>,
    /// The tokens of the answer.
    pub(super) answer: Vec<u32>,
    /// Its probability: the product over its tokens.
    pub(super) probability: f64,
}

impl CleanRun {
    /// Runs a prompt and keeps the outputs of one part of each block.
    pub(super) fn new(model: &dyn CausalLm, prompt: &TracePrompt, part: Part) -> Self {
        let answer = prompt.answer.as_ref().map(|answer| answer.tokens.clone());
        let n_answer = answer.as_ref().map_or(1, Vec::len);
        let given = answer.as_ref().map_or(&[][..], |answer| &answer[..n_answer - 1]);
        let tokens = [&prompt.tokens, given].concat();
        let batch = Batch::new(&[tokens.len()], &model.device());
        let mut states = Vec::new();
        let mut hook = |point: HookPoint, state: Tensor<2>| {
            if point.part == part {
                states.push(state.clone());
            }
            state
        };
        let hidden = forward::embed(model, &tokens, &batch);
        let n_layers = model.shape().n_layers;
        let pass = ForwardPass { model, batch: &batch, cache: CacheMode::None, hook: &mut hook };
        let hidden = pass.run(hidden, 0..n_layers);
        let logits = forward::head(model, hidden.narrow(0, prompt.tokens.len() - 1, n_answer));
        let logits = download(logits);
        let answer = answer.unwrap_or_else(|| vec![argmax(&logits)]);
        let rows = logits.chunks_exact(model.shape().vocab_size).zip(&answer);
        let probability = rows.map(|(row, &token)| probability(row, token)).product();
        Self { tokens, states, answer, probability }
    }
}
