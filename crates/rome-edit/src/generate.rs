//! Text and logits of a model.

use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rome_core::forward::{logits, transfer::download};
use rome_core::generate::{Decoding, NotFiniteLogits, generate};
use rome_core::request::{TokenError, check_vocabulary};
use rome_core::{Environment, Tokenizer};
use safetensors::tensor::{Dtype, TensorView};
use serde::Serialize;

use crate::Model;
use crate::error::{Error, InputError};

/// A prompt to be continued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generate {
    /// The text to continue; without any, text starts as in training, after the start token.
    pub prompt: String,
    /// The maximum number of tokens to add.
    pub max_new_tokens: usize,
    /// The way to choose tokens.
    pub sampling: Sampling,
}

/// A way to choose tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// The most probable one each time.
    Greedy,
    /// A draw from the `k` most probable ones.
    TopK {
        /// The number of tokens considered.
        k: usize,
        /// The seed of the draws.
        seed: u64,
    },
}

/// A prompt with its continuation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GeneratedText {
    /// All of it.
    pub text: String,
    /// The text that was added.
    pub continuation: String,
    /// The token ids of all of it.
    pub tokens: Vec<u32>,
    /// The tokens of the prompt.
    pub prompt_tokens: Vec<u32>,
    /// All of it without a special token that ends it.
    #[serde(skip)]
    pub shown: String,
}

impl Generate {
    /// Continues the prompt.
    ///
    /// # Errors
    /// When the prompt has no tokens or too many, or the model's logits are not finite.
    pub fn run(&self, model: &Model) -> Result<GeneratedText, Error> {
        let tokenizer = model.tokenizer();
        if self.prompt.ends_with(' ') {
            tracing::warn!("the prompt ends with a blank, after which models rarely go on with a word");
        }
        let mut prompt_tokens = tokenizer.encode(&self.prompt)?.ids;
        if prompt_tokens.is_empty() {
            prompt_tokens = model.start()?;
        }
        if prompt_tokens.is_empty() {
            return Err(InputError::EmptyPrompt.into());
        }
        check_vocabulary(&prompt_tokens, model.lm().shape())?;
        let n_positions = model.lm().shape().n_positions;
        if prompt_tokens.len() >= n_positions {
            return Err(InputError::PromptLength { len: prompt_tokens.len(), n_positions }.into());
        }
        let (mut rng, k) = match self.sampling {
            Sampling::Greedy => (ChaCha8Rng::seed_from_u64(0), None),
            Sampling::TopK { k, seed } => (ChaCha8Rng::seed_from_u64(seed), Some(k)),
        };
        let mut decoding = match k {
            None => Decoding::Greedy,
            Some(k) => Decoding::TopK { k, rng: &mut rng },
        };
        let start = tokenizer.start()?;
        let end_tokens = &model.pretrained.end_tokens;
        let tokens = generate(model.lm(), &prompt_tokens, self.max_new_tokens, end_tokens, &mut decoding)?;
        // A word that ends a text is a part of it.
        let is_special = |token: u32| Ok::<_, TokenError>(tokenizer.decode_text(&[token])?.is_empty());
        let shown = match tokens.split_last() {
            Some((last, shown)) if end_tokens.contains(last) && is_special(*last)? => shown,
            _ => &tokens,
        };
        Ok(GeneratedText {
            text: tokenizer.decode(without(&start, &tokens))?,
            continuation: tokenizer.decode_after(&prompt_tokens, &tokens[prompt_tokens.len()..])?,
            shown: tokenizer.decode(without(&start, shown))?,
            tokens,
            prompt_tokens,
        })
    }
}

/// Tokens without those that they start with.
fn without<'a>(start: &[u32], tokens: &'a [u32]) -> &'a [u32] {
    tokens.strip_prefix(start).unwrap_or(tokens)
}

/// The logits of a sequence of tokens as a file of safetensors: `logits`, `[tokens, vocabulary]`, f32.
///
/// # Errors
/// When there are too many tokens, the model does not know one, or the logits are not finite.
pub fn logits_file(model: &Model, tokens: &[u32]) -> Result<Vec<u8>, Error> {
    let shape = model.lm().shape();
    if tokens.len() > shape.n_positions {
        return Err(InputError::TooManyTokens { len: tokens.len(), n_positions: shape.n_positions }.into());
    }
    check_vocabulary(tokens, shape)?;
    let logits = logits(model.lm(), tokens);
    let dims: [usize; 2] = logits.dims();
    let logits = NotFiniteLogits::check(download(logits))?;
    let bytes: Vec<u8> = logits.iter().flat_map(|value| value.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, dims.to_vec(), &bytes).expect("as many bytes as values");
    let environment = serde_json::to_string(&Environment::of(&model.lm().device())).expect("text is JSON");
    let metadata = HashMap::from([("environment".to_owned(), environment)]);
    Ok(safetensors::serialize([("logits", view)], Some(metadata)).expect("one tensor of known size"))
}
