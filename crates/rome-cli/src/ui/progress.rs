//! Progress on standard error, and the way to stop.

use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::time::Duration;

use indicatif::{ProgressDrawTarget, ProgressStyle};
use rome_edit::{Event, Observer, Progress, Step, Unit};

use super::{interrupt, log};

/// The time that work takes before its progress is shown.
const PATIENCE: Duration = Duration::from_secs(1);

/// A bar for whatever is at work, which Ctrl-C stops at its next step. It shows itself after a second, and
/// only on a terminal.
pub(crate) struct ProgressBar {
    bar: Option<Bar>,
}

/// The bar of one unit of work.
struct Bar {
    bar: indicatif::ProgressBar,
    unit: Unit,
    done: u64,
    total: u64,
    detail: String,
}

impl ProgressBar {
    /// Starts with nothing to show.
    pub(crate) fn new() -> Self {
        interrupt::listen();
        Self { bar: None }
    }

    fn progress(&mut self, progress: Progress<'_>) {
        let is_same = |bar: &Bar| {
            // Files that are fetched one after the other have a bar each.
            bar.unit == progress.unit
                && bar.total == progress.total
                && (bar.unit != Unit::FetchedBytes || bar.detail == progress.detail)
        };
        let mut bar = self.bar.take().filter(is_same).unwrap_or_else(|| Bar::new(progress));
        bar.done = progress.done;
        progress.detail.clone_into(&mut bar.detail);
        bar.show(bar.done, bar.total, bar.message());
        self.bar = Some(bar);
    }

    /// Of a request, each evaluation counts.
    fn step(&mut self, step: Step<'_>) {
        let text = format!("layer {} loss {:.3}", step.layer, step.losses.total);
        let Some(bar) = self.bar.as_ref().filter(|bar| bar.unit == Unit::Requests) else { return };
        let evaluations = step.most_steps as u64;
        let place = match bar.total {
            1 => String::new(),
            n => format!("request {} of {n}, ", bar.done + 1),
        };
        let position = bar.done * evaluations + step.step as u64;
        bar.show(position, bar.total * evaluations, format!("{place}{text}"));
    }
}

impl Observer for ProgressBar {
    fn event(&mut self, event: Event<'_>) -> ControlFlow<()> {
        match event {
            Event::Progress(progress) => self.progress(progress),
            Event::Step(step) => self.step(step),
            _ => {}
        }
        if interrupt::is_asked_for() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Bar {
    fn new(progress: Progress<'_>) -> Self {
        let bar =
            indicatif::ProgressBar::with_draw_target(Some(progress.total), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template(template(progress.unit)) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        // What was there before does not tell how long the rest will take.
        bar.set_position(progress.done);
        bar.reset_eta();
        Self {
            bar,
            unit: progress.unit,
            done: progress.done,
            total: progress.total,
            detail: progress.detail.to_owned(),
        }
    }

    fn message(&self) -> String {
        match self.unit {
            Unit::FetchedBytes => format!("fetching {}", self.detail),
            Unit::ModelBytes => "reading the model".to_owned(),
            _ => self.detail.clone(),
        }
    }

    fn show(&self, position: u64, total: u64, message: String) {
        let is_wanted = !log::is_quiet() && io::stderr().is_terminal();
        if self.bar.is_hidden() && is_wanted && self.bar.elapsed() > PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_length(total);
        self.bar.set_message(message);
        self.bar.set_position(position);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The line of a progress bar, as a template of indicatif.
fn template(unit: Unit) -> &'static str {
    match unit {
        Unit::FetchedBytes | Unit::ModelBytes => "{bar:30} {bytes} of {total_bytes} · {msg} · {eta} left",
        Unit::Records | Unit::Facts => "{bar:30} {pos} of {len} · {msg} · {eta} left",
        Unit::Values => "{bar:30} {pos} of {len} facts · {eta} left",
        Unit::Layers => "{bar:30} layer {pos} of {len}",
        Unit::Tensors => "{bar:30} {pos} of {len} tensors · {msg}",
        Unit::Tests => "{bar:30} {pos} of {len} · {msg}",
        Unit::Cells | Unit::Prompts => "{bar:30} {percent}% · {eta} left",
        _ => "{bar:30} {percent}% · {msg} · {eta} left",
    }
}
