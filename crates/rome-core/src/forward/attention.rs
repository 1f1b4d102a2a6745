//! Scaled dot-product attention over packed rows, and its derivative.

use std::ops::Range;

use burn::prelude::*;
use burn::tensor::activation::softmax;

use super::batch::{Batch, Group};
use super::cache::{CacheMode, GroupPast};
use super::causal;
use super::host::HostMatrix;
use super::recorded::concatenated;
use super::softcap::softcap;
use crate::model::AttentionRule;

/// The values that attention keeps for the backward pass, group by group.
pub(super) struct AttentionBackward(Vec<GroupBackward>);

struct GroupBackward {
    query: Tensor<4>,
    key: Tensor<4>,
    value: Tensor<4>,
    past: Option<GroupPast>,
    probabilities: Tensor<4>,
    /// The slope of the softcap at each score, if there is one.
    softcap: Option<Tensor<4>>,
    heads: Heads,
    scale: f64,
}

/// The gradients of queries, keys and values.
pub(super) struct AttentionGrad {
    pub(super) query: Tensor<2>,
    pub(super) key: Tensor<2>,
    pub(super) value: Tensor<2>,
}

/// The heads of queries, and those of keys and values that neighbouring ones share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads {
    pub(super) n_heads: usize,
    pub(super) n_kv_heads: usize,
}

/// Attention of a packed batch in one block.
pub(super) struct Attention<'a> {
    /// The block's index, by which the cache knows it.
    pub(super) layer: usize,
    pub(super) batch: &'a Batch,
    pub(super) heads: Heads,
    pub(super) rule: AttentionRule,
}

impl Attention<'_> {
    /// Attends causally within each row and to the row's cached past.
    ///
    /// # Shapes
    /// - query: `[n_reads, n_heads * head_dim]`
    /// - key, value: `[n_tokens, n_kv_heads * head_dim]`
    /// - output: `[n_reads, n_heads * head_dim]`
    pub(super) fn run(&self, projected: [Tensor<2>; 3], mode: &mut CacheMode<'_>) -> Tensor<2> {
        if self.batch.is_whole() && projected.iter().all(HostMatrix::can_hold) {
            let [_, key, value] = &projected;
            mode.keep(self.layer, key, value);
            return self.run_whole(projected);
        }
        self.record(projected, mode).0
    }

    /// Does the same and returns the way back, too.
    pub(super) fn record(
        &self,
        [query, key, value]: [Tensor<2>; 3],
        mode: &mut CacheMode<'_>,
    ) -> (Tensor<2>, AttentionBackward) {
        let Self { layer, batch, heads, rule } = *self;
        let (outputs, backs): (Vec<_>, Vec<_>) = batch
            .groups
            .iter()
            .enumerate()
            .filter(|(_, group)| !group.reads.is_empty())
            .map(|(index, group)| {
                let projected = GroupProjections {
                    query: heads.fold(&query, &group.reads, group.n_rows),
                    key: split_heads(&key, &group.tokens, group.n_rows, heads.n_kv_heads),
                    value: split_heads(&value, &group.tokens, group.n_rows, heads.n_kv_heads),
                    past: mode.past(layer, index, group, heads.n_kv_heads),
                };
                projected.attend(group, heads, rule)
            })
            .unzip();
        mode.keep(layer, &key, &value);
        (concatenated(outputs), AttentionBackward(backs))
    }

    /// Attends in the host's memory within rows that are there from their first token on.
    fn run_whole(&self, projected: [Tensor<2>; 3]) -> Tensor<2> {
        let [query, key, value] = projected.map(HostMatrix::new);
        let ([_, width], [_, kv_width]) = (query.dims(), key.dims());
        let mut output = query.zeros(width);
        for group in &self.batch.groups {
            let cells = |width: usize| group.tokens.start * width..group.tokens.end * width;
            let rows = causal::Rows {
                query: &query.values()[cells(width)],
                key: &key.values()[cells(kv_width)],
                value: &value.values()[cells(kv_width)],
                n_rows: group.n_rows,
                len: group.tokens.len() / group.n_rows,
                n_heads: self.heads.n_heads,
                n_kv_heads: self.heads.n_kv_heads,
            };
            rows.attend(self.rule, &mut output.values_mut()[cells(width)]);
        }
        output.into_tensor()
    }
}

