//! A collection under way.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rome_core::{Convergence, Event, ModelHash, Observer, Progress, Stopped, Unit};
use rome_stats::{Collector, Document};

use super::error::StatisticsError;
use super::file::write_with;
use super::picture::convergence_picture;
use super::save_every::SaveSchedule;
use crate::error::Error;

/// When there has been enough text; never before its end by default.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StopRule {
    /// After this many documents of the corpus.
    pub(super) limit: Option<u64>,
    /// Once a doubling of the text has changed the directions of edits by no more than this at any layer.
    pub(super) until: Option<f32>,
}

/// A picture that follows a collection.
pub(super) struct Plot {
    path: PathBuf,
    n_points: usize,
}

/// A collection under way: it takes documents, tells how far it is, and saves its state.
pub(super) struct CollectionRun<'a> {
    pub(super) collector: Collector<'a>,
    pub(super) model_hash: &'a ModelHash,
    /// The file that its state is saved in.
    pub(super) state_file: &'a Path,
    pub(super) stop_rule: StopRule,
    pub(super) schedule: SaveSchedule,
    pub(super) plot: Option<Plot>,
    /// The size of the corpus.
    pub(super) n_bytes: u64,
    pub(super) start: Instant,
    /// The number of tokens that an earlier run took.
    pub(super) n_tokens_before: u64,
}

impl StopRule {
    fn is_met(self, collector: &Collector<'_>) -> bool {
        let has_settled = |limit| collector.last_convergence().is_some_and(|last| last.is_within(limit));
        self.limit.is_some_and(|limit| collector.n_seen() >= limit) || self.until.is_some_and(has_settled)
    }
}

impl Plot {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, n_points: 0 }
    }

    /// Draws curves, if they have more points than before.
    fn follow(&mut self, curves: &[(usize, &[Convergence])]) -> Result<(), Error> {
        let n_points = curves.iter().map(|(_, curve)| curve.len()).sum();
        if n_points > self.n_points {
            self.n_points = n_points;
            self.draw(curves)?;
        }
        Ok(())
    }

    /// Draws curves.
    pub(super) fn draw(&self, curves: &[(usize, &[Convergence])]) -> Result<(), Error> {
        Ok(rome_files::write(&self.path, convergence_picture(curves)?.as_bytes())?)
    }
}

impl CollectionRun<'_> {
    /// Takes a document, and says whether to go on. One that is stopped saves its state first.
    pub(super) fn take(
        &mut self,
        document: Document<'_>,
        observer: &mut dyn Observer,
    ) -> Result<ControlFlow<()>, Error> {
        // Asked before a document is taken, so that one that goes on ends where it would have ended.
        if document.part.is_first() && !self.collector.is_resuming() && self.stop_rule.is_met(&self.collector)
        {
            return Ok(ControlFlow::Break(()));
        }
        self.collector.add_part(document.text, document.part)?;
        let (done, total, detail) = (document.bytes_read, self.n_bytes, self.detail());
        let progress = Progress { unit: Unit::TextBytes, done, total, detail: &detail };
        let told = observer.tell(Event::Progress(progress));
        if self.collector.is_resuming() {
            // The saved state has more than there is now.
            told?;
            return Ok(ControlFlow::Continue(()));
        }
        if let Some(plot) = &mut self.plot {
            plot.follow(&self.collector.convergence().collect::<Vec<_>>())?;
        }
        if told.is_err() || self.schedule.is_due(self.collector.n_tokens()) {
            let saved = self.save(observer)?;
            told.and(saved)
                .map_err(|Stopped| StatisticsError::Interrupted { path: self.state_file.to_owned() })?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn detail(&self) -> String {
        if self.collector.is_resuming() {
            return "passing over what is known".to_owned();
        }
        let convergence = self.collector.last_convergence().map_or_else(String::new, |last| {
            format!(" · C ± {}, C⁻¹k ± {}", percent(last.second_moment), percent(last.direction))
        });
        let (n_tokens, n_documents) = (self.collector.n_tokens(), self.collector.n_documents());
        let rate = self.tokens_per_second();
        format!("{n_tokens} tokens of {n_documents} documents · {rate:.0} tokens/s{convergence}")
    }

    pub(super) fn tokens_per_second(&self) -> f64 {
        let n_tokens = self.collector.n_tokens() - self.n_tokens_before;
        n_tokens as f64 / self.start.elapsed().as_secs_f64().max(1e-9)
    }

    /// Writes the state.
    pub(super) fn write_state(&self) -> Result<(), Error> {
        write_with(self.state_file, |path| self.collector.state(self.model_hash).write(path))
    }

    /// Writes the state and tells of it.
    fn save(&self, observer: &mut dyn Observer) -> Result<Result<(), Stopped>, Error> {
        self.write_state()?;
        Ok(observer.tell(Event::Saved {
            path: self.state_file,
            documents: self.collector.n_documents(),
            tokens: self.collector.n_tokens(),
            tokens_per_second: self.tokens_per_second(),
            convergence: self.collector.last_convergence(),
        }))
    }
}

fn percent(share: f32) -> String {
    match 100.0 * f64::from(share) {
        value if value < 0.05 => "0 %".to_owned(),
        value => format!("{value:.1} %"),
    }
}
