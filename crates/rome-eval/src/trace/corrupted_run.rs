//! The corrupted run of some samples, and the same with states restored.

use std::collections::HashMap;
use std::ops::Range;

use burn::prelude::*;
use rome_core::forward::transfer::{download, upload};
use rome_core::forward::{self, BlockPass, ForwardPass, indices};
use rome_core::math::log_prob;
use rome_core::{Batch, CacheMode, CausalLm, HookPoint, KvCache, Part, Past, Stopped};

use super::cell_batch::{CellBatch, RowPositions, RowSize};
use super::cell_counter::CellCounter;
use super::clean_run::CleanRun;
use super::config::TraceConfig;
use super::kind::TraceKind;
use super::prompt::TracePrompt;

/// Rows run together up to this many tokens, those of their past counted; more take memory and are no
/// faster.
pub(super) const MOST_TOKENS: usize = 4096;

/// The corrupted run of some samples. Its states are `[n_samples * n_tokens, d_model]`.
pub(super) struct CorruptedRun<'a> {
    model: &'a dyn CausalLm,
    prompt: &'a TracePrompt,
    clean: &'a CleanRun,
    n_samples: usize,
    /// The states that enter the first block.
    embedded: Tensor<2>,
    /// The outputs of blocks, and of the part whose outputs may be put in again.
    states: HashMap<HookPoint, Tensor<2>>,
    cache: KvCache,
    /// The sum over samples of the probability of the answer.
    pub(super) low: f64,
}

/// Rows of a corrupted run that something is put into, at the first position of each, on their way through
/// the blocks.
struct Intervention<'a> {
    run: &'a CorruptedRun<'a>,
    cells: &'a CellBatch,
    /// The part whose outputs stay those of a corrupted run, and that run.
    cut: Option<(Part, &'a CorruptedRun<'a>)>,
    /// The part whose outputs at some layers are those of the clean run.
    restored: Option<(Part, Range<usize>)>,
}

impl<'a> CorruptedRun<'a> {
    /// Corrupts some samples of the prompt, and keeps the outputs of `cut`, which may be put in again.
    pub(super) fn new(
        model: &'a dyn CausalLm,
        prompt: &'a TracePrompt,
        clean: &'a CleanRun,
        noise: &[&[f32]],
        cut: Option<Part>,
    ) -> Self {
        let (device, n_layers, d_model) = (model.device(), model.shape().n_layers, model.shape().d_model);
        let (n_samples, n_tokens) = (noise.len(), clean.tokens.len());
        let mut added = vec![0.0f32; n_samples * n_tokens * d_model];
        for (sample, noise) in added.chunks_exact_mut(n_tokens * d_model).zip(noise) {
            sample[prompt.subject.start * d_model..][..noise.len()].copy_from_slice(noise);
        }
        let added = upload(added, [n_samples * n_tokens, d_model], &device);

        let mut cache = KvCache::new(n_layers, n_samples);
        let batch = Batch::continuing(cache.slots(), &vec![n_tokens; n_samples], &device);
        let embedded = forward::embed(model, &clean.tokens.repeat(n_samples), &batch) + added;
        let mut states = HashMap::new();
        let mut hook = |point: HookPoint, state: Tensor<2>| {
            if point.part == Part::Block || Some(point.part) == cut {
                states.insert(point, state.clone());
            }
            state
        };
        let cache_mode = CacheMode::Extend(&mut cache);
        let pass = ForwardPass { model, batch: &batch, cache: cache_mode, hook: &mut hook };
        let hidden = pass.run(embedded.clone(), 0..n_layers);
        let n_answer = clean.answer.len();
        let ends = (1..=n_samples).flat_map(|sample| sample * n_tokens - n_answer..sample * n_tokens);
        let hidden = hidden.select(0, indices(ends, &device));
        let low = answers(model, hidden, &clean.answer).into_iter().sum();
        Self { model, prompt, clean, n_samples, embedded, states, cache, low }
    }

