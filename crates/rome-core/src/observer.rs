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

/// What happens during long work.
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
        /// What it came to.
        outcome: &'a Outcome,
    },
    /// A collection of statistics was saved, to go on from.
    Saved {
        /// The file.
        path: &'a Path,
        /// How many documents it has taken.
        documents: u64,
        /// How many tokens these have.
        tokens: u64,
        /// How many tokens it takes in a second.
        tokens_per_second: f64,
        /// How much the last doubling of the tokens has changed, at the layer where that is most; nothing
        /// before the first one.
        convergence: Option<Convergence>,
    },
}

/// How far work is.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// What is counted.
    pub unit: Unit,
    /// How many of them are done.
    pub done: u64,
    /// How many there are.
    pub total: u64,
    /// What is in hand: a file, a request, scores so far.
    pub detail: &'a str,
}

/// What the progress of work is counted in.
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
    /// How many steps there are at most.
    pub most_steps: usize,
    /// The losses of the step.
    pub losses: &'a Losses,
}

/// Work was stopped by its [`Observer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("stopped")]
pub struct Stopped;
