//! Long work as others see it: what happens, and a way to stop it.

use std::ops::ControlFlow;
use std::path::Path;

use thiserror::Error;

use crate::edit::Outcome;
use crate::method::Losses;
use crate::statistics::Convergence;

/// Watches long work, and can stop it.
///
/// Work that is stopped ends at the next step, batch or cell with [`Stopped`]. The model is then as it
/// was before the request in hand, and what was saved stays.
///
/// `()` lets everything pass, and any `FnMut(Event) -> ControlFlow<()>` is an observer:
///
/// ```
/// use std::ops::ControlFlow;
///
/// use rome_core::{Event, Observer};
///
/// let mut n_steps = 0;
/// let mut until_five = |event: Event<'_>| {
///     n_steps += usize::from(matches!(event, Event::Step(_)));
///     if n_steps < 5 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
/// };
/// let observer: &mut dyn Observer = &mut until_five;
/// ```
pub trait Observer: Send {
    /// Receives an event, and says whether the work goes on.
    fn event(&mut self, _event: Event<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl Observer for () {}

impl<F: FnMut(Event<'_>) -> ControlFlow<()> + Send> Observer for F {
    fn event(&mut self, event: Event<'_>) -> ControlFlow<()> {
        self(event)
    }
}

impl dyn Observer + '_ {
    /// Tells of an event.
    ///
    /// # Errors
    /// [`Stopped`] if the work is not to go on.
    pub fn tell(&mut self, event: Event<'_>) -> Result<(), Stopped> {
        match self.event(event) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Stopped),
        }
    }
}

/// An event during long work.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A part of the work begins or has been done.
    Progress(Progress<'a>),
    /// The loss of a value was evaluated.
    Step(Step<'a>),
    /// A request was edited; its number, from 0.
    Edited {
        /// The number of the request, from 0.
        request: usize,
        /// The outcome of the edit.
        outcome: &'a Outcome,
    },
    /// A collection of statistics was saved, to continue from.
    Saved {
        /// The file.
        path: &'a Path,
        /// The number of documents so far.
        documents: u64,
        /// The number of tokens in these documents.
        tokens: u64,
        /// The number of tokens a second.
        tokens_per_second: f64,
        /// The change by the last doubling of the tokens, at the layer where it is largest; nothing before
        /// the first one.
        convergence: Option<Convergence>,
    },
}

/// The progress of work.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The unit of the counts.
    pub unit: Unit,
    /// The number of units that are done.
    pub done: u64,
    /// The number of units in all.
    pub total: u64,
    /// The current item: a file, a request, scores so far.
    pub detail: &'a str,
}

/// A unit that progress is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Bytes of a file that is fetched from the hub.
    FetchedBytes,
    /// Bytes of a model's files that are read.
    ModelBytes,
    /// Bytes of text that statistics are collected over.
    TextBytes,
    /// Shards of statistics to add up.
    Shards,
    /// Requests to edit.
    Requests,
    /// Values of requests that are edited together.
    Values,
    /// Layers that are solved for.
    Layers,
    /// Records to evaluate.
    Records,
    /// Facts to trace.
    Facts,
    /// Prompts to ask in an audit.
    Prompts,
    /// Tokens and layers of a trace.
    Cells,
    /// Tensors to compare.
    Tensors,
    /// Models on devices to test.
    Tests,
}

/// An evaluation of the loss of a value.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// The layer that is edited.
    pub layer: usize,
    /// The step, from 0.
    pub step: usize,
    /// The maximum number of steps.
    pub most_steps: usize,
    /// The losses of the step.
    pub losses: &'a Losses,
}

/// Work was stopped by its [`Observer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("stopped")]
pub struct Stopped;
