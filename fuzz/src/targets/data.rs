//! Data sets, and noise for traces.

use std::path::Path;

use anyhow::{Context, Result};
use rome_eval::trace::{KnownFact, Noise};
use rome_eval::{Dataset, EvalError, Facts, Record, Snippets};
use serde_json::{Value, json};

use super::statistics::in_file;
use super::{model, requests};
use crate::{Bound, Files, Outcome, Seed, Target};

/// The first records of a fixture.
fn first(name: &str, n: usize) -> Result<Vec<Seed>> {
    let list: Vec<Value> = serde_json::from_slice(&std::fs::read(fixtures::path("data").join(name))?)?;
    let bytes = serde_json::to_vec(&list.into_iter().take(n).collect::<Vec<_>>())?;
    Ok(vec![Seed::new(name, Files::one("data.json", bytes))])
}

/// Reads a data set and asks what it would ask.
fn records(files: &Files, dataset: Dataset) -> Outcome {
    let (tokenizer, _) = match &*requests::BUNDLED {
        Ok(bundled) => bundled,
        Err(error) => return Outcome::Broken(error.clone()),
    };
    in_file(files, |path| match dataset.read(path) {
        Err(error) => Outcome::refused(&error),
        Ok((records, _)) => list(records, |record: Box<dyn Record>| {
            let _ = record.rewrite().request().to_string();
            record.queries(tokenizer).map(|queries| queries.len())
        }),
    })
}

/// Taken if any of a list is, refused if all are.
fn list<T, U>(read: Vec<Result<T, EvalError>>, use_it: impl Fn(T) -> Result<U, EvalError>) -> Outcome {
    let mut outcome = Outcome::Refused;
    for read in read {
        match read.and_then(&use_it) {
            Ok(_) => outcome = Outcome::Taken,
            Err(error) => {
                if let broken @ Outcome::Broken(_) = Outcome::refused(&error) {
                    return broken;
                }
            }
        }
    }
    outcome
}

pub(super) static COUNTERFACT: Target = Target {
    name: "counterfact",
    about: "records of CounterFact, by Dataset::read, and their questions",
    bound: Bound::PARSED,
    n_cases: 1_200,
    seeds: || first("counterfact.json", 2),
    read: |files| records(files, Dataset::CounterFact),
};

pub(super) static ZSRE: Target = Target {
    name: "zsre",
    about: "records of zsRE, by Dataset::read, and their questions",
    bound: Bound::PARSED,
    n_cases: 1_200,
    seeds: || first("zsre.json", 2),
    read: |files| records(files, Dataset::ZsRe),
};

pub(super) static KNOWN: Target = Target {
    name: "known-facts",
    about: "facts to trace, by KnownFact::read",
    bound: Bound::PARSED,
    n_cases: 1_200,
    seeds: || first("known_1000.json", 3),
    read: |files| {
        let Ok((tokenizer, shape)) = &*requests::BUNDLED else {
            return Outcome::Broken("no tokenizer".to_owned());
        };
        in_file(files, |path: &Path| match KnownFact::read(path) {
            Err(error) => Outcome::refused(&error),
            Ok(facts) => list(facts, |fact| fact.trace_prompt(tokenizer, shape)),
        })
    },
};

pub(super) static FACTS: Target = Target {
    name: "facts",
    about: "facts with templates, by Facts::from_json, made into records",
    bound: Bound::PARSED,
    n_cases: 1_200,
    seeds: || {
        let facts: Value = serde_json::from_slice(rome_assets::FACTS)?;
        let few = facts["facts"].as_array().context("a list")?.iter().take(4).collect::<Vec<_>>();
        let facts = json!({ "templates": facts["templates"], "facts": few });
        Ok(vec![Seed::new("bundled", Files::one("facts.json", facts.to_string()))])
    },
    read: |files| match Facts::from_json(files.bytes()) {
        Err(_) => Outcome::Refused,
        Ok(facts) => {
            let _ = (facts.records(3).len(), facts.known(3).len(), facts.subjects().count());
            Outcome::Taken
        }
    },
};

pub(super) static SNIPPETS: Target = Target {
    name: "snippets",
    about: "texts that generations are compared with, by Snippets::read",
    bound: Bound::PARSED,
    n_cases: 1_200,
    seeds: || {
        let sample = json!({ "name": "Ada Lovelace", "text": "Ada Lovelace wrote the first program." });
        let snippets = json!([{ "relation_id": "P103", "target_id": "Q1860", "samples": [sample] }]);
        Ok(vec![Seed::new("one", Files::one("snippets.json", snippets.to_string()))])
    },
    read: |files| {
        in_file(files, |path| match Snippets::read(path, None) {
            Ok(_) => Outcome::Taken,
            Err(error) => Outcome::refused(&error),
        })
    },
};

pub(super) static NOISE: Target = Target {
    name: "noise",
    about: "noise for a trace, by Noise::from_bytes",
    bound: Bound::PARSED,
    n_cases: 2_000,
    seeds: || {
        let bytes = model::weights(&[("noise".to_owned(), vec![2, 3, 4])])?;
        Ok(vec![Seed::new("two", Files::one("noise.safetensors", bytes))])
    },
    read: |files| match Noise::from_bytes(files.bytes(), [2, 3, 4]) {
        Err(error) => Outcome::refused(&error),
        Ok(noise) => {
            if noise.values().len() == 24 && noise.values().iter().all(|value| value.is_finite()) {
                Outcome::Taken
            } else {
                Outcome::Broken("noise of another size, or not finite".to_owned())
            }
        }
    },
};
