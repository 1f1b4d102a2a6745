//! Counts the cells of a trace that are done, across the threads that run them.

use std::sync::Mutex;

use rome_core::{Event, Observer, Progress, Stopped, Unit};

/// Counts cells of all samples on all threads, tells an observer of them, and keeps whether it has stopped
/// the work.
pub(super) struct CellCounter<'a> {
    n_cells: usize,
    n_samples: usize,
    count: Mutex<Count<'a>>,
}

struct Count<'a> {
    observer: &'a mut dyn Observer,
    /// Over all samples.
    done: usize,
    stopped: Option<Stopped>,
}

impl<'a> CellCounter<'a> {
    /// Starts to count `n_cells`, each of them in some samples.
    ///
    /// # Errors
    /// [`Stopped`] when the observer wants nothing done.
    pub(super) fn start(
        observer: &'a mut dyn Observer,
        n_cells: usize,
        n_samples: usize,
    ) -> Result<Self, Stopped> {
        let counter =
            Self { n_cells, n_samples, count: Mutex::new(Count { observer, done: 0, stopped: None }) };
        counter.add(0, 0)?;
        Ok(counter)
    }

    /// Adds cells that are done in some of the samples.
    ///
    /// # Errors
    /// [`Stopped`] when the observer has stopped the work, on this thread or on another.
    pub(super) fn add(&self, n_cells: usize, n_samples: usize) -> Result<(), Stopped> {
        // Another thread has panicked, and the work ends with it.
        let Ok(mut count) = self.count.lock() else { return Err(Stopped) };
        if let Some(stopped) = count.stopped {
            return Err(stopped);
        }
        count.done += n_cells * n_samples;
        let done = (count.done / self.n_samples.max(1)) as u64;
        let progress = Progress { unit: Unit::Cells, done, total: self.n_cells as u64, detail: "" };
        let told = count.observer.tell(Event::Progress(progress));
        count.stopped = told.err();
        told
    }
}
