//! The corrupted run of some samples, and what becomes of it with states restored.

use std::collections::HashMap;
use std::ops::Range;

use burn::prelude::*;
use rome_core::forward::{self, Pass};
use rome_core::scoring::log_prob;
use rome_core::transfer::{download, upload};
use rome_core::{Batch, CausalLm, KvCache, Memory, Part, Past, Site};

use super::{Clean, Kind, TraceConfig, TracedPrompt};

/// Rows run together up to so many tokens, those of their past counted; more take memory and are no
/// faster.
pub(super) const MOST_TOKENS: usize = 4096;

/// The corrupted run of some samples. Its states are `[n_samples * n_tokens, d_model]`.
pub(super) struct Corrupted<'a> {
    model: &'a dyn CausalLm,
    prompt: &'a TracedPrompt,
    clean: &'a Clean,
    n_samples: usize,
    /// What enters the first block.
    embedded: Tensor<2>,
    /// The outputs of blocks, and of what may be held.
    states: HashMap<Site, Tensor<2>>,
    cache: KvCache,
    /// The sum over samples of the probability of the answer.
    pub(super) low: f64,
}

/// What is put in at the first position of each row, on its way through the blocks.
struct Change<'a> {
    /// The part whose outputs stay those of a corrupted run.
    held: Option<Part>,
    /// The part whose outputs at some layers are those of the clean run.
    restored: Option<(Part, Range<usize>)>,
    other: &'a Corrupted<'a>,
}

/// Rows that are run with something restored: one for each sample of some tokens, which it starts at.
struct Cells {
    tokens: Range<usize>,
    batch: Batch,
    /// For the last block, which passes on the last position of each row alone.
    last: Batch,
    /// What the rows have before they start.
    cache: KvCache,
    /// Where their positions stand in the corrupted run, `[n_tokens]`.
    places: Tensor<1, Int>,
    /// Where their last positions stand among all of theirs, `[n_rows]`.
    ends: Tensor<1, Int>,
    firsts: Firsts,
    /// Among the last positions alone.
    last_firsts: Firsts,
}

/// The first positions of rows, where something is put in.
struct Firsts {
    /// 1 there and 0 elsewhere, `[n, 1]`.
    mask: Tensor<2>,
    /// For each position, the token that its row starts at, `[n]`.
    tokens: Tensor<1, Int>,
    /// And where that stands in the corrupted run, `[n]`.
    places: Tensor<1, Int>,
}

impl<'a> Corrupted<'a> {
    /// Corrupts some samples of the prompt. `held` is the part whose outputs may have to stay as they
    /// are here.
    pub(super) fn new(
        model: &'a dyn CausalLm,
        prompt: &'a TracedPrompt,
        clean: &'a Clean,
        noise: &[&[f32]],
        held: Option<Part>,
    ) -> Self {
        let (device, n_layers, d_model) = (model.device(), model.shape().n_layers, model.shape().d_model);
        let (n_samples, n_tokens) = (noise.len(), prompt.tokens.len());
        let mut added = vec![0.0f32; n_samples * n_tokens * d_model];
        for (sample, noise) in added.chunks_exact_mut(n_tokens * d_model).zip(noise) {
            sample[prompt.subject.start * d_model..][..noise.len()].copy_from_slice(noise);
        }
        let added = upload(added, [n_samples * n_tokens, d_model], &device);

        let mut cache = KvCache::new(n_layers, n_samples);
        let batch = Batch::continuing(&cache, &vec![n_tokens; n_samples], &device);
        let embedded = forward::embed(model, &prompt.tokens.repeat(n_samples), &batch) + added;
        let mut states = HashMap::new();
        let mut tap = |site: Site, state: Tensor<2>| {
            if site.part == Part::Block || Some(site.part) == held {
                states.insert(site, state.clone());
            }
            state
        };
        let memory = Memory::Extend(&mut cache);
        let hidden = forward::blocks(model, embedded.clone(), 0..n_layers, &batch, memory, &mut tap);
        let ends = (1..=n_samples).map(|sample| sample * n_tokens - 1);
        let hidden = hidden.select(0, indices(ends, &device));
        let low = answers(model, hidden, clean.answer).into_iter().sum();
        Self { model, prompt, clean, n_samples, embedded, states, cache, low }
    }

