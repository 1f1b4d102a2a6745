//! The choices of a trace.

use std::ops::Range;

use rome_core::Part;

use super::kind::TraceKind;

/// The choices of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceConfig {
    /// The outputs to restore.
    pub kind: TraceKind,
    /// The number of layers whose MLPs or attentions are restored at once.
    pub window: usize,
    /// The path that is cut, if one is.
    pub cut: Option<PathCut>,
}

/// A path that is cut: where a state is restored, the outputs of these modules at the same token stay those
/// of the corrupted run, at all layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathCut {
    /// The modules: MLPs or attention.
    pub kind: TraceKind,
    /// The noise of that corrupted run.
    pub noise: CutNoise,
}

/// The noise under which the outputs on a cut path are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutNoise {
    /// The same as in the rest of the run.
    Same,
    /// Another draw than in the rest of the run, as in `trace_with_repatch` of the reference, whose second
    /// pass draws again.
    Other,
}

impl TraceConfig {
    /// Traces one kind, in windows of ten layers as in the paper.
    pub fn new(kind: TraceKind) -> Self {
        Self { kind, window: 10, cut: None }
    }

    /// The number of layers that are restored at once.
    pub fn n_restored(&self) -> usize {
        match self.kind {
            TraceKind::State => 1,
            TraceKind::Mlp | TraceKind::Attn => self.window,
        }
    }

    /// The layers whose modules are restored around one: `[l − ⌊w/2⌋, l + ⌈w/2⌉)`, cut to the network.
    pub(super) fn restored_layers(&self, layer: usize, n_layers: usize) -> Range<usize> {
        layer.saturating_sub(self.window / 2)..(layer + self.window.div_ceil(2)).min(n_layers)
    }

    /// The part whose outputs stay those of a corrupted run.
    pub(super) fn cut_part(&self) -> Option<Part> {
        self.cut.map(|cut| cut.kind.part())
    }

    /// True if outputs on the cut path are computed under other noise.
    pub(super) fn has_other_noise(&self) -> bool {
        matches!(self.cut, Some(PathCut { noise: CutNoise::Other, .. }))
    }
}
