//! Requests, contexts and preservation prompts.

use std::sync::LazyLock;

use anyhow::Result;
use rome_core::{Context, EditRows, ModelShape, Preservation, Request, TokenCodec};
use rome_models::config::Config;
use rome_models::{Source, Tokenizer};

use crate::{Bound, Files, Outcome, Seed, Target};

/// The bundled tokenizer, and the sizes of its model.
pub(super) static BUNDLED: LazyLock<Result<(Tokenizer, ModelShape), String>> = LazyLock::new(|| {
    let bundled = &rome_assets::FACTS_GPT2;
    let source = Source::Embedded(bundled.name, bundled.files);
    let load = || anyhow::Ok((Tokenizer::load(&source)?, Config::load(&source)?.shape()));
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
    about: "requests, contexts and preservation prompts, by serde and EditRows",
    bound: Bound::PARSED,
    n_cases: 2_000,
    seeds,
    read: |files| {
        let parsed = (|| {
            let request: Request = serde_json::from_slice(files.get("request.json"))?;
            let contexts: Vec<Context> = serde_json::from_slice(files.get("contexts.json"))?;
            let preservations: Vec<Preservation> = serde_json::from_slice(files.get("preserve.json"))?;
            Ok((request, contexts, preservations))
        })();
        match parsed {
            Ok((request, contexts, preservations)) => rows(&request, &contexts, &preservations),
            Err(error) => {
                let error: serde_json::Error = error;
                Outcome::refused(error, "the program's")
            }
        }
    },
};

/// Makes rows of a request, and looks at them.
pub(super) fn rows(request: &Request, contexts: &[Context], preservations: &[Preservation]) -> Outcome {
    let (tokenizer, shape) = match &*BUNDLED {
        Ok(bundled) => bundled,
        Err(error) => return Outcome::Broken(error.clone()),
    };
    let shown = request.to_string();
    match EditRows::new(request, contexts, preservations, tokenizer, shape) {
        Err(error) => Outcome::refused(&error, error.hint()),
        Ok(rows) => {
            let n_target = rows.target.len();
            let mut all = rows.rows.iter().chain(&rows.preservations).chain([&rows.clean]);
            let fits = all.all(|row| row.lookup < row.tokens.len() && row.tokens.len() <= shape.n_positions);
            // Each row has a position for each token of the target.
            let scored = n_target > 0 && rows.rows.iter().all(|row| row.tokens.len() >= n_target);
            let decoded = tokenizer.decode(&rows.clean.tokens).is_ok();
            match fits && scored && decoded && !shown.is_empty() {
                true => Outcome::Taken,
                false => Outcome::Broken("a row does not fit".to_owned()),
            }
        }
    }
}
