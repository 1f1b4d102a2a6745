//! Scaled dot-product attention over packed rows.

use burn::prelude::*;
use burn::tensor::activation::softmax;

use crate::batch::Group;
use crate::cache::GroupPast;
use crate::{Batch, Memory};

/// Attention of one block over a [`Batch`]: handed to [`CausalLm::attention`], which supplies
/// queries, keys and values and gets back what each token attends to.
///
/// [`CausalLm::attention`]: crate::CausalLm::attention
pub struct Attend<'a, 'm> {
    pub(crate) layer: usize,
    pub(crate) batch: &'a Batch,
    pub(crate) memory: &'a mut Memory<'m>,
}

impl Attend<'_, '_> {
    /// The position of each packed token in its sequence, `[n_tokens]`.
    pub fn positions(&self) -> Tensor<1, Int> {
        self.batch.positions()
    }

    /// Attends causally within each row and to the row's cached past.
    ///
    /// Queries are multiplied by `scale` before the product, usually `1 / sqrt(head_dim)`.
    ///
    /// # Shapes
    /// - query, key, value: `[n_tokens, n_heads * head_dim]`
    /// - output: `[n_tokens, n_heads * head_dim]`
    pub fn attend(
        self,
        query: Tensor<2>,
        key: Tensor<2>,
        value: Tensor<2>,
        n_heads: usize,
        scale: f64,
    ) -> Tensor<2> {
        let query = query * scale;
        let outputs: Vec<Tensor<2>> = self
            .batch
            .groups
            .iter()
            .enumerate()
            .map(|(index, group)| {
                let past = self.memory.past(self.layer, index, group);
                group_attention(group, past, &query, &key, &value, n_heads)
            })
            .collect();
        self.memory.keep(self.layer, &key, &value);
        match <[_; 1]>::try_from(outputs) {
            Ok([output]) => output,
            Err(outputs) => Tensor::cat(outputs, 0),
        }
    }
}

fn group_attention(
    group: &Group,
    past: Option<GroupPast>,
    query: &Tensor<2>,
    key: &Tensor<2>,
    value: &Tensor<2>,
    n_heads: usize,
) -> Tensor<2> {
    let [n_tokens, width] = query.dims();
    let rows = |packed: &Tensor<2>| -> Tensor<3> {
        let packed = match group.tokens.len() == n_tokens {
            true => packed.clone(),
            false => packed.clone().slice([group.tokens.clone()]),
        };
        packed.reshape([group.n_rows, group.len, width])
    };
    // [n_rows, len, width] -> [n_rows, n_heads, len, head_dim]
    let heads = |rows: Tensor<3>| -> Tensor<4> {
        let [n_rows, len, _] = rows.dims();
        rows.reshape([n_rows, len, n_heads, width / n_heads]).swap_dims(1, 2)
    };
    let (key, value) = match past {
        None => (rows(key), rows(value)),
        Some(past) => {
            (Tensor::cat(vec![past.keys, rows(key)], 1), Tensor::cat(vec![past.values, rows(value)], 1))
        }
    };
    let scores = heads(rows(query)).matmul(heads(key).swap_dims(2, 3));
    let scores = match &group.mask {
        None => scores,
        Some(mask) => scores + mask.clone(),
    };
    softmax(scores, 3).matmul(heads(value)).swap_dims(1, 2).reshape([group.n_rows * group.len, width])
}
