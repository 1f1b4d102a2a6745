//! Exit codes, and errors as a person reads them: one line of what and where, then a hint.

use std::process::ExitCode;

use rome_core::request::one_line;
use rome_edit::{Error, ErrorKind, Hint};

use crate::words;

/// The exit code of work that the user stopped, as shells have it for Ctrl-C.
pub(crate) const STOPPED: i32 = 130;

/// The exit code of a command that is done, and all of it succeeded or not.
pub(crate) fn exit_code(succeeded: bool) -> ExitCode {
    if succeeded { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// Prints an error and returns the exit code for it.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {}", message(error));
    eprintln!("hint: {}", words::hint(error));
    let kind = error.chain().find_map(|error| Some(error.downcast_ref::<Error>()?.kind()));
    match kind {
        Some(ErrorKind::Stopped) => ExitCode::from(STOPPED as u8),
        _ => ExitCode::from(2),
    }
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
    let tip = paragraphs.find_map(|lines| Some(lines.strip_prefix("tip: ")?.to_owned().into()));
    let hint = tip.or_else(|| words::in_our_words(std::error::Error::source(error)?));
    eprintln!("hint: {}", hint.unwrap_or_else(|| "see --help".into()));
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
