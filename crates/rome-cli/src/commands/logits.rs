//! `rome logits`

use anyhow::Result;
use rome_edit::files::{check_writable, write};
use rome_edit::logits_file;

use crate::args::LogitsArgs;
use crate::ui::ProgressBar;

pub(crate) fn run(args: &LogitsArgs) -> Result<()> {
    check_writable(&args.output)?;
    let (model, _) = args.edits.load_edited(&args.model, &mut ProgressBar::new())?;
    Ok(write(&args.output, &logits_file(&model, &args.tokens)?)?)
}
