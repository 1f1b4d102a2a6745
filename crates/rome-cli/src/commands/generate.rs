//! `rome generate`

use anyhow::Result;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rome_core::TokenCodec;
use rome_core::generate::{Decoding, generate};
use rome_core::rows::check_vocabulary;
use serde_json::json;

use crate::args::GenerateArgs;
use crate::edits::Edits;
use crate::error::{CliError, Outcome};
use crate::model;
use crate::output;

pub(crate) fn run(args: GenerateArgs) -> Result<Outcome> {
    let edits = Edits::from_args(&args.edits)?;
    let mut model = model::load(&args.model)?;
    edits.apply(&mut model)?;
    let tokenizer = &model.pretrained.tokenizer;
    let mut prompt = tokenizer.encode(&args.prompt)?.ids;
    if prompt.is_empty() {
        // From nothing, text starts as in training: after the start token.
        prompt.extend(model.pretrained.start_token);
    }
    if prompt.is_empty() {
        return Err(CliError::with_hint("the prompt has no tokens", "give some text to continue"));
    }
    check_vocabulary(&prompt, model.causal_lm().shape())?;
    let n_positions = model.causal_lm().shape().n_positions;
    if prompt.len() >= n_positions {
        let message = format!("the prompt has {} tokens, and the model takes {n_positions}", prompt.len());
        return Err(CliError::with_hint(message, "shorten the prompt"));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(args.seed);
    let mut decoding = match args.greedy {
        true => Decoding::Greedy,
        false => Decoding::TopK { k: args.top_k as usize, rng: &mut rng },
    };
    let end_token = model.pretrained.end_token;
    let tokens = generate(model.causal_lm(), &prompt, args.max_new_tokens, end_token, &mut decoding)?;
    match args.json {
        false => {
            let shown = match tokens.split_last() {
                Some((last, shown)) if Some(*last) == end_token => shown,
                _ => &tokens,
            };
            output::line(tokenizer.decode(shown)?)?;
        }
        true => output::json(&json!({
            "text": tokenizer.decode(&tokens)?,
            "continuation": tokenizer.decode(&tokens[prompt.len()..])?,
            "tokens": tokens,
            "prompt_tokens": prompt,
        }))?,
    }
    Ok(Outcome::Done)
}
