//! What goes to standard output, to standard error and to files.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rome_files::{Claim, FileError, folder_of, target_of, temporary_in};
use rome_stats::Shard;
use serde::Serialize;

use crate::error::CliError;
use crate::log;

/// Prints a line of data. A reader that has gone away is no error.
pub(crate) fn line(text: impl AsRef<str>) -> Result<()> {
    match writeln!(io::stdout(), "{}", text.as_ref()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot write to standard output"),
    }
}

/// Prints one JSON object.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    line(serde_json::to_string(value)?)
}

/// Says on standard error what a user may want to know.
pub(crate) fn note(text: impl AsRef<str>) {
    tracing::info!("{}", text.as_ref());
}

/// Says on standard error what a user should know.
pub(crate) fn warning(text: impl AsRef<str>) {
    tracing::warn!("{}", text.as_ref());
}

/// Highlights text if standard output is a terminal that may have colour.
pub(crate) fn bold(text: &str) -> String {
    match log::has_colour(&io::stdout()) {
        true => format!("\x1b[1m{text}\x1b[0m"),
        false => text.to_owned(),
    }
}

/// A progress bar on standard error. It shows itself after a second, and only on a terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
    start: Instant,
    shown: bool,
}

impl Progress {
    /// Starts a bar of `len` units, drawn by a template of indicatif.
    pub(crate) fn new(len: u64, template: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(len), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        Self { bar, start: Instant::now(), shown: false }
    }

    /// Counts from a position on, which does not tell how long the rest will take.
    pub(crate) fn start_at(&mut self, position: u64) {
        self.bar.set_position(position);
        self.bar.reset_eta();
    }

    /// Goes to a position, with a message that is made only if somebody sees it.
    pub(crate) fn set_with(&mut self, position: u64, message: impl FnOnce() -> String) {
        match io::stderr().is_terminal() && !log::is_quiet() {
            true => self.set(position, message()),
            false => self.bar.set_position(position),
        }
    }

    /// Goes to a position, with a message.
    pub(crate) fn set(&mut self, position: u64, message: impl Into<String>) {
        if !self.shown && !log::is_quiet() && self.start.elapsed() > Duration::from_secs(1) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.shown = true;
        }
        self.bar.set_message(message.into());
        self.bar.set_position(position);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Checks that a file can be written at `path`, before work is spent on its content.
pub(crate) fn check_writable(path: &Path) -> Result<()> {
    let path = target_of(path)?;
    let folder = folder_of(&path);
    if !folder.is_dir() {
        let message = format!("the folder {} does not exist", folder.display());
        return Err(CliError::with_hint(message, "make the folder first, or give another place with -o"));
    }
    if path.exists() && !path.is_file() {
        let message = format!("{} is not a file that can be replaced", path.display());
        return Err(CliError::with_hint(message, "give the name of a file with -o"));
    }
    temporary_in(&folder)?;
    Ok(())
}

/// Makes a folder for files, in one that exists, and checks that they can be written there.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    if !folder.exists() {
        check_writable(folder)?;
        std::fs::create_dir(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    if !folder.is_dir() {
        let message = format!("{} is not a folder", folder.display());
        return Err(CliError::with_hint(message, "give the name of a folder with -o"));
    }
    check_writable(&folder.join("file"))
}

/// Keeps other processes from making the same file: what they save of it on the way is at the same place.
pub(crate) fn claim_file(path: &Path) -> Result<Claim> {
    let mut name = OsString::from(".rome-lock-");
    name.push(path.file_name().unwrap_or_default());
    match Claim::take(&path.with_file_name(name)) {
        Err(FileError::InUse(_)) => Err(FileError::InUse(path.to_owned()).into()),
        claim => Ok(claim?),
    }
}

/// Keeps other processes from doing the same in a folder, but for other shards of it.
pub(crate) fn claim(folder: &Path, shard: Option<Shard>) -> Result<Claim> {
    let shard = shard.map_or_else(String::new, |Shard { index, of }| format!("-{index}-of-{of}"));
    Ok(Claim::take(&folder.join(format!(".rome-lock{shard}")))?)
}

/// Writes a file as a whole or not at all: to a temporary one beside it, then by renaming.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(rome_files::write(path, bytes)?)
}

/// Does the same with what writes a file by itself, given the temporary one.
pub(crate) fn write_with(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let place = || format!("cannot write {}", path.display());
    rome_files::write_with(path, |temporary| write(temporary).with_context(place))
}

/// The size of a file as a person reads it.
pub(crate) fn size(n_bytes: u64) -> String {
    indicatif::HumanBytes(n_bytes).to_string()
}

/// The beginning of a hash, enough to tell it from others.
pub(crate) fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// A probability or a share as a person reads it.
pub(crate) fn percent(probability: f64) -> String {
    match 100.0 * probability {
        value if value < 0.05 => "0 %".to_owned(),
        value => format!("{value:.1} %"),
    }
}
