//! `rome edit combine`, `scale`, `drop` and `import`

use std::path::Path;

use anyhow::Result;
use rome_edit::{EditFile, Error, ImportEdits, edits, files};

use crate::args::{CombineArgs, DropArgs, ImportArgs, ScaleArgs};
use crate::inputs::other_model;
use crate::ui::{self, ProgressBar};

pub(crate) fn combine(args: &CombineArgs) -> Result<()> {
    let file = edits::read_all(&args.files)?;
    if let Some(part) = file.parts.first() {
        edits::check_model(&file, &part.record.model_hash, other_model(args.force))?;
    }
    write(&file, &args.output)
}

pub(crate) fn scale(args: &ScaleArgs) -> Result<()> {
    let mut file = edits::read(&args.file)?;
    file.scale(args.by);
    write(&file, &args.output)
}

pub(crate) fn drop(args: &DropArgs) -> Result<()> {
    let mut file = edits::read(&args.file)?;
    file.drop_edit(args.number).map_err(Error::from)?;
    if args.number < file.n_edits() {
        tracing::info!("later edits stay as they were computed, possibly on top of it");
    }
    write(&file, &args.output)
}

pub(crate) fn import(args: ImportArgs) -> Result<()> {
    let ImportArgs { file, model, output, tolerance, transposed } = args;
    files::check_writable(&output)?;
    let imported = ImportEdits { file, model, tolerance, transposed }.run(&mut ProgressBar::new())?;
    let bytes = imported.file.to_bytes().map_err(Error::from)?;
    files::write(&output, &bytes)?;
    for weight in &imported.weights {
        let left_out = match weight.remainder {
            0.0 => String::new(),
            share => format!(", {share:.1e} of its norm left out"),
        };
        ui::line(format!("{}: {}{left_out}", weight.weight, ui::count(weight.rank, "rank-one update")))?;
    }
    ui::line(format!("wrote {} ({})", output.display(), ui::size(bytes.len() as u64)))
}

fn write(file: &EditFile, path: &Path) -> Result<()> {
    let bytes = file.to_bytes().map_err(Error::from)?;
    files::write(path, &bytes)?;
    let (edits, size) = (ui::count(file.n_edits(), "edit"), ui::size(bytes.len() as u64));
    ui::line(format!("wrote {edits} to {} ({size})", path.display()))
}