    /// Restores state after state and returns the sums over samples of the answer's probability,
    /// `[n_layers, n_tokens]`; zero for tokens before the subject. Held outputs are those of `other`.
    pub(super) fn restore(
        &self,
        config: TraceConfig,
        other: &Self,
        on_cells: &dyn Fn(usize),
    ) -> Vec<Vec<f64>> {
        let n_layers = self.model.shape().n_layers;
        let n_tokens = self.prompt.tokens.len();
        let mut sums = vec![vec![0.0; n_tokens]; n_layers];
        for tokens in self.chunks() {
            let cells = Cells::new(self, tokens.clone());
            let mut change = Change { held: config.severed.map(Kind::part), restored: None, other };
            // Under other noise held outputs make another run of the rows, block by block.
            let mut moving = (config.other_noise && config.severed.is_some())
                .then(|| self.embedded.clone().select(0, cells.places.clone()));
            for (layer, sums) in sums.iter_mut().enumerate() {
                change.restored = None;
                moving = moving.map(|hidden| self.block(hidden, layer, &cells, false, &change));
                let (start, hidden) = match config.kind {
                    Kind::State => {
                        let corrupted = match &moving {
                            Some(hidden) => hidden.clone(),
                            None => self.entering(layer + 1, &cells),
                        };
                        let clean = self.clean.states[layer].clone().select(0, cells.firsts.tokens.clone());
                        (layer + 1, cells.firsts.put(corrupted, clean))
                    }
                    kind => {
                        // `[l − ⌊w/2⌋, l + ⌈w/2⌉)`, cut to the network.
                        let start = layer.saturating_sub(config.window / 2);
                        let end = (layer + config.window.div_ceil(2)).min(n_layers);
                        change.restored = Some((kind.part(), start..end));
                        (start, self.entering(start, &cells))
                    }
                };
                let hidden = (start..n_layers)
                    .fold(hidden, |hidden, layer| self.block(hidden, layer, &cells, true, &change));
                let hidden = match start < n_layers {
                    true => hidden,
                    false => hidden.select(0, cells.ends.clone()),
                };
                let answers = answers(self.model, hidden, self.clean.answer);
                for (token, answers) in cells.tokens.clone().zip(answers.chunks_exact(self.n_samples)) {
                    sums[token] = answers.iter().sum();
                }
                on_cells(tokens.len());
            }
        }
        sums
    }

    /// Runs one block. If the rows end here, the last passes on nothing but their last positions.
    fn block(
        &self,
        hidden: Tensor<2>,
        layer: usize,
        cells: &Cells,
        to_end: bool,
        change: &Change<'_>,
    ) -> Tensor<2> {
        let shape = self.model.shape();
        let (batch, firsts) = match to_end && layer + 1 == shape.n_layers {
            true => (&cells.last, &cells.last_firsts),
            false => (&cells.batch, &cells.firsts),
        };
        let mut tap = |Site { layer, part }: Site, state: Tensor<2>| {
            if change.held == Some(part) {
                let held = &change.other.states[&Site { layer, part }];
                return firsts.put(state, held.clone().select(0, firsts.places.clone()));
            }
            match &change.restored {
                Some((restored, layers)) if *restored == part && layers.contains(&layer) => {
                    let clean = self.clean.states[layer].clone();
                    firsts.put(state, clean.select(0, firsts.tokens.clone()))
                }
                _ => state,
            }
        };
        let past = Past::new(&cells.cache, layer..layer + 1, batch, shape.n_heads);
        let pass = Pass { model: self.model, layer, batch, recorded: false, still: None };
        pass.run(hidden, &mut Memory::Frozen(&past), &mut tap).0
    }

