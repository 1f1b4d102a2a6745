//! Phi-3, Phi-3.5-mini and Phi-4.

use super::base::{Defaults, HeadDim, llama};
use super::fields::Fields;
use super::llama::NAMES;
use super::rope::RopeDefaults;
use super::windows::WindowRule;
use crate::ModelError;
use crate::decoder::parts::{Gate, ProjectionLayout};
use crate::decoder::{Names, Parts};

pub(super) fn read(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let defaults =
        Defaults { head_dim: HeadDim::Field(None), n_positions: 4096, epsilon: 1e-5, ..Defaults::LLAMA };
    // The first files have these names.
    let rope = RopeDefaults { partial: Some(1.0), longrope: &["su", "yarn"], ..RopeDefaults::LLAMA };
    let mut parts = llama(fields, defaults, rope, WindowRule::All)?;
    parts.attention.layout = ProjectionLayout::InOrder;
    parts.mlp.gate = Gate::Fused;
    Ok((parts, NAMES))
}
