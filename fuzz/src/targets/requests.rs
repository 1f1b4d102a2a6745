//! Requests, contexts and preservation prompts.

use std::sync::LazyLock;

use anyhow::Result;
use rome_core::{Context, KlPrompt, ModelShape, Request, TokenizedRequest, Tokenizer};
use rome_models::config::Config;
use rome_models::{PretrainedTokenizer, Source};

use crate::{Bound, Files, Outcome, Seed, Target};

/// The bundled tokenizer, and the sizes of its model.
pub(super) static BUNDLED: LazyLock<Result<(PretrainedTokenizer, ModelShape), String>> =
    LazyLock::new(|| {
        let bundled = &rome_assets::FACTS_GPT2;
        let source = Source::Embedded(bundled.name, bundled.files);
        let load =
            || anyhow::Ok((PretrainedTokenizer::load(&source)?, Config::load(&source)?.shape().clone()));
        load().map_err(|error| format!("{error:#}"))
    });

fn seeds() -> Result<Vec<Seed>> {
    let read = |name: &str| std::fs::read(fixtures::path("formats").join(name));
    let mut seeds = Vec::new();
    for request in ["reference-form", "sentence", "template", "tokens"] {
        for contexts in ["text", "tokens"] {
            let files = Files::one("request.json", read(&format!("request-{request}.json"))?)
                .with("contexts.json", read(&format!("contexts-{contexts}.json"))?)
                .with("preserve.json", read("preserve.json")?);
            seeds.push(Seed::new(&format!("{request}-{contexts}"), files));
        }
    }
    Ok(seeds)
}

pub(super) static REQUESTS: Target = Target {
    name: "requests",
    about: "requests, contexts and preservation prompts, by serde and TokenizedRequest",
    bound: Bound::PARSED,
    n_cases: 2_000,
    seeds,
    read: |files| {
        let parsed = (|| {
            let request: Request = serde_json::from_slice(files.get("request.json"))?;
            let contexts: Vec<Context> = serde_json::from_slice(files.get("contexts.json"))?;
            let kl_prompts: Vec<KlPrompt> = serde_json::from_slice(files.get("preserve.json"))?;
            Ok::<_, serde_json::Error>((request, contexts, kl_prompts))
        })();
        match parsed {
            Ok((request, contexts, kl_prompts)) => rows(&request, &contexts, &kl_prompts),
            Err(_) => Outcome::Refused,
        }
    },
};

/// Makes rows of a request, and looks at them.
pub(super) fn rows(request: &Request, contexts: &[Context], kl_prompts: &[KlPrompt]) -> Outcome {
    let (tokenizer, shape) = match &*BUNDLED {
        Ok(bundled) => bundled,
        Err(error) => return Outcome::Broken(error.clone()),
    };
    let shown = request.to_string();
    match TokenizedRequest::new(request, contexts, kl_prompts, tokenizer, shape) {
        Err(error) => Outcome::refused(&error),
        Ok(rows) => {
            let n_target = rows.target.len();
            let mut all = rows.rows.iter().chain(&rows.kl_rows).chain([&rows.clean]);
            let fits = all.all(|row| row.lookup < row.tokens.len() && row.tokens.len() <= shape.n_positions);
            // Each row has a position for each token of the target.
            let scored = n_target > 0 && rows.rows.iter().all(|row| row.tokens.len() >= n_target);
            let decoded = tokenizer.decode(&rows.clean.tokens).is_ok();
            if fits && scored && decoded && !shown.is_empty() {
                Outcome::Taken
            } else {
                Outcome::Broken("a row does not fit".to_owned())
            }
        }
    }
}
