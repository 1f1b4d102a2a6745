//! How probable targets are after prompts: many at once, nothing run twice.

use std::collections::BTreeMap;

use burn::prelude::*;

use crate::chain::concatenated;
use crate::forward::Pass;
use crate::generate::argmax;
use crate::host::vectorised;
use crate::transfer::download;
use crate::workers::Workers;
use crate::{Batch, CausalLm, KvCache, Memory, forward, host};

/// A common beginning that saves fewer tokens than this is run again in each row: a pass of its own
/// has its price, too.
const WORTH_SHARING: usize = 8;

/// The head runs at so many positions at a time.
const READS_AT_ONCE: usize = 256;

/// A prompt, and the continuations that are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The tokens of the prompt.
    pub prompt: Vec<u32>,
    /// The tokens of each target.
    pub targets: Vec<Vec<u32>>,
}

/// What a model thinks of one token of a target, the ones before it given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenScore {
    /// The logarithm of its probability.
    pub log_prob: f64,
    /// Whether it is the most probable one.
    pub is_first: bool,
}

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

/// Rows that run at once.
struct Level {
    /// Which row of the level before each one continues.
    parents: Vec<usize>,
    lens: Vec<usize>,
    /// The offsets in each row that are read.
    reads: Vec<Vec<usize>>,
    /// The states that enter the lowest layer that may change, `[n_tokens, d_model]`.
    entering: Tensor<2>,
}

impl Scoring {
    /// Lays out prompts and their targets, and runs them up to `layer`.
    ///
    /// # Panics
    /// If a prompt or a target is empty.
    pub fn new(model: &dyn CausalLm, queries: &[Query], layer: usize) -> Self {
        // The last block is run anew in any case: only there is it known what is read.
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

    /// Scores every token of every target of every query.
    ///
    /// The model is the one that the layout was made with, edited at its layer or above, or not at all.
    pub fn run(&self, model: &dyn CausalLm) -> Vec<Vec<Vec<TokenScore>>> {
        let scores = self.workers.map(self.shares.iter().collect(), |share| share.run(model, self.layer));
        let score = |read: &Read| scores[read.share][read.read][&read.token];
        let of_query = |targets: &Vec<Vec<Read>>| {
            targets.iter().map(|reads| reads.iter().map(score).collect()).collect()
        };
        self.reads.iter().map(of_query).collect()
    }
}

/// Scores targets after prompts, once.
///
/// # Panics
/// If a prompt or a target is empty.
pub fn score(model: &dyn CausalLm, queries: &[Query]) -> Vec<Vec<Vec<TokenScore>>> {
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
            let batch = Batch::continuing(&cache, &level.lens, &device);
            let reading = Batch::reading(&cache, &level.lens, &level.reads, &device);
            let is_continued = index + 1 < self.levels.len();
            // Nobody looks back at rows that begin and end here.
            let mut memory = match index == 0 && !is_continued {
                true => Memory::None,
                false => Memory::Extend(&mut cache),
            };
            let pass = |layer, batch| Pass { model, layer, batch, recorded: false, still: None };
            let run = |hidden, layer| pass(layer, &batch).run(hidden, &mut memory, &mut ()).0;
            let hidden = (layer..top).fold(level.entering.clone(), run);
            match level.reads.iter().all(Vec::is_empty) {
                // It is there for others to continue.
                true => pass(top, &batch).remember(hidden, &mut memory),
                false => states.push(pass(top, &reading).run(hidden, &mut memory, &mut ()).0),
            }
            cache.commit(&batch);
        }
        match states.is_empty() {
            true => Vec::new(),
            false => {
                let states = concatenated(states);
                // All logits of many reads would be more than the rest.
                let parts = self.tokens.chunks(READS_AT_ONCE).enumerate();
                let scores = parts.flat_map(|(part, tokens)| {
                    let states = states.clone().narrow(0, part * READS_AT_ONCE, tokens.len());
                    judge(forward::head(model, states), tokens)
                });
                scores.collect()
            }
        }
    }
}

impl Level {
    /// A cache whose rows begin with those that this level's rows continue.
    fn start_from(&self, cache: &KvCache, index: usize, n_layers: usize) -> KvCache {
        match index {
            0 => KvCache::new(n_layers, self.lens.len()),
            _ => cache.fork(&self.parents),
        }
    }
}

/// Scores the tokens that are asked for at each row of logits, `[n_reads, vocab_size]`.
fn judge(logits: Tensor<2>, tokens: &[Vec<u32>]) -> Vec<BTreeMap<u32, TokenScore>> {
    let [_, vocab_size] = logits.dims();
    let logits = download(logits);
    let rows = logits.chunks_exact(vocab_size).zip(tokens);
    let of_row = |(row, tokens): (&[f32], &Vec<u32>)| {
        let log_total = log_total(row);
        let first = argmax(row);
        let score = |&token: &u32| {
            let log_prob = f64::from(row[token as usize]) - log_total;
            (token, TokenScore { log_prob, is_first: token == first })
        };
        tokens.iter().map(score).collect()
    };
    rows.map(of_row).collect()
}

