//! StableLM.

use super::base::{Defaults, HeadDim, KvHeads, llama, set_head_norm};
use super::fields::Fields;
use super::llama;
use super::rope::RopeDefaults;
use super::windows::WindowRule;
use crate::ModelError;
use crate::decoder::parts::{Arrangement, HeadNormOver, NormKind, NormParts};
use crate::decoder::{Names, Parts};

const NAMES: Names =
    Names { query_norm: "self_attn.q_layernorm", key_norm: "self_attn.k_layernorm", ..llama::NAMES };

pub(super) fn read(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let defaults = Defaults {
        kv_heads: KvHeads::Field(Some(32)),
        head_dim: HeadDim::Share,
        n_positions: 4096,
        epsilon: 1e-5,
        ..Defaults::LLAMA
    };
    let rope = RopeDefaults { partial: Some(0.25), ..RopeDefaults::LLAMA };
    let mut parts = llama(fields, defaults, rope, WindowRule::None)?;
    parts.norm.kind = NormKind::Layer;
    if fields.is("qk_layernorm", false)? {
        set_head_norm(&mut parts, HeadNormOver::EachHeadApart);
    }
    parts.norm = NormParts { has_bias: true, ..parts.norm };
    if fields.is("use_parallel_residual", false)? {
        parts.arrangement = Arrangement::ParallelSharedNorm;
    }
    parts.attention.has_bias = fields.is("use_qkv_bias", false)?;
    Ok((parts, NAMES))
}
