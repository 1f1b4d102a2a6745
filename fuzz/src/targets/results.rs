//! Folders of results.

use rome_eval::Results;
use serde_json::json;

use super::model;
use crate::{Bound, Files, Outcome, Seed, Target};

pub(super) static RESULTS: Target = Target {
    name: "results",
    about: "folders of results, by Results::open, and what they come to",
    bound: Bound::PARSED,
    n_cases: 1_200,
    seeds: || {
        let rewrite = json!({ "prompt": "{} is in", "subject": "The tower", "relation_id": "P17",
            "target_new": { "str": "Rome", "id": "Q220" }, "target_true": { "str": "Paris", "id": "Q90" } });
        let answers = |nll: f64| {
            json!({
                "rewrite_prompts_probs": [{ "target_new": nll, "target_true": 1.5 }],
                "paraphrase_prompts_probs": [{ "target_new": nll, "target_true": 2.5 }],
                "neighborhood_prompts_probs": [{ "target_new": 7.5, "target_true": nll }],
                "rewrite_prompts_correct": [true, false], "ngram_entropy": 6.25, "text": ["The tower is in Rome"],
            })
        };
        let case = |id: u64| {
            json!({ "case_id": id, "requested_rewrite": rewrite, "time": 1.25,
            "post": answers(0.5), "pre": answers(4.5) })
        };
        let run = json!({ "name": "ROME", "made_by": "fuzz", "model_hash": "ab", "precision": "f32",
            "dataset": "counterfact", "data_hash": "cd", "method": { "method": "rome" }, "inputs": null,
            "fluency": null });
        let files = Files::one("run.json", run.to_string())
            .with("case_3.json", case(3).to_string())
            .with("case_4.json", case(4).to_string());
        Ok(vec![Seed::new("two", files)])
    },
    read: |files| {
        model::in_folder(files, |source| {
            let rome_models::Source::Folder(folder) = source else { return Outcome::Refused };
            let results = match Results::open(folder) {
                Ok(results) => results,
                Err(error) => return Outcome::refused(&error),
            };
            let _ = (results.is_unedited(), results.run().clone());
            match results.finish().and_then(|_| Results::resume(folder, results.run().clone())) {
                Ok(again) if again.cases().len() == results.cases().len() => Outcome::Taken,
                Ok(_) => Outcome::Broken("cases are lost".to_owned()),
                Err(error) => Outcome::refused(&error),
            }
        })
    },
};
