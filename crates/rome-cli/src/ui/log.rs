//! Writes notes, warnings and debug lines to standard error.
//!
//! Notes and warnings are for the user and are shown unless `--quiet`; what other levels and other
//! crates say is shown as `RUST_LOG` asks for it.

use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{self as layer, FmtContext};
use tracing_subscriber::registry::LookupSpan;

static QUIET: AtomicBool = AtomicBool::new(false);

/// Starts it. `RUST_LOG` wins over what is shown by default, and over `--quiet`.
pub(crate) fn start(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
    let default = if quiet { "error" } else { "rome=info" };
    let filter = match std::env::var("RUST_LOG") {
        Ok(directives) if !directives.is_empty() => EnvFilter::try_new(directives).unwrap_or_else(|error| {
            eprintln!("warning: RUST_LOG is invalid: {error}");
            EnvFilter::new(default)
        }),
        _ => EnvFilter::new(default),
    };
    layer::Subscriber::builder().with_env_filter(filter).with_writer(io::stderr).event_format(Plain).init();
}

/// True if progress is not to be shown.
pub(crate) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// True if a stream is a terminal that may have colour.
pub(crate) fn has_colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// `warning: what is the matter`, and the crate it comes from where that is not ours.
struct Plain;

impl<S: Subscriber + for<'a> LookupSpan<'a>, N: for<'a> FormatFields<'a> + 'static> FormatEvent<S, N>
    for Plain
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let (name, colour) = match *event.metadata().level() {
            Level::ERROR => ("error", 31),
            Level::WARN => ("warning", 33),
            Level::INFO => ("note", 36),
            Level::DEBUG => ("debug", 2),
            Level::TRACE => ("trace", 2),
        };
        if has_colour(&io::stderr()) {
            write!(writer, "\x1b[{colour}m{name}\x1b[0m: ")?
        } else {
            write!(writer, "{name}: ")?
        }
        let target = event.metadata().target();
        if !target.starts_with("rome") {
            write!(writer, "{target}: ")?;
        }
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
