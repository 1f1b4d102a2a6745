//! The part of a layer that δ is added to.

use crate::model::Part;

/// The part of the edited layer that δ is added to, whose output is the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShiftedPart {
    /// The MLP, as in ROME.
    Mlp,
    /// The whole block, as in MEMIT.
    Block,
}

impl ShiftedPart {
    pub(super) fn hook_part(self) -> Part {
        match self {
            Self::Mlp => Part::Mlp,
            Self::Block => Part::Block,
        }
    }
}
