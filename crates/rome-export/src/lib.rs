//! Edits in the forms of other tools, and from them.
//!
//! | form | what it is | by |
//! | --- | --- | --- |
//! | a checkpoint | a whole folder in Hugging Face form, edits added to its weights | [`checkpoint::write`] |
//! | an adapter | left and right vectors as a LoRA of [PEFT](https://huggingface.co/docs/peft) | [`Adapter`] |
//! | arrays | left and right vectors as npz, or ΔW itself as safetensors | [`arrays`] |
//! | back | pairs or differences of others, or their [adapters](lora), as a file of edits | [`Import`] |
//!
//! How a checkpoint stores a weight, as `[d_input, d_output]` or turned over, is known from its
//! family ([`rome_models::layout::Layout`]), never guessed from a shape.

pub mod adapter;
pub mod arrays;
pub mod checkpoint;
pub mod error;
pub mod import;
pub mod lora;
mod weight;

pub use adapter::Adapter;
pub use error::ExportError;
pub use import::{Import, ImportedEdits, ImportedWeight};
