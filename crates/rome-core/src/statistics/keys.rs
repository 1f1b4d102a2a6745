//! Keys of whole sequences, layer by layer.

use std::collections::BTreeSet;

use burn::prelude::*;

use crate::forward::{self, Batch, CacheMode, Workers};
use crate::model::{CausalLm, HookPoint, Part};

/// One worker's rows on their way through the model.
struct Share {
    batch: Batch,
    hidden: Tensor<2>,
}

/// Runs rows of tokens through a model, batch by batch, and shows the keys of some layers: what their
/// down projections read. A pass ends at the last of them.
///
/// On the CPU rows are dealt out to threads that meet at each layer, so that no more than one
/// layer's keys are held at a time.
pub struct KeyPass<'m> {
    model: &'m dyn CausalLm,
    layers: BTreeSet<usize>,
    /// Of the batch before.
    workers: Option<Workers>,
}

impl<'m> KeyPass<'m> {
    /// Makes a pass for the keys of these layers.
    pub fn new(model: &'m dyn CausalLm, layers: impl IntoIterator<Item = usize>) -> Self {
        Self { model, layers: layers.into_iter().collect(), workers: None }
    }

    /// Runs a batch of rows. `on_keys` gets each layer's keys in parts, in no order that means
    /// anything.
    ///
    /// # Shapes
    /// - keys: `[n_tokens, d_ff]` each; all parts together have a row for each token
    ///
    /// # Errors
    /// The first error that `on_keys` returns.
    pub fn run<E>(
        &mut self,
        mut rows: Vec<Vec<u32>>,
        on_keys: &mut dyn FnMut(usize, Vec<Tensor<2>>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(&last) = self.layers.last() else { return Ok(()) };
        let model = self.model;
        let device = model.device();
        let (n_tokens, n_rows) = (rows.iter().map(Vec::len).sum(), rows.len());
        let kept = self.workers.take().filter(|workers| workers.fit(&device, n_tokens, n_rows));
        let workers = &*self.workers.insert(kept.unwrap_or_else(|| Workers::new(&device, n_tokens, n_rows)));

        // Rows of equal length share an attention product; dealt out alternately, shares are alike.
        rows.sort_by_key(Vec::len);
        let mut dealt: Vec<Vec<Vec<u32>>> = vec![Vec::new(); workers.len()];
        for (index, row) in rows.into_iter().enumerate() {
            dealt[index % workers.len()].push(row);
        }
        let mut shares = workers.map(dealt, |rows| {
            let batch = Batch::new(&rows.iter().map(Vec::len).collect::<Vec<_>>(), &device);
            let hidden = forward::embed(model, &rows.concat(), &batch);
            Share { batch, hidden }
        });
        for layer in 0..last {
            let is_wanted = self.layers.contains(&layer);
            let passed = workers.map(shares, |Share { batch, hidden }| {
                let mut key = None;
                let mut hook = |site: HookPoint, state: Tensor<2>| {
                    if is_wanted && site.part == Part::Key {
                        key = Some(state.clone());
                    }
                    state
                };
                let layers = layer..layer + 1;
                let hidden =
                    forward::ForwardPass { model, batch: &batch, cache: CacheMode::None, hook: &mut hook }
                        .run(hidden, layers);
                (Share { batch, hidden }, key)
            });
            let (passed, keys): (Vec<_>, Vec<_>) = passed.into_iter().unzip();
            shares = passed;
            if is_wanted {
                on_keys(layer, keys.into_iter().flatten().collect())?;
            }
        }
        let keys = workers.map(shares, |Share { batch, hidden }| forward::key(model, hidden, last, &batch));
        on_keys(last, keys)
    }
}
