//! Settings of models and of edits.

use rome_core::HyperParams;
use rome_models::config::Config;

use crate::{Bound, Files, Outcome, Seed, Target};

const GPT2: &[u8] = br#"{"model_type": "gpt2", "vocab_size": 50257, "n_positions": 1024, "n_embd": 768,
    "n_layer": 12, "n_head": 12, "n_inner": null, "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-05, "scale_attn_weights": true, "bos_token_id": 50256, "eos_token_id": 50256}"#;

pub(super) static CONFIG: Target = Target {
    name: "config",
    about: "config.json, by Config, and the names of its weights, which imports and edits look up",
    bound: Bound::PARSED,
    n_cases: 2_000,
    seeds: || {
        Ok(vec![
            Seed::new("gpt2", Files::one("config.json", GPT2)),
            Seed::new("gptj", Files::one("config.json", super::model::gptj()?.get("config.json"))),
        ])
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
