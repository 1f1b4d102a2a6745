//! Mistral and Ministral.

use super::base::{Defaults, HeadDim, KvHeads, llama};
use super::fields::Fields;
use super::llama::NAMES;
use super::rope::RopeDefaults;
use super::windows::WindowRule;
use crate::ModelError;
use crate::decoder::{Names, Parts};

const DEFAULTS: Defaults = Defaults {
    kv_heads: KvHeads::Field(Some(8)),
    n_positions: 131_072,
    window: Some(4096),
    ..Defaults::LLAMA
};

/// Mistral, and Ministral, whose layers with a window are named.
pub(super) fn read(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    Ok((llama(fields, DEFAULTS, RopeDefaults::LLAMA, WindowRule::All)?, NAMES))
}

/// Ministral 3. Beyond the length that it was trained with, queries grow with the position; longer texts are not
/// taken.
pub(super) fn read_ministral3(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let defaults = Defaults {
        head_dim: HeadDim::Field(Some(128)),
        n_positions: 262_144,
        epsilon: 1e-5,
        window: None,
        ..DEFAULTS
    };
    let rope = RopeDefaults { theta: Some(1e6), ..RopeDefaults::LLAMA };
    let mut parts = llama(fields, defaults, rope, WindowRule::All)?;
    let rope = fields.object("rope_scaling").or_else(|| fields.object("rope_parameters"));
    let original =
        rope.map(|rope| rope.optional(&["original_max_position_embeddings"])).transpose()?.flatten();
    parts.shape.n_positions = parts.shape.n_positions.min(original.unwrap_or(usize::MAX));
    Ok((parts, NAMES))
}
