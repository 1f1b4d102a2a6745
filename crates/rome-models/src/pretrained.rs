//! A model with all that belongs to it.

use std::collections::BTreeSet;

use burn::prelude::*;
use rome_core::{CausalLm, ModelHash, Observer, Precision};
use serde::Deserialize;

use crate::checkpoint::stored_files;
use crate::config::Config;
use crate::decoder::{Decoder, Names};
use crate::stored::{StoredFile, StoredType};
use crate::token_ids::TokenIds;
use crate::{Checkpoint, ModelError, PretrainedTokenizer, Source};

/// Larger than any `generation_config.json`.
const MAX_FILE: u64 = 16 << 20;

/// The fields of `generation_config.json` that count.
#[derive(Deserialize)]
struct GenerationConfig {
    #[serde(default)]
    eos_token_id: TokenIds,
}

/// A model, its tokenizer and its identity.
pub struct Pretrained {
    /// The model.
    pub model: Box<dyn CausalLm>,
    /// The tokenizer.
    pub tokenizer: PretrainedTokenizer,
    /// The identity of its weights.
    pub hash: ModelHash,
    /// The names of its tensors.
    pub names: Names,
    /// The token that sequences start with, if the configuration names one.
    pub start_token: Option<u32>,
    /// The tokens that end a text, as far as the configurations name them.
    pub end_tokens: Vec<u32>,
}

impl Pretrained {
    /// Loads a model by its folder or its name on the hub, `owner/model`, in f32.
    ///
    /// # Errors
    /// [`ModelError`] when a file is missing, malformed or does not fit the others.
    pub fn load(name: &str, device: &Device) -> Result<Self, ModelError> {
        let source = Source::resolve(name, &mut ())?;
        Self::from_source(&source, device, Precision::F32, &mut ())
    }

    /// Loads a model from wherever its files are, its matrices in some precision.
    ///
    /// # Errors
    /// [`ModelError`] when a file is missing, malformed or does not fit the others, or the device
    /// does not compute in this precision.
    pub fn from_source(
        source: &Source,
        device: &Device,
        precision: Precision,
        observer: &mut dyn Observer,
    ) -> Result<Self, ModelError> {
        let config = Config::load(source).map_err(|error| with_types(error, source))?;
        let tokenizer = PretrainedTokenizer::load(source)?;
        let mut checkpoint = Checkpoint::open(source, device, precision, observer)?;
        let model: Box<dyn CausalLm> =
            Box::new(Decoder::load(&mut checkpoint, &config.parts, &config.names)?);
        Ok(Self {
            model,
            tokenizer,
            hash: checkpoint.finish()?,
            names: config.names,
            start_token: config.start_token(),
            end_tokens: end_tokens(source, &config)?,
        })
    }
}

/// The tokens that end a text: those of `config.json` and of `generation_config.json`.
fn end_tokens(source: &Source, config: &Config) -> Result<Vec<u32>, ModelError> {
    const FILE: &str = "generation_config.json";
    let mut tokens = config.end_tokens();
    if let Some(generation) = source.read_json::<GenerationConfig>(FILE, MAX_FILE)? {
        tokens.extend(generation.eos_token_id.known(config.shape().vocab_size));
    }
    tokens.sort_unstable();
    tokens.dedup();
    Ok(tokens)
}

/// Says what types a quantized checkpoint has, if it is one.
fn with_types(error: ModelError, source: &Source) -> ModelError {
    let ModelError::Quantized { how } = error else { return error };
    let files = stored_files(source).map_or_else(|_| Vec::new(), |(_, files)| files);
    let stored = files.iter().flat_map(StoredFile::tensors).map(|tensor| tensor.dtype);
    let types: BTreeSet<&str> = stored.filter(|dtype| dtype.is_quantized()).map(StoredType::name).collect();
    let how = std::iter::once(how.as_str()).chain(types).collect::<Vec<_>>().join(", ");
    ModelError::Quantized { how }
}
