//! A folder of traces of facts, which continues an interrupted run.

use std::path::{Path, PathBuf};

use rome_eval::trace::{KnownFact, Trace, TraceAverages, Tracer, averages_figure, averages_map};
use rome_files::{Claim, read_bounded};
use serde_json::{Value, json};

use super::error::TraceError;
use crate::{Error, write_picture};

/// A trace of a thousand tokens in a hundred layers has two megabytes.
const MAX_FILE: u64 = 64 << 20;

/// A folder of traces that no other process writes to.
pub(super) struct TraceFolder {
    path: PathBuf,
    _claim: Claim,
}

impl TraceFolder {
    /// Makes a folder for the traces of a run, or goes on in the one of a run that was the same.
    ///
    /// # Errors
    /// [`TraceError::OtherTraces`] when that run was another one, and when nothing can be written there.
    pub(super) fn open(path: &Path, run: &Value) -> Result<Self, Error> {
        rome_files::make_folder(path)?;
        let claim = Claim::take_folder(path, "")?;
        let record = path.join("run.json");
        match read_bounded(&record, MAX_FILE) {
            Err(error) if error.is_not_found() => {
                rome_files::write(&record, format!("{run:#}\n").as_bytes())?;
            }
            there => match serde_json::from_slice::<Value>(&there?) {
                Ok(there) if there == *run => {}
                _ => return Err(TraceError::OtherTraces { path: record }.into()),
            },
        }
        Ok(Self { path: path.to_owned(), _claim: claim })
    }

    /// The trace of a fact, if an interrupted run has left it.
    pub(super) fn load(&self, fact: &KnownFact, tracer: &Tracer<'_>) -> Option<Trace> {
        let bytes = read_bounded(&self.file(fact, tracer), MAX_FILE).ok()?;
        let trace: Trace = serde_json::from_slice(&bytes).ok()?;
        let (prompt, n_layers) = (tracer.prompt, tracer.model.shape().n_layers);
        let is_whole = trace.scores.iter().all(|row| row.len() == n_layers)
            && [trace.scores.len(), trace.tokens.len()] == [prompt.tokens.len(); 2];
        let is_this = (&trace.prompt, &trace.subject, trace.kind)
            == (&prompt.text, &prompt.subject_text, tracer.config.kind)
            && trace.subject_range == [prompt.subject.start, prompt.subject.end]
            && prompt.answer.as_ref().is_none_or(|answer| answer.text == trace.answer);
        (is_whole && is_this).then_some(trace)
    }

    /// Keeps the trace of a fact.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn save(&self, fact: &KnownFact, tracer: &Tracer<'_>, trace: &Trace) -> Result<(), Error> {
        Ok(rome_files::write(&self.file(fact, tracer), format!("{}\n", json!(trace)).as_bytes())?)
    }

    fn file(&self, fact: &KnownFact, tracer: &Tracer<'_>) -> PathBuf {
        self.path.join(format!("fact_{}_{}.json", fact.known_id, tracer.config.kind.name()))
    }

    /// Writes averages and their pictures, which call the model `label`.
    ///
    /// # Errors
    /// When they cannot be drawn or written.
    pub(super) fn write(&self, averages: &[TraceAverages], label: &str) -> Result<(), Error> {
        let json = format!("{:#}\n", json!(averages));
        rome_files::write(&self.path.join("averages.json"), json.as_bytes())?;
        for average in averages {
            let name = format!("averages_{}", average.kind.name());
            write_picture(&self.path, &name, &averages_map(average, label).to_svg()?)?;
        }
        write_picture(&self.path, "averages", &averages_figure(averages, label)?)
    }
}
