//! The values that facts are to have: z, the output of the last edited block that makes the model predict a target.

use std::ops::{ControlFlow, Range};
use std::sync::{Mutex, PoisonError};

use super::climb::together;
use super::config::MassConfig;
use crate::forward::Workers;
use crate::math::norm;
use crate::method::value::{Capture, CapturedRequest, ShiftedPart, Value, ValueOptimizer};
use crate::method::{EditError, Losses};
use crate::model::CausalLm;
use crate::observer::{Event, Observer, Progress, Stopped, Unit};
use crate::request::TokenizedRequest;

/// More tokens than this keep every worker busy.
const PLENTY: usize = 1 << 20;

/// The value that a fact is to have, and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetValue {
    /// z, the output of the last edited block at the subject's last token, `[d_model]`.
    pub value: Vec<f32>,
    /// `‖δ‖ / ‖target_init‖`, how far that is from what the block puts out now.
    pub relative_change: f64,
    /// The losses of each step.
    pub losses: Vec<Losses>,
}

/// The computation of values: each by itself, on one model.
///
/// (`compute_z.py` of MEMIT. δ is added to the block's output, whose norm scales decay and clamp.)
#[derive(Clone, Copy)]
pub struct TargetValues<'a> {
    /// The model, which is not changed.
    pub model: &'a dyn CausalLm,
    /// The settings.
    pub config: &'a MassConfig,
    /// All requests.
    pub requests: &'a [TokenizedRequest],
}

impl TargetValues<'_> {
    /// Computes the values of some of the requests, and tells `observer` of each step and each value.
    ///
    /// # Errors
    /// [`EditError`] when a value is not finite, or `observer` stops it.
    ///
    /// # Panics
    /// If there are fewer requests.
    pub fn run(
        &self,
        range: Range<usize>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<TargetValue>, EditError> {
        let Self { model, requests, .. } = *self;
        let Some(last) = self.config.layers.last().copied() else { return Ok(Vec::new()) };
        let n_wanted = range.len();
        let device = model.device();
        let workers = Workers::new(&device, PLENTY, n_wanted.max(1));
        let state = SharedState { inner: observer, n_done: range.start as u64, is_stopped: false };
        let shared = SharedObserver { state: Mutex::new(state), total: requests.len() as u64 };
        let packs: Vec<&[TokenizedRequest]> = requests[range].chunks(together(&device)).collect();
        let values = workers.queue(packs, |pack| {
            let values = self.optimise(pack, last, &mut &shared)?;
            shared.finished(values.len())?;
            Ok::<_, EditError>(values)
        });
        let values: Vec<Vec<TargetValue>> = values.into_iter().collect::<Result<_, _>>()?;
        Ok(values.into_iter().flatten().collect())
    }

    fn optimise(
        &self,
        pack: &[TokenizedRequest],
        layer: usize,
        observer: &mut dyn Observer,
    ) -> Result<Vec<TargetValue>, EditError> {
        let model = self.model;
        let capture = Capture::together(model, pack, (layer, ShiftedPart::Block), None);
        let scales: Vec<f64> = capture.requests.iter().map(|request| norm(&request.clean_value)).collect();
        let settings = self.config.value_settings();
        let optimizer = ValueOptimizer { model, capture: &capture, layer, scales: &scales, settings };
        let values = optimizer.run(observer)?;
        let value = |((value, captured), scale): ((Value, &CapturedRequest), &f64)| {
            value.check()?;
            let sum = captured.clean_value.iter().zip(&value.delta).map(|(init, delta)| init + delta);
            let relative_change = norm(&value.delta) / scale;
            Ok(TargetValue { value: sum.collect(), relative_change, losses: value.losses })
        };
        values.into_iter().zip(&capture.requests).zip(&scales).map(value).collect()
    }
}

/// An observer that several workers tell. Once it stops one of them, it stops all.
struct SharedObserver<'a> {
    state: Mutex<SharedState<'a>>,
    total: u64,
}

struct SharedState<'a> {
    inner: &'a mut dyn Observer,
    n_done: u64,
    is_stopped: bool,
}

impl SharedObserver<'_> {
    /// Tells that the values of some more requests are done.
    fn finished(&self, n: usize) -> Result<(), Stopped> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.n_done += n as u64;
        let progress = Progress { unit: Unit::Values, done: state.n_done, total: self.total, detail: "" };
        state.inner.tell(Event::Progress(progress))
    }
}

impl Observer for &SharedObserver<'_> {
    fn event(&mut self, event: Event<'_>) -> ControlFlow<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.is_stopped {
            state.is_stopped = state.inner.event(event).is_break();
        }
        if state.is_stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