    /// What enters a block of the rows in the corrupted run.
    fn entering(&self, layer: usize, cells: &Cells) -> Tensor<2> {
        let states = match layer.checked_sub(1) {
            None => &self.embedded,
            Some(layer) => &self.states[&Site { layer, part: Part::Block }],
        };
        states.clone().select(0, cells.places.clone())
    }

    /// The tokens from the subject on, in ranges that are run together.
    fn chunks(&self) -> Vec<Range<usize>> {
        let n_tokens = self.prompt.tokens.len();
        let mut chunks: Vec<Range<usize>> = Vec::new();
        let mut n_in_last = usize::MAX;
        for token in self.prompt.subject.start..n_tokens {
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

impl Cells {
    fn new(corrupted: &Corrupted<'_>, tokens: Range<usize>) -> Self {
        let device = corrupted.model.device();
        let (n_samples, n_tokens) = (corrupted.n_samples, corrupted.prompt.tokens.len());
        let rows: Vec<(usize, usize)> =
            tokens.clone().flat_map(|token| (0..n_samples).map(move |sample| (token, sample))).collect();
        let samples: Vec<usize> = rows.iter().map(|&(_, sample)| sample).collect();
        let starts: Vec<usize> = rows.iter().map(|&(token, _)| token).collect();
        let lens: Vec<usize> = starts.iter().map(|token| n_tokens - token).collect();
        let cache = corrupted.cache.fork(&samples).fork_until(&starts);
        let batch = Batch::continuing(&cache, &lens, &device);
        let reads: Vec<Vec<usize>> = lens.iter().map(|len| vec![len - 1]).collect();
        let last = Batch::reading(&cache, &lens, &reads, &device);

        let place = |token: usize, sample: usize| sample * n_tokens + token;
        let positions =
            |&(token, sample): &(usize, usize)| (token..n_tokens).map(move |at| (token, sample, at));
        let places = rows.iter().flat_map(positions).map(|(_, sample, at)| place(at, sample));
        let places = indices(places, &device);
        let ends = lens.iter().enumerate().map(|(row, len)| batch.index(row, len - 1));
        let ends = indices(ends, &device);
        let of = |positions: Vec<(usize, usize, usize)>| Firsts {
            mask: {
                let mask: Vec<f32> =
                    positions.iter().map(|(token, _, at)| f32::from(u8::from(token == at))).collect();
                upload(mask, [positions.len(), 1], &device)
            },
            tokens: indices(positions.iter().map(|&(token, _, _)| token), &device),
            places: indices(positions.iter().map(|&(token, sample, _)| place(token, sample)), &device),
        };
        let firsts = of(rows.iter().flat_map(positions).collect());
        let last_firsts = of(rows.iter().map(|&(token, sample)| (token, sample, n_tokens - 1)).collect());
        Self { tokens, batch, last, cache, places, ends, firsts, last_firsts }
    }
}

impl Firsts {
    /// Puts values where the rows start.
    fn put(&self, states: Tensor<2>, values: Tensor<2>) -> Tensor<2> {
        let others = self.mask.clone().neg() + 1.0;
        states * others + values * self.mask.clone()
    }
}

/// The probability of a token after each state, `[n_rows, d_model]`.
fn answers(model: &dyn CausalLm, hidden: Tensor<2>, token: u32) -> Vec<f64> {
    let logits = download(forward::head(model, hidden));
    logits.chunks_exact(model.shape().vocab_size).map(|logits| log_prob(logits, token).exp()).collect()
}

fn indices(values: impl Iterator<Item = usize>, device: &Device) -> Tensor<1, Int> {
    let values: Vec<i64> = values.map(|value| value as i64).collect();
    let n = values.len();
    upload(values, [n], device)
}
