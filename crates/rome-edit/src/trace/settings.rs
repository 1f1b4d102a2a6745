//! The settings of the traces of a prompt.

use rome_eval::trace::{PathCut, TraceConfig, TraceKind};

use super::error::TraceError;

/// The settings of the traces of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceSettings {
    /// The outputs to restore: a trace is made for each kind.
    pub kinds: Vec<TraceKind>,
    /// The number of layers whose MLPs or attentions are restored at once.
    pub window: usize,
    /// The path that is cut where a state is restored, if one is.
    pub cut: Option<PathCut>,
    /// The number of times that the prompt is corrupted.
    pub samples: usize,
}

impl Default for TraceSettings {
    /// States, ten samples and windows of ten layers, as in the paper.
    fn default() -> Self {
        Self { kinds: vec![TraceKind::State], window: 10, cut: None, samples: 10 }
    }
}

impl TraceSettings {
    /// The choices of the trace of each kind.
    ///
    /// # Errors
    /// [`TraceError::CutWithoutState`]
    pub(super) fn configs(&self) -> Result<Vec<TraceConfig>, TraceError> {
        if self.cut.is_some() && self.kinds != [TraceKind::State] {
            return Err(TraceError::CutWithoutState);
        }
        let config = |&kind: &TraceKind| TraceConfig { kind, window: self.window, cut: self.cut };
        Ok(self.kinds.iter().map(config).collect())
    }
}
