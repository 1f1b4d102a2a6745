//! The time of a run of tracing.

use std::time::Duration;

use serde::Serialize;

/// The time that each part of a run took, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TraceSeconds {
    /// Loading.
    pub load: f64,
    /// Tracing.
    pub trace: f64,
}

impl TraceSeconds {
    pub(super) fn new(load: Duration, trace: Duration) -> Self {
        Self { load: load.as_secs_f64(), trace: trace.as_secs_f64() }
    }
}
