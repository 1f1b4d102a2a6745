//! Settings of models and of edits.

use rome_core::HyperParams;
use rome_models::config::Config;

use crate::{Bound, Files, Outcome, Seed, Target};

const GPT2: &[u8] = br#"{"model_type": "gpt2", "vocab_size": 50257, "n_positions": 1024, "n_embd": 768,
    "n_layer": 12, "n_head": 12, "n_inner": null, "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-05, "scale_attn_weights": true, "bos_token_id": 50256, "eos_token_id": 50256}"#;

/// A configuration of each kind of fields: rotations, windows and layers by lists, by patterns and by kinds.
macro_rules! families {
    ($($name:literal),*) => {
        [$(($name, include_bytes!(concat!("../../../fixtures/families/", $name, "/config.json")) as &[u8])),*]
    };
}

const FAMILIES: [(&str, &[u8]); 10] = families![
    "llama",
    "ministral3",
    "qwen2",
    "gemma3",
    "phi3",
    "olmo3",
    "gpt_neo",
    "falcon-new",
    "smollm3",
    "exaone4"
];

pub(super) static CONFIG: Target = Target {
    name: "config",
    about: "config.json, by Config, and the names of its weights, which imports and edits look up",
    bound: Bound::PARSED,
    n_cases: 2_000,
    seeds: || {
        let families = FAMILIES.map(|(name, json)| Seed::new(name, Files::one("config.json", json)));
        let gptj = Seed::new("gptj", Files::one("config.json", super::model::gptj()?.get("config.json")));
        let gpt2 = Seed::new("gpt2", Files::one("config.json", GPT2));
        Ok(families.into_iter().chain([gpt2, gptj]).collect())
    },
    read: |files| match Config::parse(files.bytes()) {
        Err(error) => Outcome::refused(&error),
        Ok(config) => {
            let names: Vec<String> =
                (0..config.shape().n_layers).map(|layer| config.weight_name(layer)).collect();
            let tokens: Vec<u32> = config.start_token().into_iter().chain(config.end_tokens()).collect();
            let known = |token: &u32| (*token as usize) < config.shape().vocab_size;
            if !names.is_empty() && tokens.iter().all(known) {
                Outcome::Taken
            } else {
                Outcome::Broken("no layer, or a token that the model does not know".to_owned())
            }
        }
    },
};

pub(super) static HPARAMS: Target = Target {
    name: "hparams",
    about: "settings of the reference, by HyperParams and RomeConfig::check",
    bound: Bound::PARSED,
    n_cases: 2_000,
    seeds: || Ok(vec![Seed::new("facts-gpt2", Files::one("hparams.json", rome_assets::FACTS_GPT2.hparams))]),
    read: |files| {
        let hparams: HyperParams = match serde_json::from_slice(files.bytes()) {
            Ok(hparams) => hparams,
            Err(_) => return Outcome::Refused,
        };
        let config = match Config::parse(GPT2) {
            Ok(config) => config,
            Err(error) => return Outcome::Broken(error.to_string()),
        };
        let checked = hparams.config(|layer| config.weight_name(layer));
        match checked.and_then(|edit| edit.check(config.shape())) {
            Ok(()) => Outcome::Taken,
            Err(error) => Outcome::refused(&error),
        }
    },
};