impl Heads {
    /// The number of heads that read the same keys and values.
    fn n_sharing(self) -> usize {
        self.n_heads / self.n_kv_heads
    }

    /// Cuts a group out of packed queries and puts those that share keys one after another,
    /// `[n_rows, n_kv_heads, n_sharing * n_reads, head_dim]`.
    fn fold(self, packed: &Tensor<2>, reads: &Range<usize>, n_rows: usize) -> Tensor<4> {
        let heads = split_heads(packed, reads, n_rows, self.n_heads);
        let [_, _, n_reads, head_dim] = heads.dims();
        match self.n_sharing() {
            1 => heads,
            n_sharing => heads.reshape([n_rows, self.n_kv_heads, n_sharing * n_reads, head_dim]),
        }
    }

    /// Packs what [`fold`](Self::fold) has cut out.
    fn unfold(self, folded: Tensor<4>) -> Tensor<2> {
        let [n_rows, _, n_folded, head_dim] = folded.dims();
        match self.n_sharing() {
            1 => join_heads(folded),
            n_sharing => join_heads(folded.reshape([n_rows, self.n_heads, n_folded / n_sharing, head_dim])),
        }
    }
}

/// Queries, keys and values of one group: `[n_rows, n_kv_heads, len, head_dim]`, the queries
/// [folded](Heads::fold).
struct GroupProjections {
    query: Tensor<4>,
    key: Tensor<4>,
    value: Tensor<4>,
    past: Option<GroupPast>,
}

/// Cuts a group out of packed tokens, `[n_rows, n_heads, len, head_dim]`.
fn split_heads(packed: &Tensor<2>, tokens: &Range<usize>, n_rows: usize, n_heads: usize) -> Tensor<4> {
    let [n_tokens, width] = packed.dims();
    let packed =
        if tokens.len() == n_tokens { packed.clone() } else { packed.clone().slice([tokens.clone()]) };
    packed.reshape([n_rows, tokens.len() / n_rows, n_heads, width / n_heads]).swap_dims(1, 2)
}

/// Packs `[n_rows, n_heads, len, head_dim]` again.
fn join_heads(heads: Tensor<4>) -> Tensor<2> {
    let [n_rows, n_heads, len, head_dim] = heads.dims();
    heads.swap_dims(1, 2).reshape([n_rows * len, n_heads * head_dim])
}

impl GroupProjections {
    /// The past is multiplied by itself: joined with the new keys and values, which change at every
    /// step of v*, it would have to be copied at every step.
    fn attend(self, group: &Group, heads: Heads, rule: AttentionRule) -> (Tensor<2>, GroupBackward) {
        let Self { query, key, value, past } = self;
        let scores = query.clone().matmul(key.clone().swap_dims(2, 3));
        let scores = match &past {
            None => scores,
            Some(past) => {
                Tensor::cat(vec![query.clone().matmul(past.keys.clone().swap_dims(2, 3)), scores], 3)
            }
        };
        let folded = scores.dims();
        let [n_rows, _, n_folded, len] = folded;
        let scores = scores.reshape([n_rows, heads.n_heads, n_folded / heads.n_sharing(), len]);
        let mask = group.masks.get(rule.window);
        let Probabilities { probabilities, softcap } = Probabilities::new(scores, mask.as_ref(), rule);
        let (probabilities, softcap) =
            (probabilities.reshape(folded), softcap.map(|slope| slope.reshape(folded)));
        let output = match &past {
            None => probabilities.clone().matmul(value.clone()),
            Some(past) => {
                let [old, new] = split(probabilities.clone(), group.past_len);
                old.matmul(past.values.clone()) + new.matmul(value.clone())
            }
        };
        let scale = rule.scale;
        let back = GroupBackward { query, key, value, past, probabilities, softcap, heads, scale };
        (heads.unfold(output), back)
    }
}

/// The shares of attention, `[n_rows, n_heads, n_reads, past_len + len]`.
struct Probabilities {
    probabilities: Tensor<4>,
    /// The slope of the softcap at each score, if there is one.
    softcap: Option<Tensor<4>>,
}

