//! The families of decoders: from the fields of a `config.json` to [parts](crate::decoder::Parts) and names.
//!
//! A family is a function in a file of its own, and a line in `FAMILIES`.

mod arcee;
mod base;
mod cohere;
mod exaone4;
mod falcon;
pub(crate) mod fields;
mod frequencies;
mod gemma;
mod glm;
mod gpt2;
mod gpt_neo;
mod gpt_neox;
mod gptj;
mod granite;
mod hunyuan;
mod llama;
mod mistral;
mod nemotron;
mod olmo;
mod opt;
mod phi;
mod phi3;
mod qwen;
mod rope;
mod smollm3;
mod stablelm;
mod starcoder2;
mod windows;
mod wrapper;

use fields::Fields;
use serde_json::{Map, Value};
use wrapper::{LanguageModel, language_model};

use crate::ModelError;
use crate::decoder::parts::Tie;
use crate::decoder::{Names, Parts};

/// Reads the fields of a family.
type Read = fn(Fields<'_>) -> Result<(Parts, Names), ModelError>;

/// The families, by their `model_type`.
const FAMILIES: [(&str, Read); 36] = [
    ("arcee", arcee::read),
    ("cohere", cohere::read),
    ("cohere2", cohere::read_2),
    ("cwm", llama::read_cwm),
    ("ernie4_5", llama::read_ernie4_5),
    ("exaone4", exaone4::read),
    ("falcon", falcon::read),
    ("gemma", gemma::read),
    ("gemma2", gemma::read_2),
    ("gemma3_text", gemma::read_3),
    ("glm", glm::read),
    ("glm4", glm::read_4),
    ("gpt2", gpt2::read),
    ("gpt_neo", gpt_neo::read),
    ("gpt_neox", gpt_neox::read),
    ("gptj", gptj::read),
    ("granite", granite::read),
    ("hunyuan_v1_dense", hunyuan::read),
    ("internlm3", llama::read_internlm3),
    ("llama", llama::read),
    ("ministral", mistral::read),
    ("ministral3", mistral::read_ministral3),
    ("mistral", mistral::read),
    ("nemotron", nemotron::read),
    ("olmo", olmo::read),
    ("olmo2", olmo::read_2),
    ("olmo3", olmo::read_3),
    ("opt", opt::read),
    ("phi", phi::read),
    ("phi3", phi3::read),
    ("qwen2", qwen::read_2),
    ("qwen3", qwen::read_3),
    ("seed_oss", llama::read_seed_oss),
    ("smollm3", smollm3::read),
    ("stablelm", stablelm::read),
    ("starcoder2", starcoder2::read),
];

/// Fields of models that mix experts.
const EXPERTS: [&str; 4] = ["num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"];

/// Why models of other types cannot be edited.
const OUT_OF_REACH: [(&str, &str); 14] = [
    ("bloom", "its attention is biased by distance (ALiBi)"),
    ("mpt", "its attention is biased by distance (ALiBi)"),
    ("mamba", "it has no attention"),
    ("mamba2", "it has no attention"),
    ("jamba", "most of its layers have no attention"),
    ("falcon_h1", "its layers have states beside attention"),
    ("qwen3_next", "three of four layers have no attention (gated DeltaNet)"),
    ("qwen3_5", "three of four layers have no attention (gated DeltaNet)"),
    ("recurrent_gemma", "most of its layers have no attention"),
    ("gemma3n", "its layers read embeddings of their own"),
    ("gemma3n_text", "its layers read embeddings of their own"),
    ("t5", "it is not a decoder alone"),
    ("bart", "it is not a decoder alone"),
    ("bert", "it is not a decoder"),
];

/// The names of all families.
pub fn names() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().map(|(name, _)| *name)
}

/// The language model that a `config.json` describes.
pub(crate) struct Description {
    pub(crate) parts: Parts,
    pub(crate) names: Names,
    /// The fields of the language model, with those that a wrapper has for it.
    pub(crate) fields: Map<String, Value>,
}

/// Reads the fields of a `config.json`.
pub(crate) fn describe(top: &Map<String, Value>) -> Result<Description, ModelError> {
    let LanguageModel { fields, is_wrapped, is_tied_unless_stored } = language_model(top)?;
    let view = Fields::new(&fields);
    let model_type: String = view.or(&["model_type"], String::new())?;
    let field = if is_wrapped { "text_config.model_type" } else { "model_type" };
    let unsupported = |reason: &str| ModelError::Family {
        field,
        model_type: model_type.clone(),
        reason: reason.to_owned(),
    };
    for name in EXPERTS {
        let experts = view.value(name).and_then(Value::as_u64).unwrap_or(0);
        if experts > 1 {
            return Err(unsupported(&format!(
                "it mixes experts (\"{name}\" is {experts}), so that no single weight makes a value of a key"
            )));
        }
    }
    let Some((_, read)) = FAMILIES.iter().find(|(name, _)| *name == model_type) else {
        let reason = OUT_OF_REACH.iter().find(|(name, _)| *name == model_type);
        return Err(unsupported(reason.map_or("", |(_, reason)| reason)));
    };
    let (mut parts, mut names) = read(view)?;
    if is_wrapped {
        names.wrapper_root = Some("model.language_model.");
    }
    if is_tied_unless_stored {
        parts.head.tie = Tie::UnlessStored;
    }
    Ok(Description { parts, names, fields })
}
