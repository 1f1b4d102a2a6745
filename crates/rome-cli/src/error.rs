//! Errors as a person reads them: one line of what and where, then a hint.

use std::process::ExitCode;

use rome_core::config::ConfigError;
use rome_core::context::SampleError;
use rome_core::edit::EditError;
use rome_core::edit_file::EditFileError;
use rome_core::generate::NotFiniteLogits;
use rome_core::low_rank::LowRankError;
use rome_core::request::{RequestError, one_line};
use rome_core::solve::SolveError;
use rome_core::tokens::TokenError;
use rome_core::update::UpdateError;
use rome_device::DeviceError;
use rome_eval::EvalError;
use rome_export::ExportError;
use rome_files::FileError;
use rome_ledger::LedgerError;
use rome_models::ModelError;
use rome_plot::PlotError;
use rome_session::SessionError;
use rome_stats::StatsError;

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done.
    Done,
    /// Done, but the edit did not take.
    NotTaken,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => ExitCode::SUCCESS,
            Outcome::NotTaken => ExitCode::from(1),
        }
    }
}

/// An error of the command line itself.
pub(crate) struct CliError;

impl CliError {
    pub(crate) fn with_hint(message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
        SessionError::new(message, hint).into()
    }
}

/// Prints an error and returns the exit code for it.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {}", message(error));
    let hint = error.chain().find_map(hint);
    eprintln!("hint: {}", hint.as_deref().unwrap_or("check that the place exists, has room and may be used"));
    ExitCode::from(2)
}

/// Prints what clap has to say: help as it is, a mistake as one line and a hint.
pub(crate) fn report_usage(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let shown = error.print();
        return if error.use_stderr() || shown.is_err() { ExitCode::from(2) } else { ExitCode::SUCCESS };
    }
    let text = error.render().to_string();
    let mut paragraphs =
        text.split("\n\n").map(|lines| lines.split_whitespace().collect::<Vec<_>>().join(" "));
    eprintln!("{}", paragraphs.next().unwrap_or_default());
    let tip = paragraphs.find_map(|lines| Some(lines.strip_prefix("tip: ")?.to_owned()));
    eprintln!("hint: {}", tip.unwrap_or_else(|| "see --help for what there is".to_owned()));
    ExitCode::from(2)
}

/// Joins the chain of causes, leaving out those that the one before has said already.
fn message(error: &anyhow::Error) -> String {
    let mut message = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if message.is_empty() {
            message = cause;
        } else if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    // Whatever a file made an error say, it stays one line.
    one_line(&message.replace(['\n', '\r'], " "))
}

fn hint(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    macro_rules! hints {
        ($($kind:ty),*) => {
            $(if let Some(error) = error.downcast_ref::<$kind>() {
                return Some(error.hint().to_owned());
            })*
        };
    }
    hints!(
        ConfigError,
        DeviceError,
        EditError,
        EditFileError,
        EvalError,
        ExportError,
        FileError,
        LedgerError,
        LowRankError,
        NotFiniteLogits,
        RequestError,
        SampleError,
        SolveError,
        TokenError,
        UpdateError,
        ModelError,
        PlotError,
        SessionError,
        StatsError
    );
    None
}
