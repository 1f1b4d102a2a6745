//! `rome edit combine`, `scale` and `drop`

use std::path::Path;

use anyhow::Result;
use rome_core::EditFile;

use crate::args::{CombineArgs, DropArgs, ScaleArgs};
use crate::commands::edit::show::count;
use crate::edits::{self, Edits};
use crate::error::Outcome;
use crate::output::{self, note};

pub(crate) fn combine(args: &CombineArgs) -> Result<Outcome> {
    let edits = Edits::read(&args.files, args.force)?;
    if let Some(part) = edits.file.parts.first() {
        edits.check(&part.record.model_hash)?;
    }
    write(&edits.file, &args.output)
}

pub(crate) fn scale(args: &ScaleArgs) -> Result<Outcome> {
    let mut file = edits::read(&args.file)?;
    file.scale(args.by);
    write(&file, &args.output)
}

pub(crate) fn drop(args: &DropArgs) -> Result<Outcome> {
    let mut file = edits::read(&args.file)?;
    file.drop_edit(args.number)?;
    if args.number < file.edits().count() {
        note("what comes after it stays as it was computed, perhaps on top of it");
    }
    write(&file, &args.output)
}

fn write(file: &EditFile, path: &Path) -> Result<Outcome> {
    let bytes = file.to_bytes()?;
    output::write_file(path, &bytes)?;
    let size = output::size(bytes.len() as u64);
    output::line(format!("wrote {} to {} ({size})", count(file.edits().count(), "edit"), path.display()))?;
    Ok(Outcome::Done)
}
