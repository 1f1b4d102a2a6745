//! Rows of tokens as a tree: a part that several begin with is there once.

use std::collections::BTreeMap;

use burn::prelude::*;

use super::level::Level;
use super::query::Query;
use crate::forward::{Batch, CacheMode, ForwardPass, KvCache, embed};
use crate::model::CausalLm;

/// A common beginning that saves fewer tokens than this is run again in each row: a pass of its own
/// has its price, too.
const WORTH_SHARING: usize = 8;

/// All rows as a tree: a part that several begin with is there once.
pub(super) struct Tree {
    pub(super) segments: Vec<Segment>,
    /// Of each query, each target and each token: segment, offset in it, and the token.
    pub(super) queries: Vec<Vec<Vec<(usize, usize, u32)>>>,
}

/// Tokens between two forks, or up to an end.
pub(super) struct Segment {
    pub(super) parent: Option<usize>,
    pub(super) tokens: Vec<u32>,
    /// At each offset that is read, the tokens that are asked for.
    pub(super) reads: BTreeMap<usize, Vec<u32>>,
}

/// The segments of a row, each with the position it starts at.
type Path = Vec<(usize, usize)>;

impl Tree {
    pub(super) fn new(queries: &[Query]) -> Self {
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
        let (start, parent) = if is_worth_it {
            (common, Some(self.push(&first[start..common], paths, start, parent)))
        } else {
            (start, parent)
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
    pub(super) fn deal(&self, n_workers: usize) -> Vec<Vec<Vec<usize>>> {
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
    pub(super) fn run_below(&self, model: &dyn CausalLm, levels: &[Vec<usize>], layer: usize) -> Vec<Level> {
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
            let batch = Batch::continuing(cache.slots(), &level.lens, &device);
            let tokens: Vec<u32> =
                segments.iter().flat_map(|index| segment(index).tokens.iter().copied()).collect();
            let hidden = embed(model, &tokens, &batch);
            let memory = CacheMode::Extend(&mut cache);
            level.entering =
                ForwardPass { model, batch: &batch, cache: memory, hook: &mut () }.run(hidden, 0..layer);
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
