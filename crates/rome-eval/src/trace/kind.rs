//! The outputs that a trace restores.

use rome_core::Part;
use serde::{Deserialize, Serialize};

/// The outputs that a trace restores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TraceKind {
    /// The output of one whole block.
    State,
    /// The outputs of the MLPs of some layers around one.
    Mlp,
    /// The outputs of attention of some layers around one.
    Attn,
}

impl TraceKind {
    /// All of them, in the paper's order.
    pub const ALL: [Self; 3] = [Self::State, Self::Mlp, Self::Attn];

    pub(super) fn part(self) -> Part {
        match self {
            Self::State => Part::Block,
            Self::Mlp => Part::Mlp,
            Self::Attn => Part::Attention,
        }
    }

    /// The name in files and options.
    pub fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Mlp => "mlp",
            Self::Attn => "attn",
        }
    }
}
