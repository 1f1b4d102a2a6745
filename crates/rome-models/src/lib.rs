//! Decoders of many families in [burn](https://burn.dev), loaded from checkpoints in Hugging Face form.
//!
//! ```no_run
//! use burn::prelude::Device;
//! use rome_core::Tokenizer;
//! use rome_core::generate::{Decoding, generate};
//! use rome_models::Pretrained;
//!
//! let gpt2 = Pretrained::load("openai-community/gpt2-xl", &Device::flex())?;
//! let prompt = gpt2.tokenizer.encode("The Space Needle is in the city of")?;
//! let tokens = generate(gpt2.model.as_ref(), &prompt.ids, 5, &gpt2.end_tokens, &mut Decoding::Greedy)?;
//! println!("{}", gpt2.tokenizer.decode(&tokens)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! There is one [`decoder`], made of the [parts](decoder::Parts) that [`families`] read from a `config.json`; it
//! implements [`rome_core::CausalLm`]. Nothing here knows what an edit is.

pub mod activation;
pub mod checkpoint;
pub mod config;
pub mod decoder;
pub mod error;
pub mod families;
#[cfg(feature = "hub")]
mod hub;
#[cfg(feature = "hub")]
mod hub_name;
pub mod hub_settings;
mod identity;
pub mod layout;
pub mod model_hasher;
pub mod pretrained;
mod resolve;
pub mod source;
pub mod stored;
mod tensor_names;
pub mod token_ids;
pub mod tokenizer;
mod tokenizer_settings;

pub use checkpoint::{Checkpoint, CheckpointFiles};
pub use decoder::Decoder;
pub use error::ModelError;
pub use hub_settings::HubSettings;
pub use model_hasher::ModelHasher;
pub use pretrained::Pretrained;
pub use source::Source;
pub use stored::{StoredFile, StoredTensor, StoredType};
pub use token_ids::TokenIds;
pub use tokenizer::PretrainedTokenizer;
