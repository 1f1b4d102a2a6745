//! The description of one block to be loaded.

use super::names::Names;
use super::parts::Parts;
use super::rotary::Rotary;

/// The description of one block to be loaded.
pub(super) struct LayerPlan<'a> {
    pub(super) layer: usize,
    pub(super) parts: &'a Parts,
    pub(super) names: &'a Names,
    /// The rotations that layers share.
    pub(super) rotaries: &'a [Rotary],
}

impl LayerPlan<'_> {
    /// The path of a part of the block.
    pub(super) fn path(&self, part: &str) -> String {
        self.names.of_block(self.layer, part)
    }
}
