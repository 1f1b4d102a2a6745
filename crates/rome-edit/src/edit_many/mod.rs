//! Many requests edited in order, past failures, with saves, resumption and a watch on the model.

mod batch;
pub(crate) mod health;
pub(crate) mod partial;
pub(crate) mod report;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rome_core::Request;

use crate::error::Error;
use crate::requests;

pub use health::Health;
pub use report::{BatchOutcome, EditReport, FailedRequest, FlopReport, Inflation, Seconds};

/// A run over many requests, edited in order.
///
/// ```no_run
/// use rome_edit::{EditMany, Session};
///
/// let mut session = Session::open("facts-gpt2")?;
/// let requests = rome_edit::requests::read("facts.jsonl".as_ref())?;
/// let output = Some("facts.safetensors".into());
/// let many = EditMany { keep_going: true, output, ..EditMany::new(requests) };
/// let outcome = session.edit_many(&many, &mut ())?;
/// println!("{} of {} hold", outcome.held, many.requests.len());
/// # Ok::<(), rome_edit::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct EditMany {
    /// The requests, in order.
    pub requests: Vec<Request>,
    /// Others that could not be read, and why; they count as failed.
    pub left_out: Vec<String>,
    /// The file of edits to write. What there is of it on the way is saved beside it, as `.partial`.
    pub output: Option<PathBuf>,
    /// Goes on after a request that fails.
    pub keep_going: bool,
    /// Goes on when the model has collapsed.
    pub allow_collapse: bool,
    /// Goes on from what an interrupted run has left.
    pub resume: bool,
    /// No more work than this is lost to an interruption, but for the request being edited.
    pub save_every: Duration,
    /// When the run began, loading included.
    pub started: Instant,
}

impl EditMany {
    /// Edits these requests and keeps the edits in the session alone.
    pub fn new(requests: Vec<Request>) -> Self {
        Self {
            requests,
            left_out: Vec::new(),
            output: None,
            keep_going: false,
            allow_collapse: false,
            resume: false,
            save_every: Duration::from_secs(10),
            started: Instant::now(),
        }
    }

    /// Edits the requests of a file; with `keep_going`, those that cannot be read are left out.
    ///
    /// # Errors
    /// When the file is not there or has no requests, or one of them cannot be read and is not left out.
    pub fn read(path: &Path, keep_going: bool) -> Result<Self, Error> {
        let (mut read, mut left_out) = (Vec::new(), Vec::new());
        for request in requests::read_each(path)? {
            match request {
                Ok(request) => read.push(request),
                Err(error) if keep_going => left_out.push(error),
                Err(error) => return Err(error),
            }
        }
        if read.is_empty() {
            left_out.pop().map_or(Ok(()), Err)?;
        }
        let left_out = left_out.iter().map(|error| {
            tracing::warn!("left out: {error}");
            error.to_string()
        });
        Ok(Self { left_out: left_out.collect(), keep_going, ..Self::new(read) })
    }

    /// True if there are several, so that the run is saved on the way and the model is watched.
    fn is_long(&self) -> bool {
        self.requests.len() > 1
    }
}
