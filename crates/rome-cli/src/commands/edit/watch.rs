//! Whether a model that is edited again and again still is one.

use anyhow::Result;
use rome_core::scoring::score;
use rome_core::transfer::download;
use rome_core::{CausalLm, Query, TokenCodec, widen};
use serde::Serialize;

use crate::commands::TEXT;

/// Between two looks so many requests are edited; after the last one there is always a look.
const EVERY: usize = 10;

/// A model whose perplexity is so many times what it was has collapsed.
const COLLAPSED: f64 = 10.0;

/// Watches the perplexity of a text and the norms of the edited weights.
pub(super) struct Watch {
    query: Query,
    layers: Vec<usize>,
    before: Look,
    /// What was seen so far.
    pub(super) seen: Vec<Seen>,
}

/// A look at a model.
#[derive(Debug, Clone, Copy)]
struct Look {
    perplexity: f64,
    norm: f64,
}

/// What was seen after some requests, in proportion to what there was before any.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Seen {
    /// So many requests.
    pub(super) after: usize,
    /// How many times as high the perplexity on a text is.
    pub(super) perplexity: f64,
    /// How many times as large the edited weights are.
    pub(super) norm: f64,
}

impl Watch {
    /// Looks at a model that none of the requests has edited yet.
    pub(super) fn new(model: &dyn CausalLm, tokens: &dyn TokenCodec, layers: &[usize]) -> Result<Self> {
        let mut ids = tokens.encode(TEXT)?.ids;
        ids.truncate(model.shape().n_positions);
        ids.retain(|&id| (id as usize) < model.shape().vocab_size);
        let query = Query { prompt: ids[..1].to_vec(), targets: vec![ids[1..].to_vec()] };
        let mut watch = Self {
            query,
            layers: layers.to_vec(),
            before: Look { perplexity: 1.0, norm: 1.0 },
            seen: Vec::new(),
        };
        watch.before = watch.look(model);
        Ok(watch)
    }

    /// Looks again if it is time to, and says what is wrong if the model has collapsed.
    pub(super) fn after(&mut self, n_requests: usize, is_last: bool, model: &dyn CausalLm) -> Option<String> {
        if !(is_last || n_requests.is_multiple_of(EVERY)) {
            return None;
        }
        let Look { perplexity, norm } = self.look(model);
        let seen = Seen {
            after: n_requests,
            perplexity: perplexity / self.before.perplexity,
            norm: norm / self.before.norm,
        };
        self.seen.push(seen);
        // Not a number, too.
        let holds = seen.perplexity < COLLAPSED;
        (!holds).then(|| {
            format!(
                "after {n_requests} requests the model has collapsed: its perplexity on text is {:.1} times as high, \
                 and the edited weights are {:.2} times as large",
                seen.perplexity, seen.norm
            )
        })
    }

    fn look(&self, model: &dyn CausalLm) -> Look {
        let scores = score(model, std::slice::from_ref(&self.query));
        let tokens = &scores[0][0];
        let nll = -tokens.iter().map(|token| token.log_prob).sum::<f64>() / tokens.len() as f64;
        let square = |&layer: &usize| {
            let weight = widen(model.block(layer).down_projection().weight());
            f64::from(download((weight.clone() * weight).sum())[0])
        };
        Look { perplexity: nll.exp(), norm: self.layers.iter().map(square).sum::<f64>().sqrt() }
    }
}
