//! Watches the health of a model that is edited again and again.

use rome_core::forward::transfer::download;
use rome_core::{CausalLm, ModelShape, Tokenizer, widen};
use rome_eval::TextWindows;
use serde::Serialize;

use crate::error::{Error, InputError};
use crate::text::TEXT;

/// The number of requests between two measurements; the last request is always measured.
const EVERY: usize = 10;

/// The factor by which perplexity has grown when a model has collapsed.
const COLLAPSED: f64 = 10.0;

/// The health of a model after some requests, in proportion to what it was before any.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Health {
    /// So many requests.
    pub after: usize,
    /// The ratio of the perplexity on a text to that before; not a number for a model that assigns no
    /// probability to it.
    pub perplexity: f64,
    /// The ratio of the norm of the edited weights to that before.
    pub norm: f64,
}

/// Watches the perplexity of a text and the norms of the edited weights.
pub(crate) struct HealthCheck {
    /// The text that an audit takes; empty for a tokenizer that makes fewer than two tokens of it that the
    /// model knows.
    text: TextWindows,
    layers: Vec<usize>,
    before: Measure,
    /// The measurements so far.
    pub(crate) history: Vec<Health>,
}

#[derive(Debug, Clone, Copy)]
struct Measure {
    perplexity: f64,
    norm: f64,
}

impl HealthCheck {
    /// Measures a model that none of the requests has edited yet.
    pub(crate) fn new(
        model: &dyn CausalLm,
        tokenizer: &dyn Tokenizer,
        layers: &[usize],
    ) -> Result<Self, Error> {
        let text = text(tokenizer, model.shape())?;
        let before = measure(model, &text, layers);
        Ok(Self { text, layers: layers.to_vec(), before, history: Vec::new() })
    }

    /// Measures the model again if it is time to, after this many of all requests.
    ///
    /// # Errors
    /// [`InputError::Collapsed`], of which nothing was saved yet.
    pub(crate) fn after(
        &mut self,
        n_requests: usize,
        n_all: usize,
        model: &dyn CausalLm,
    ) -> Result<(), InputError> {
        if !(n_requests == n_all || n_requests.is_multiple_of(EVERY)) {
            return Ok(());
        }
        let Measure { perplexity, norm } = measure(model, &self.text, &self.layers);
        let (perplexity, norm) = (perplexity / self.before.perplexity, norm / self.before.norm);
        self.history.push(Health { after: n_requests, perplexity, norm });
        // Not a number, too, unless there is no text to measure.
        if perplexity < COLLAPSED || self.text.is_empty() {
            Ok(())
        } else {
            Err(InputError::Collapsed { n_requests, perplexity, norm, n_saved: 0 })
        }
    }
}

/// The text, as far as a model of this shape knows its tokens.
fn text(tokenizer: &dyn Tokenizer, shape: &ModelShape) -> Result<TextWindows, Error> {
    let mut ids = tokenizer.encode(TEXT)?.ids;
    ids.retain(|&id| (id as usize) < shape.vocab_size);
    Ok(TextWindows::new(&ids, shape.n_positions))
}

fn measure(model: &dyn CausalLm, text: &TextWindows, layers: &[usize]) -> Measure {
    let nll = text.nll(model, &mut || Ok(())).unwrap_or_default();
    let square = |&layer: &usize| {
        let weight = widen(model.block(layer).down_projection().weight());
        f64::from(download((weight.clone() * weight).sum())[0])
    };
    Measure {
        perplexity: nll.map_or(f64::NAN, f64::exp),
        norm: layers.iter().map(square).sum::<f64>().sqrt(),
    }
}

#[cfg(test)]
mod tests {
    use rome_core::request::{Encoding, TokenError};

    use super::*;

    /// A tokenizer that makes these tokens of every text.
    struct Always(Vec<u32>);

    impl Tokenizer for Always {
        fn encode(&self, text: &str) -> Result<Encoding, TokenError> {
            Ok(Encoding { ids: self.0.clone(), spans: vec![0..text.len(); self.0.len()] })
        }

        fn encode_continuation(&self, _: &str) -> Result<Vec<u32>, TokenError> {
            Ok(self.0.clone())
        }

        fn decode(&self, _: &[u32]) -> Result<String, TokenError> {
            Ok(String::new())
        }
    }

    fn shape(n_positions: usize) -> ModelShape {
        ModelShape {
            family: "gpt2".to_owned(),
            n_layers: 1,
            d_model: 4,
            d_ff: 8,
            n_heads: 1,
            n_kv_heads: 1,
            head_dim: 8,
            vocab_size: 10,
            n_positions,
        }
    }

    fn n_predicted(ids: &[u32], n_positions: usize) -> usize {
        text(&Always(ids.to_vec()), &shape(n_positions)).unwrap().n_predicted()
    }

    #[test]
    fn a_model_that_knows_too_few_tokens_skips_the_text() {
        assert_eq!(n_predicted(&[], 8), 0);
        assert_eq!(n_predicted(&[10, 11, 12], 8), 0, "the model has no row for these");
        assert_eq!(n_predicted(&[1, 11, 12], 8), 0, "one token predicts nothing");
        for n_positions in [0, 1] {
            assert_eq!(n_predicted(&[1, 2, 3], n_positions), 0);
        }
        assert_eq!(n_predicted(&[1, 11, 2, 3], 8), 2);
        assert_eq!(n_predicted(&[1, 2, 3, 4], 2), 2);
    }
}