impl Probabilities {
    /// Scales, bounds and masks scores and takes their softmax.
    ///
    /// # Shapes
    /// - scores: `[n_rows, n_heads, n_reads, past_len + len]`
    /// - mask: `[n_rows or 1, 1, n_reads, past_len + len]`
    fn new(scores: Tensor<4>, mask: Option<&Tensor<4>>, rule: AttentionRule) -> Self {
        let shape = scores.dims();
        let [n_rows, n_heads, n_reads, len] = shape;
        let scores = scores.reshape([n_rows * n_heads * n_reads, len]);
        let (scores, scale, slopes) = match rule.softcap {
            None => (scores, rule.scale, None),
            Some(cap) => {
                let (scores, slopes) = softcap(scores * rule.scale, cap);
                (scores, 1.0, Some(slopes.reshape(shape)))
            }
        };
        let probabilities = if HostMatrix::can_hold(&scores) {
            softmax_on_host(scores, mask, scale as f32, shape)
        } else {
            let scores = scores.reshape(shape) * scale;
            softmax(mask.map_or(scores.clone(), |mask| scores + mask.clone()), 3)
        };
        Self { probabilities, softcap: slopes }
    }
}

/// Scales and masks scores and takes their softmax, row by row.
fn softmax_on_host(scores: Tensor<2>, mask: Option<&Tensor<4>>, scale: f32, shape: [usize; 4]) -> Tensor<4> {
    let [_, n_heads, n_reads, len] = shape;
    let mut scores = HostMatrix::new(scores);
    let mask = mask.map(|mask| {
        let n_masks = mask.dims()[0];
        (n_masks, HostMatrix::new(mask.clone().reshape([n_masks * n_reads, len])))
    });
    for (index, row) in scores.rows_mut().enumerate() {
        match &mask {
            None => row.iter_mut().for_each(|x| *x *= scale),
            Some((n_masks, mask)) => {
                let row_of_batch = index / (n_heads * n_reads) % n_masks;
                let mask = &mask.values()[(row_of_batch * n_reads + index % n_reads) * len..];
                row.iter_mut().zip(mask).for_each(|(x, mask)| *x = *x * scale + mask);
            }
        }
        causal::softmax(row);
    }
    scores.into_tensor().reshape(shape)
}

/// Splits scores into those of the past and those of the new positions.
fn split(scores: Tensor<4>, past_len: usize) -> [Tensor<4>; 2] {
    let [_, _, _, len] = scores.dims();
    [scores.clone().narrow(3, 0, past_len), scores.narrow(3, past_len, len - past_len)]
}

impl AttentionBackward {
    /// The way back of what was not recorded.
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    /// Returns the gradients of the inputs, given that of the output, `[n_reads, n_heads * head_dim]`.
    pub(super) fn backward(self, grad: Tensor<2>, batch: &Batch, heads: Heads) -> AttentionGrad {
        let [_, width] = grad.dims();
        let kv_width = width / heads.n_sharing();
        let mut grads = [Vec::new(), Vec::new(), Vec::new()];
        let mut backs = self.0.into_iter();
        for group in &batch.groups {
            let group_grads = if group.reads.is_empty() {
                None
            } else {
                backs.next().map(|back| back.backward(&grad, group))
            };
            // Keys and values that nobody reads have no gradient.
            let group_grads = group_grads.unwrap_or_else(|| {
                let zeros = |shape: [usize; 2]| Tensor::zeros(shape, &grad.device());
                let unread = [group.tokens.len(), kv_width];
                [zeros([0, width]), zeros(unread), zeros(unread)]
            });
            for (grads, grad) in grads.iter_mut().zip(group_grads) {
                grads.push(grad);
            }
        }
        let [query, key, value] = grads.map(concatenated);
        AttentionGrad { query, key, value }
    }
}

