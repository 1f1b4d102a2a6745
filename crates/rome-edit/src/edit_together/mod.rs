//! Many facts edited at once, as a set: from the untouched weights, whatever their order.

mod again;
mod contexts;
mod error;
mod known_values;
mod report;
mod run;
mod settings;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rome_core::{MassConfig, Request};

pub use again::EditAgain;
pub use contexts::ContextGroups;
pub use error::TogetherError;
pub use report::{FactReport, TogetherOutcome, TogetherSeconds, VerifiedValue, WeightReport};
pub use settings::read_mass_settings;

/// Facts to edit together.
///
/// ```no_run
/// use rome_edit::{EditTogether, MassMethod, Session, requests, suggest_mass};
///
/// let mut session = Session::open("facts-gpt2")?;
/// let (config, _) = suggest_mass(session.model().lm().shape(), MassMethod::Memit);
/// let requests = requests::read("facts.jsonl".as_ref())?;
/// let output = Some("facts.safetensors".into());
/// let outcome = EditTogether { output, ..EditTogether::new(requests, config) }.run(&mut session, &mut ())?;
/// println!("{} of {} hold", outcome.held, outcome.n_facts);
/// # Ok::<(), rome_edit::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct EditTogether {
    /// The requests.
    pub requests: Vec<Request>,
    /// Others that could not be read, and why; they count as failed.
    pub left_out: Vec<String>,
    /// The method and its settings.
    pub config: MassConfig,
    /// Exactly these contexts; sampled from the model if there are none.
    pub contexts: Option<ContextGroups>,
    /// The seed of sampled contexts.
    pub seed: u64,
    /// Files to take values from.
    pub values: Vec<PathBuf>,
    /// Keeps the values in the file, so that the set can be changed without computing them again.
    pub keep_values: bool,
    /// The number of facts of a batch; all of them without it.
    pub batch: Option<usize>,
    /// The file of edits to write. Values are saved on the way, as `.partial` beside it.
    pub output: Option<PathBuf>,
    /// Leaves requests out that make no sense for the model.
    pub keep_going: bool,
    /// Goes on from the values that an interrupted run has left.
    pub resume: bool,
    /// No more work than this is lost to an interruption.
    pub save_every: Duration,
    /// When the run began, loading included.
    pub started: Instant,
}

impl EditTogether {
    /// Edits these requests and keeps the edits in the session alone.
    pub fn new(requests: Vec<Request>, config: MassConfig) -> Self {
        Self {
            requests,
            left_out: Vec::new(),
            config,
            contexts: None,
            seed: 0,
            values: Vec::new(),
            keep_values: true,
            batch: None,
            output: None,
            keep_going: false,
            resume: false,
            save_every: Duration::from_secs(10),
            started: Instant::now(),
        }
    }
}