/// The logarithm of a token's probability, given the logits of all.
pub fn log_prob(logits: &[f32], token: u32) -> f64 {
    f64::from(logits[token as usize]) - log_total(logits)
}

/// The logarithm of what the exponentials of logits sum up to.
fn log_total(logits: &[f32]) -> f64 {
    vectorised(
        #[inline(always)]
        || {
            let greatest = host::greatest(logits);
            let total = host::sum(logits, logits, |logit, _| host::exp(logit - greatest));
            f64::from(greatest) + f64::from(total).ln()
        },
    )
}

/// All rows as a tree: a part that several begin with is there once.
struct Tree {
    segments: Vec<Segment>,
    /// Of each query, each target and each token: segment, offset in it, and the token.
    queries: Vec<Vec<Vec<(usize, usize, u32)>>>,
}

/// Tokens between two forks, or up to an end.
struct Segment {
    parent: Option<usize>,
    tokens: Vec<u32>,
    /// At each offset that is read, the tokens that are asked for.
    reads: BTreeMap<usize, Vec<u32>>,
}

/// The segments of a row, each with the position it starts at.
type Path = Vec<(usize, usize)>;

impl Tree {
    fn new(queries: &[Query]) -> Self {
        let row = |query: &Query, target: &[u32]| {
            assert!(!query.prompt.is_empty() && !target.is_empty(), "a prompt and a target have tokens");
            [&query.prompt, &target[..target.len() - 1]].concat()
        };
        let mut rows: Vec<Vec<u32>> = queries
            .iter()
            .flat_map(|query| query.targets.iter().map(move |target| row(query, target)))
            .collect();
        rows.sort_unstable();
        rows.dedup();
        let mut tree = Self { segments: Vec::new(), queries: Vec::new() };
        let mut paths = vec![Path::new(); rows.len()];
        tree.grow(&rows, &mut paths, 0, None);
        for query in queries {
            let mut targets = Vec::with_capacity(query.targets.len());
            for target in &query.targets {
                let index = rows.binary_search(&row(query, target)).expect("every row is there");
                let reads = target.iter().enumerate().map(|(nth, &token)| {
                    let position = query.prompt.len() + nth - 1;
                    let at = paths[index].iter().rfind(|(start, _)| *start <= position);
                    let &(start, segment) = at.expect("a row has a first segment");
                    let asked = tree.segments[segment].reads.entry(position - start).or_default();
                    if !asked.contains(&token) {
                        asked.push(token);
                    }
                    (segment, position - start, token)
                });
                targets.push(reads.collect());
            }
            tree.queries.push(targets);
        }
        tree
    }

    /// Adds rows, in order, that have the first `start` tokens in common and in the tree.
    fn grow(&mut self, rows: &[Vec<u32>], paths: &mut [Path], start: usize, parent: Option<usize>) {
        let [first, .., last] = rows else {
            if let [row] = rows
                && row.len() > start
            {
                self.push(&row[start..], paths, start, parent);
            }
            return;
        };
        // Between the first and the last all have as much in common as these two.
        let common = first.iter().zip(last).take_while(|(a, b)| a == b).count();
        let is_worth_it = (common - start) * (rows.len() - 1) >= WORTH_SHARING;
        let (start, parent) = match is_worth_it {
            true => (common, Some(self.push(&first[start..common], paths, start, parent))),
            false => (start, parent),
        };
        let mut done = 0;
        while done < rows.len() {
            let next = rows[done].get(common);
            let alike = rows[done..].iter().take_while(|row| row.get(common) == next).count();
            self.grow(&rows[done..done + alike], &mut paths[done..done + alike], start, parent);
            done += alike;
        }
    }

    fn push(&mut self, tokens: &[u32], paths: &mut [Path], start: usize, parent: Option<usize>) -> usize {
        let segment = self.segments.len();
        self.segments.push(Segment { parent, tokens: tokens.to_vec(), reads: BTreeMap::new() });
        paths.iter_mut().for_each(|path| path.push((start, segment)));
        segment
    }