impl GroupBackward {
    fn backward(self, grad: &Tensor<2>, group: &Group) -> [Tensor<2>; 3] {
        let Self { query, key, value, past, probabilities, softcap, heads, scale } = self;
        let grad = heads.fold(grad, &group.reads, group.n_rows);

        let of_probabilities = grad.clone().matmul(value.swap_dims(2, 3));
        let of_probabilities = match &past {
            None => of_probabilities,
            Some(past) => {
                let old = grad.clone().matmul(past.values.clone().swap_dims(2, 3));
                Tensor::cat(vec![old, of_probabilities], 3)
            }
        };
        // The derivative of softmax.
        let weighted = probabilities.clone() * of_probabilities;
        let of_scores = (weighted.clone() - probabilities.clone() * weighted.sum_dim(3)) * scale;
        let of_scores = match softcap {
            None => of_scores,
            Some(slope) => of_scores * slope,
        };

        let (of_query, new_scores, new_probabilities) = match past {
            None => (of_scores.clone().matmul(key), of_scores, probabilities),
            Some(past) => {
                let [old_scores, new_scores] = split(of_scores, group.past_len);
                let [_, new_probabilities] = split(probabilities, group.past_len);
                let of_query = old_scores.matmul(past.keys) + new_scores.clone().matmul(key);
                (of_query, new_scores, new_probabilities)
            }
        };
        // The sums over heads that share a key come with the products.
        let of_key = new_scores.swap_dims(2, 3).matmul(query);
        let of_value = new_probabilities.swap_dims(2, 3).matmul(grad);
        [heads.unfold(of_query), join_heads(of_key), join_heads(of_value)]
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Distribution;

    use super::*;

    fn combinations<'a, A: Copy, B: Copy, C: Copy>(
        a: &'a [A],
        b: &'a [B],
        c: &'a [C],
    ) -> impl Iterator<Item = (A, B, C)> + 'a {
        a.iter().flat_map(move |&a| b.iter().flat_map(move |&b| c.iter().map(move |&c| (a, b, c))))
    }

    #[test]
    fn rows_attend_in_chunks_as_they_do_as_a_whole() {
        let device = Device::flex();
        // One chunk, several, and one that is not full; rows of several lengths.
        let lens = [&[5, 5, 9][..], &[64, 65], &[130, 130, 1]];
        let shared = [Heads { n_heads: 3, n_kv_heads: 3 }, Heads { n_heads: 6, n_kv_heads: 2 }];
        let rules =
            [(None, None), (Some(2.0), None), (None, Some(4)), (None, Some(70)), (Some(1.5), Some(1))];
        for (lens, heads, (softcap, window)) in combinations(&lens, &shared, &rules) {
            let batch = Batch::new(lens, &device);
            let random = |n_heads: usize| {
                let shape = [batch.n_tokens(), 4 * n_heads];
                Tensor::<2>::random(shape, Distribution::Normal(0.0, 1.0), &device)
            };
            let projected = [heads.n_heads, heads.n_kv_heads, heads.n_kv_heads].map(random);
            let rule = AttentionRule { scale: 0.5, softcap, window };
            let attention = Attention { layer: 0, batch: &batch, heads, rule };
            let found = attention.run(projected.clone(), &mut CacheMode::None);
            let expected = attention.record(projected, &mut CacheMode::None).0;
            // Sums in another order.
            let difference = (found - expected).abs().max().into_scalar::<f32>();
            assert!(difference < 1e-5, "{lens:?} {heads:?} {rule:?}: {difference}");
        }
    }

    #[test]
    fn the_loop_on_the_host_is_the_softmax_of_the_backend() {
        let device = Device::flex();
        for (n_masks, len) in [(0, 7), (1, 40), (3, 33)] {
            let scores = Tensor::<4>::random([3, 2, 5, len], Distribution::Normal(0.0, 3.0), &device);
            let mask = (n_masks > 0).then(|| {
                let hidden = Tensor::<4>::random([n_masks, 1, 5, len], Distribution::Default, &device);
                // Something is always visible.
                let hidden = hidden.greater_elem(0.5).float() * -1e9;
                hidden.slice_fill([0..n_masks, 0..1, 0..5, 0..1], 0.0)
            });
            let scaled = scores.clone() * 0.3;
            let expected = softmax(mask.clone().map_or(scaled.clone(), |mask| scaled + mask), 3);
            let found = Probabilities::new(scores, mask.as_ref(), AttentionRule::scaled(0.3)).probabilities;
            // Two units in the last place of the exponential, and sums in another order.
            let difference = (found.clone() - expected.clone()).abs().max().into_scalar::<f32>();
            assert!(difference < 1e-6, "{difference}");
            let zeros = |tensor: Tensor<4>| tensor.equal_elem(0.0).int().sum().into_scalar::<i64>();
            assert_eq!(zeros(found), zeros(expected), "what is hidden has no share at all");
        }
    }
}
