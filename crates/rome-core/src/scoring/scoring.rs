//! Prompts and targets laid out, and scored.

use std::collections::BTreeMap;

use burn::prelude::*;

use super::level::Level;
use super::query::{Query, TargetScore, TokenScore};
use super::tree::Tree;
use crate::forward::transfer::download;
use crate::forward::{Batch, BlockPass, CacheMode, KvCache, Workers, concatenated, head};
use crate::generate::argmax;
use crate::math::log_sum_exp;
use crate::model::CausalLm;

/// The maximum number of positions that the head runs at at a time.
const READS_AT_ONCE: usize = 256;

/// Prompts and targets laid out to be scored by a model, and again after it has been edited.
///
/// * Rows that begin alike share that part: it is run once, and they continue it from a [`KvCache`].
///   All targets of a prompt do so, as do prompts that are made by one template.
/// * A target of one token needs no row: all such are read off their prompt's last position.
/// * What lies below the lowest layer that edits change is run once, when the layout is made.
/// * The head runs at the positions where a target is read, and so does the last block but for its
///   keys and values.
pub struct Scoring {
    shares: Vec<Share>,
    workers: Workers,
    /// The lowest layer that may change.
    layer: usize,
    /// Of each query, each target and each token, where its score stands.
    reads: Vec<Vec<Vec<Read>>>,
}

/// The logits of a token: the worker, its read, the token.
#[derive(Debug, Clone, Copy)]
struct Read {
    share: usize,
    read: usize,
    token: u32,
}

/// One worker's rows, level by level: those of a level continue some of the level before.
struct Share {
    levels: Vec<Level>,
    /// The tokens that are asked for at each read.
    tokens: Vec<Vec<u32>>,
}

impl Scoring {
    /// Lays out prompts and their targets, and runs them up to `layer`.
    ///
    /// # Panics
    /// If a prompt or a target is empty.
    pub fn new(model: &dyn CausalLm, queries: &[Query], layer: usize) -> Self {
        // The last block is run again in any case: only there is it known what is read.
        let layer = layer.min(model.shape().n_layers - 1);
        let tree = Tree::new(queries);
        let n_tokens = tree.segments.iter().map(|segment| segment.tokens.len()).sum();
        let n_roots = tree.segments.iter().filter(|segment| segment.parent.is_none()).count();
        let workers = Workers::new(&model.device(), n_tokens, n_roots);
        let dealt = tree.deal(workers.len());

        // Where a segment's reads stand among those of its worker.
        let mut places = vec![(0, BTreeMap::new()); tree.segments.len()];
        let mut shares = Vec::new();
        for (share, levels) in dealt.iter().enumerate() {
            let mut tokens = Vec::new();
            for &segment in levels.iter().flatten() {
                places[segment].0 = share;
                for (&offset, asked) in &tree.segments[segment].reads {
                    places[segment].1.insert(offset, tokens.len());
                    tokens.push(asked.clone());
                }
            }
            shares.push((levels, tokens));
        }
        let shares = workers
            .map(shares, |(levels, tokens)| Share { levels: tree.run_below(model, levels, layer), tokens });
        let reads = tree.queries.iter().map(|targets| {
            let of_target = |reads: &Vec<(usize, usize, u32)>| {
                let read = |&(segment, offset, token): &(usize, usize, u32)| {
                    let (share, places) = &places[segment];
                    Read { share: *share, read: places[&offset], token }
                };
                reads.iter().map(read).collect()
            };
            targets.iter().map(of_target).collect()
        });
        Self { reads: reads.collect(), shares, workers, layer }
    }

    /// Scores every target of every query, in their order.
    ///
    /// The model is the one that the layout was made with, edited at its layer or above, or not at all.
    pub fn run(&self, model: &dyn CausalLm) -> Vec<Vec<TargetScore>> {
        let scores = self.workers.map(self.shares.iter().collect(), |share| share.run(model, self.layer));
        let score = |read: &Read| scores[read.share][read.read][&read.token];
        let target = |reads: &Vec<Read>| TargetScore { tokens: reads.iter().map(score).collect() };
        self.reads.iter().map(|targets| targets.iter().map(target).collect()).collect()
    }
}

/// Scores every target of every query, once.
///
/// # Panics
/// If a prompt or a target is empty.
pub fn score(model: &dyn CausalLm, queries: &[Query]) -> Vec<Vec<TargetScore>> {
    Scoring::new(model, queries, 0).run(model)
}

impl Share {
    /// Returns the scores of the tokens that are asked for, read by read.
    fn run(&self, model: &dyn CausalLm, layer: usize) -> Vec<BTreeMap<u32, TokenScore>> {
        let (device, n_layers) = (model.device(), model.shape().n_layers);
        let top = n_layers - 1;
        let mut cache = KvCache::new(n_layers, 0);
        let mut states = Vec::new();
        for (index, level) in self.levels.iter().enumerate() {
            cache = level.start_from(&cache, index, n_layers);
            let batch = Batch::continuing(cache.slots(), &level.lens, &device);
            let reading = Batch::reading(cache.slots(), &level.lens, &level.reads, &device);
            let is_continued = index + 1 < self.levels.len();
            // Nobody looks back at rows that begin and end here.
            let mut memory =
                if index == 0 && !is_continued { CacheMode::None } else { CacheMode::Extend(&mut cache) };
            let pass = |layer, batch| BlockPass { model, layer, batch, recorded: false, frozen: None };
            let run = |hidden, layer| pass(layer, &batch).run(hidden, &mut memory, &mut ()).0;
            let hidden = (layer..top).fold(level.entering.clone(), run);
            if level.reads.iter().all(Vec::is_empty) {
                // It is there for others to continue.
                pass(top, &batch).remember(hidden, &mut memory)
            } else {
                states.push(pass(top, &reading).run(hidden, &mut memory, &mut ()).0)
            }
            cache.commit(&batch);
        }
        if states.is_empty() {
            Vec::new()
        } else {
            let states = concatenated(states);
            // All logits of many reads would be more than the rest.
            let parts = self.tokens.chunks(READS_AT_ONCE).enumerate();
            let scores = parts.flat_map(|(part, tokens)| {
                let states = states.clone().narrow(0, part * READS_AT_ONCE, tokens.len());
                judge(head(model, states), tokens)
            });
            scores.collect()
        }
    }
}

/// Scores the tokens that are asked for at each row of logits, `[n_reads, vocab_size]`.
fn judge(logits: Tensor<2>, tokens: &[Vec<u32>]) -> Vec<BTreeMap<u32, TokenScore>> {
    let [_, vocab_size] = logits.dims();
    let logits = download(logits);
    let rows = logits.chunks_exact(vocab_size).zip(tokens);
    let of_row = |(row, tokens): (&[f32], &Vec<u32>)| {
        let log_sum = log_sum_exp(row);
        let first = argmax(row);
        let score = |&token: &u32| {
            let log_prob = f64::from(row[token as usize]) - log_sum;
            (token, TokenScore { log_prob, is_first: token == first })
        };
        tokens.iter().map(score).collect()
    };
    rows.map(of_row).collect()
}
