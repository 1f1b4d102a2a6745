//! `rome logits`

use std::collections::HashMap;

use anyhow::Result;
use rome_core::generate::NotFiniteLogits;
use rome_core::rows::check_vocabulary;
use rome_core::transfer::download;
use rome_core::{Environment, forward};
use safetensors::tensor::{Dtype, TensorView};

use crate::args::LogitsArgs;
use crate::edits::Edits;
use crate::error::{CliError, Outcome};
use crate::model;
use crate::output;

pub(crate) fn run(args: LogitsArgs) -> Result<Outcome> {
    output::check_writable(&args.output)?;
    let edits = Edits::from_args(&args.edits)?;
    let mut model = model::load(&args.model)?;
    edits.apply(&mut model)?;
    let shape = model.causal_lm().shape();
    if args.tokens.len() > shape.n_positions {
        let message =
            format!("{} tokens were given, and the model takes {}", args.tokens.len(), shape.n_positions);
        return Err(CliError::with_hint(message, "give fewer tokens"));
    }
    check_vocabulary(&args.tokens, shape)?;
    let logits = forward::logits(model.causal_lm(), &args.tokens);
    let dims: [usize; 2] = logits.dims();
    let logits = NotFiniteLogits::check(download(logits))?;
    let bytes: Vec<u8> = logits.iter().flat_map(|value| value.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, dims.to_vec(), &bytes)?;
    let environment = Environment::of(&model.causal_lm().device());
    let metadata = HashMap::from([("environment".to_owned(), serde_json::to_string(&environment)?)]);
    output::write_file(&args.output, &safetensors::serialize([("logits", view)], Some(metadata))?)?;
    Ok(Outcome::Done)
}
