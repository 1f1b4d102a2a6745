//! `rome trace`

mod facts;
mod one;

use std::path::Path;

use anyhow::Result;
use rome_eval::Facts;
use rome_eval::trace::{Kind, TraceConfig, sigma};
use rome_session::Model;

use crate::args::TraceArgs;
use crate::error::{CliError, Outcome};

pub(crate) fn run(args: &TraceArgs) -> Result<Outcome> {
    match &args.facts {
        Some(path) => facts::run(args, path),
        None => one::run(args),
    }
}

fn configs(args: &TraceArgs) -> Result<Vec<TraceConfig>> {
    let severed = args.sever.map(Kind::from);
    let kinds = args.kind.kinds();
    if severed.is_some() && kinds != [Kind::State] {
        return Err(CliError::with_hint(
            "paths are cut where a state is restored",
            "leave --kind out, or --sever",
        ));
    }
    let config = |kind| TraceConfig {
        window: args.window as usize,
        severed,
        other_noise: args.compatible,
        ..TraceConfig::new(kind)
    };
    Ok(kinds.into_iter().map(config).collect())
}

/// The standard deviation that `--noise` means: a number, or as many of that of embeddings of subjects.
fn noise_scale(text: &str, model: &Model, subjects: &dyn Fn() -> Result<Vec<String>>) -> Result<f64> {
    let wrong = || {
        CliError::with_hint(
            format!("{text:?} is no size of noise"),
            "give a number above 0, or s3 for three standard deviations of subjects' embeddings",
        )
    };
    let number = |text: &str| match text.parse::<f64>() {
        Ok(number) if number > 0.0 && (number as f32).is_finite() => Ok(number),
        _ => Err(wrong()),
    };
    match text.strip_prefix('s') {
        None => number(text),
        Some(factor) => {
            let factor = number(factor)?;
            let subjects = subjects()?;
            let tokens = &model.pretrained.tokenizer;
            Ok(factor * sigma(model.causal_lm(), tokens, subjects.iter().map(String::as_str))?)
        }
    }
}

/// The subjects that a model is known to know: those of its own facts, or of known_1000.
fn known_subjects(model: &Model) -> Result<Vec<String>> {
    if model.bundled.is_some() {
        let facts = Facts::from_json(rome_assets::FACTS)?;
        return Ok(facts.subjects().map(str::to_owned).collect());
    }
    Ok(rome_assets::KNOWN_SUBJECTS.lines().map(str::to_owned).collect())
}

fn model_name(args: &TraceArgs) -> String {
    let name = Path::new(&args.model.model).file_name();
    name.map_or_else(|| args.model.model.clone(), |name| name.to_string_lossy().into_owned())
}