    /// Restores state after state and returns the sums over samples of the answer's probability, `[n_layers,
    /// n_tokens]`; zero for tokens before the subject. Outputs on a cut path are those of `other`.
    ///
    /// # Errors
    /// [`Stopped`] when whoever watches the cells has stopped it.
    pub(super) fn restore(
        &self,
        config: TraceConfig,
        other: &Self,
        counter: &CellCounter<'_>,
    ) -> Result<Vec<Vec<f64>>, Stopped> {
        let (device, n_layers) = (self.model.device(), self.model.shape().n_layers);
        let (n_tokens, n_answer) = (self.clean.tokens.len(), self.clean.answer.len());
        let mut sums = vec![vec![0.0; self.prompt.tokens.len()]; n_layers];
        for tokens in self.chunks() {
            let size = RowSize { n_samples: self.n_samples, n_tokens, n_answer };
            let cells = CellBatch::new(&self.cache, tokens, size, &device);
            let cut = config.cut_part().map(|part| (part, other));
            let mut rows = Intervention { run: self, cells: &cells, cut, restored: None };
            // Under other noise outputs on the cut path make another run of the rows, block by block.
            let mut moving =
                config.has_other_noise().then(|| self.embedded.clone().select(0, cells.places.clone()));
            for (layer, sums) in sums.iter_mut().enumerate() {
                rows.restored = None;
                moving = moving.map(|hidden| rows.block(hidden, layer, &cells.all));
                let (start, hidden) = match config.kind {
                    TraceKind::State => {
                        let corrupted = match &moving {
                            Some(hidden) => hidden.clone(),
                            None => rows.entering(layer + 1),
                        };
                        let clean = &self.clean.states[layer];
                        let clean = clean.clone().select(0, cells.all.start_tokens.clone());
                        (layer + 1, cells.all.put(corrupted, clean))
                    }
                    kind => {
                        let layers = config.restored_layers(layer, n_layers);
                        let start = layers.start;
                        rows.restored = Some((kind.part(), layers));
                        (start, rows.entering(start))
                    }
                };
                let answers = answers(self.model, rows.to_the_end(hidden, start), &self.clean.answer);
                for (token, answers) in cells.tokens.clone().zip(answers.chunks_exact(self.n_samples)) {
                    sums[token] = answers.iter().sum();
                }
                counter.add(cells.tokens.len(), self.n_samples)?;
            }
        }
        Ok(sums)
    }

    /// The tokens from the subject on, in ranges that are run together.
    fn chunks(&self) -> Vec<Range<usize>> {
        let n_tokens = self.clean.tokens.len();
        let mut chunks: Vec<Range<usize>> = Vec::new();
        let mut n_in_last = usize::MAX;
        for token in self.prompt.subject.start..self.prompt.tokens.len() {
            let n = self.n_samples * n_tokens;
            match chunks.last_mut().filter(|_| n_in_last.saturating_add(n) <= MOST_TOKENS) {
                Some(last) => {
                    last.end = token + 1;
                    n_in_last += n;
                }
                None => {
                    chunks.push(token..token + 1);
                    n_in_last = n;
                }
            }
        }
        chunks
    }
}

impl Intervention<'_> {
    /// Runs the blocks from `start` on and returns the states that predict the answer in each row.
    fn to_the_end(&self, hidden: Tensor<2>, start: usize) -> Tensor<2> {
        let last = self.run.model.shape().n_layers - 1;
        if start > last {
            return hidden.select(0, self.cells.ends.clone());
        }
        let hidden = (start..last).fold(hidden, |hidden, layer| self.block(hidden, layer, &self.cells.all));
        self.block(hidden, last, &self.cells.last)
    }

    /// Runs one block, which passes on some positions.
    fn block(&self, hidden: Tensor<2>, layer: usize, positions: &RowPositions) -> Tensor<2> {
        let model = self.run.model;
        let mut hook = |HookPoint { layer, part }: HookPoint, state: Tensor<2>| {
            if let Some((_, other)) = self.cut.filter(|(cut, _)| *cut == part) {
                let corrupted = other.states[&HookPoint { layer, part }].clone();
                return positions.put(state, corrupted.select(0, positions.start_places.clone()));
            }
            match &self.restored {
                Some((restored, layers)) if *restored == part && layers.contains(&layer) => {
                    let clean = self.run.clean.states[layer].clone();
                    positions.put(state, clean.select(0, positions.start_tokens.clone()))
                }
                _ => state,
            }
        };
        let batch = &positions.batch;
        let past = Past::new(&self.cells.cache, layer..layer + 1, batch, model.shape().n_kv_heads);
        let pass = BlockPass { model, layer, batch, recorded: false, frozen: None };
        pass.run(hidden, &mut CacheMode::Frozen(&past), &mut hook).0
    }

    /// The states of the rows that enter a block in the corrupted run.
    fn entering(&self, layer: usize) -> Tensor<2> {
        let states = match layer.checked_sub(1) {
            None => &self.run.embedded,
            Some(layer) => &self.run.states[&HookPoint { layer, part: Part::Block }],
        };
        states.clone().select(0, self.cells.places.clone())
    }
}

/// The probability of an answer after the states that predict its tokens, `[n_rows * n_answer, d_model]`.
fn answers(model: &dyn CausalLm, hidden: Tensor<2>, answer: &[u32]) -> Vec<f64> {
    let logits = download(forward::head(model, hidden));
    let rows = logits.chunks_exact(answer.len() * model.shape().vocab_size);
    let of_row = |row: &[f32]| {
        let tokens = row.chunks_exact(model.shape().vocab_size).zip(answer);
        tokens.map(|(logits, &token)| log_prob(logits, token)).sum::<f64>().exp()
    };
    rows.map(of_row).collect()
}
