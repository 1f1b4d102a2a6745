//! Contexts that the key is averaged over.

use std::borrow::Cow;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

use super::tokenizer::{TokenError, Tokenizer};
use crate::error::{ErrorKind, Hint};
use crate::generate::{Decoding, Generation, NotFiniteLogits};
use crate::model::CausalLm;

/// A prefix of prompts: a template such as `"It was a great. {}"`, or a list of tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Context {
    /// A text with one `{}` for the prompt.
    Template(String),
    /// Tokens put before the prompt's, as they are.
    Tokens(Vec<u32>),
}

impl Context {
    /// The prompt without a prefix, `"{}"`.
    pub fn clean() -> Self {
        Context::Template("{}".to_owned())
    }
}

/// Prefixes to sample, as pairs of length in tokens, with the first one counted, and number, as
/// `context_template_length_params` of the reference's settings has them.
pub const DEFAULT_LENGTHS: [(usize, usize); 2] = [(5, 10), (10, 10)];

/// Samples contexts from the model: `"{}"` and `x + ". {}"` for each sampled text x.
///
/// Text is drawn by top-k sampling (k = 5) from `start`, the tokens that a text starts with, as
/// `get_context_templates` of the reference does, but from a seed. `lengths` are pairs of a length in tokens, those
/// of the start counted, and a number of texts. Only new tokens are decoded, and special ones are left out; without
/// a tokenizer, contexts are tokens.
///
/// # Errors
/// [`SampleError`] when the lengths make no sense or a sampled text cannot be decoded.
pub fn sample(
    model: &dyn CausalLm,
    tokenizer: &dyn Tokenizer,
    start: &[u32],
    lengths: &[(usize, usize)],
    seed: u64,
) -> Result<Vec<Context>, SampleError> {
    let n_positions = model.shape().n_positions;
    let n_contexts = lengths.iter().fold(0usize, |sum, (_, count)| sum.saturating_add(*count));
    let longest = lengths.iter().map(|(length, _)| *length).max().unwrap_or(0);
    if longest > n_positions || n_contexts > MOST_CONTEXTS {
        return Err(SampleError::Lengths { longest, n_positions, n_contexts });
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let start_text = tokenizer.decode(start)?;
    let mut contexts = vec![Context::clean()];
    for &(length, count) in lengths.iter().filter(|(_, count)| *count > 0) {
        let mut generation = Generation::new(model, &vec![start.to_vec(); count]);
        for _ in start.len()..length {
            generation.step(&mut Decoding::TopK { k: 5, rng: &mut rng })?;
        }
        for row in generation.rows() {
            contexts.push(if tokenizer.has_text() {
                template(&tokenizer.decode_text(&row[start.len()..])?, &start_text)
            } else {
                Context::Tokens(row.clone())
            });
        }
    }
    Ok(contexts)
}

/// The words that sampled contexts of [`sample_after`] begin with, in MEMIT and what follows it.
pub const BEGINNINGS: [&str; 5] = ["The", "Therefore", "Because", "I", "You"];

/// The length of these contexts in tokens, that of the word counted.
const LENGTH_AFTER: usize = 10;

/// Samples contexts from the model that begin with some words: `"{}"` and `x + ". {}"` for each.
///
/// As `get_context_templates` of MEMIT, but from a seed.
///
/// # Errors
/// [`SampleError`] when the model is too small, or a sampled text cannot be decoded.
pub fn sample_after(
    model: &dyn CausalLm,
    tokenizer: &dyn Tokenizer,
    beginnings: &[&str],
    seed: u64,
) -> Result<Vec<Context>, SampleError> {
    let n_positions = model.shape().n_positions;
    if LENGTH_AFTER > n_positions {
        let n_contexts = beginnings.len();
        return Err(SampleError::Lengths { longest: LENGTH_AFTER, n_positions, n_contexts });
    }
    let start = tokenizer.start()?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut contexts = vec![Context::clean()];
    for beginning in beginnings {
        let ids = tokenizer.encode(beginning)?.ids;
        let n_start = if ids.starts_with(&start) { start.len() } else { 0 };
        let mut generation = Generation::new(model, std::slice::from_ref(&ids));
        for _ in ids.len()..LENGTH_AFTER {
            generation.step(&mut Decoding::TopK { k: 5, rng: &mut rng })?;
        }
        let text = tidy(&tokenizer.decode_text(&generation.rows()[0][n_start..])?, "");
        contexts.push(Context::Template(format!("{}. {{}}", text.replace(['{', '}'], " "))));
    }
    Ok(contexts)
}

/// Far more than any key needs to be averaged over.
const MOST_CONTEXTS: usize = 10_000;

/// Why contexts cannot be sampled.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SampleError {
    /// Texts longer than the model takes, or more of them than make sense.
    #[error(
        "cannot sample {n_contexts} contexts of up to {longest} tokens: a model of {n_positions} positions takes up to {MOST_CONTEXTS} of that length"
    )]
    Lengths {
        /// The longest text asked for.
        longest: usize,
        /// The model's context length.
        n_positions: usize,
        /// The number of texts requested.
        n_contexts: usize,
    },
    /// The tokenizer failed.
    #[error(transparent)]
    Tokenizer(#[from] TokenError),
    /// The model says nothing.
    #[error("contexts cannot be sampled: {0}")]
    Logits(#[from] NotFiniteLogits),
}

impl Hint for SampleError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Lengths { .. } => ErrorKind::Invalid,
            Self::Tokenizer(error) => error.kind(),
            Self::Logits(error) => error.kind(),
        }
    }

    fn hint(&self) -> Cow<'static, str> {
        match self {
            Self::Lengths { .. } => {
                "mend context_template_length_params, published as [[5, 10], [10, 10]]".into()
            }
            Self::Tokenizer(error) => error.hint(),
            Self::Logits(error) => error.hint(),
        }
    }
}

/// Cleans a generated text as `generate_fast` of the reference does: compatible characters taken
/// apart, no empty lines, and without the token that starts a text.
pub fn tidy(text: &str, start_text: &str) -> String {
    let text: String = text.nfkd().collect();
    let text = text.replace("\n\n", " ");
    if start_text.is_empty() { text } else { text.replace(start_text, "") }
}

/// Makes a sampled text into a context. A `{}` in the sample would be taken for the slot.
fn template(sample: &str, start_text: &str) -> Context {
    let text = tidy(sample, start_text).replace("{}", "{ }");
    Context::Template(format!("{text}. {{}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_with_braces_leaves_one_slot() {
        assert_eq!(template("{{}}", "<s>"), Context::Template("{{ }}. {}".to_owned()));
        let context = template("<s>see {} or {\n\nﬁn", "<s>");
        assert_eq!(context, Context::Template("see { } or { fin. {}".to_owned()));
    }
}