    /// Deals the trees out to workers, the largest first, each to the one that has least. Returns
    /// each worker's segments level by level.
    fn deal(&self, n_workers: usize) -> Vec<Vec<Vec<usize>>> {
        // A parent comes before its children.
        let mut roots: Vec<usize> = Vec::with_capacity(self.segments.len());
        let mut levels: Vec<usize> = Vec::with_capacity(self.segments.len());
        let mut sizes = vec![0; self.segments.len()];
        for (index, segment) in self.segments.iter().enumerate() {
            let (root, level) =
                segment.parent.map_or((index, 0), |parent| (roots[parent], levels[parent] + 1));
            roots.push(root);
            levels.push(level);
            sizes[root] += segment.tokens.len();
        }
        let mut order: Vec<usize> = (0..self.segments.len()).filter(|&index| roots[index] == index).collect();
        order.sort_by_key(|&root| std::cmp::Reverse(sizes[root]));
        let mut loads = vec![0; n_workers];
        let mut workers = vec![0; self.segments.len()];
        for root in order {
            let least = (0..n_workers).min_by_key(|&worker| loads[worker]).unwrap_or(0);
            loads[least] += sizes[root];
            workers[root] = least;
        }
        let mut dealt = vec![Vec::new(); n_workers];
        for (index, &level) in levels.iter().enumerate() {
            let of_worker: &mut Vec<Vec<usize>> = &mut dealt[workers[roots[index]]];
            if of_worker.len() <= level {
                of_worker.resize(level + 1, Vec::new());
            }
            of_worker[level].push(index);
        }
        // Rows of equal length share an attention product.
        let shape = |&index: &usize| (self.segments[index].tokens.len(), self.segments[index].reads.len());
        dealt.iter_mut().flatten().for_each(|level| level.sort_by_key(shape));
        dealt
    }

    /// Runs segments through the blocks below `layer`.
    fn run_below(&self, model: &dyn CausalLm, levels: &[Vec<usize>], layer: usize) -> Vec<Level> {
        let (device, n_layers) = (model.device(), model.shape().n_layers);
        let mut cache = KvCache::new(n_layers, 0);
        let mut run: Vec<Level> = Vec::new();
        for (index, segments) in levels.iter().enumerate() {
            let segment = |&segment: &usize| &self.segments[segment];
            let parent = |segment: &Segment| {
                let parent = segment.parent?;
                levels[index - 1].iter().position(|&other| other == parent)
            };
            let mut level = Level {
                parents: segments.iter().map(segment).filter_map(parent).collect(),
                lens: segments.iter().map(|index| segment(index).tokens.len()).collect(),
                reads: segments.iter().map(|index| segment(index).reads.keys().copied().collect()).collect(),
                entering: Tensor::zeros([0, 0], &device),
            };
            cache = level.start_from(&cache, index, n_layers);
            let batch = Batch::continuing(&cache, &level.lens, &device);
            let tokens: Vec<u32> =
                segments.iter().flat_map(|index| segment(index).tokens.iter().copied()).collect();
            let hidden = forward::embed(model, &tokens, &batch);
            let memory = Memory::Extend(&mut cache);
            level.entering = forward::blocks(model, hidden, 0..layer, &batch, memory, &mut ());
            run.push(level);
        }
        run
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(prompt: &[u32], targets: &[&[u32]]) -> Query {
        Query { prompt: prompt.to_vec(), targets: targets.iter().map(|target| target.to_vec()).collect() }
    }

    #[test]
    fn what_rows_begin_with_is_there_once() {
        let stem: Vec<u32> = (10..20).collect();
        let with = |more: &[u32]| [&stem, more].concat();
        let queries =
            [query(&with(&[1]), &[&[5], &[6]]), query(&with(&[2]), &[&[5, 7], &[6]]), query(&[3], &[&[5]])];
        let tree = Tree::new(&queries);
        let mut tokens: Vec<&[u32]> = tree.segments.iter().map(|segment| &segment.tokens[..]).collect();
        tokens.sort();
        // Two rows with one token in common do not share it: a pass of its own costs more.
        assert_eq!(tokens, [&[1][..], &[2], &[2, 5], &[3], &stem]);
    }

    #[test]
    fn every_segment_is_dealt_out_once_after_its_parent() {
        let queries: Vec<Query> = (0..6)
            .map(|index| {
                let prompt: Vec<u32> = (0..10).chain([100 + index / 2; 9]).chain([200 + index]).collect();
                query(&prompt, &[&[1, 2, 3], &[4]])
            })
            .chain([query(&[300; 20], &[&[1]])])
            .collect();
        let tree = Tree::new(&queries);
        for n_workers in [1, 2] {
            let dealt = tree.deal(n_workers);
            let mut all: Vec<usize> = dealt.iter().flatten().flatten().copied().collect();
            all.sort_unstable();
            assert_eq!(all, (0..tree.segments.len()).collect::<Vec<_>>());
            for levels in dealt {
                for (level, segments) in levels.iter().enumerate() {
                    for &segment in segments {
                        let parent = tree.segments[segment].parent;
                        assert_eq!(parent.is_none(), level == 0);
                        assert!(parent.is_none_or(|parent| levels[level - 1].contains(&parent)));
                    }
                }
            }
        }
    }
}
