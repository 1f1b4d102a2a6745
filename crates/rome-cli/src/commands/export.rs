//! `rome export`

use std::path::PathBuf;

use anyhow::Result;
use rome_export::{Adapter, arrays, checkpoint};
use rome_files::NewFolder;
use rome_models::Source;
use rome_models::config::Config;
use rome_models::progress::Progress;

use crate::args::{ExportArgs, ExportFormat};
use crate::commands::edit::count;
use crate::edits::Edits;
use crate::error::Outcome;
use crate::model::{self, ByteProgress};
use crate::output;

pub(crate) fn run(args: &ExportArgs) -> Result<Outcome> {
    let edits = Edits::read(&args.edits, args.force)?;
    let source = model::source(&args.model)?;
    // A checkpoint is read, and so hashed, while it is written.
    let checked_config = || -> Result<Config> {
        edits.check(&model::hash(&source)?)?;
        Ok(Config::load(&source)?)
    };
    let (place, n_bytes) = match args.format {
        ExportFormat::Hf => {
            folder(args, &source, &edits)?;
            let n_edits = count(edits.file.edits().count(), "edit");
            output::line(format!("wrote {} with {n_edits}", args.output.display()))?;
            return Ok(Outcome::Done);
        }
        ExportFormat::Lora => {
            let adapter = Adapter::new(&edits.file, &checked_config()?, &args.model)?;
            adapter.write(&args.output)?;
            (args.output.clone(), adapter.weights.len())
        }
        ExportFormat::Npz => write(args, "edit.npz", arrays::npz(&edits.file, &checked_config()?)?)?,
        ExportFormat::Safetensors => {
            write(args, "delta.safetensors", arrays::dense(&edits.file, &checked_config()?)?)?
        }
    };
    output::line(format!("wrote {} ({})", place.display(), output::size(n_bytes as u64)))?;
    Ok(Outcome::Done)
}

/// Writes a checkpoint's folder, and says of forced edits what that risks.
fn folder(args: &ExportArgs, source: &Source, edits: &Edits) -> Result<()> {
    let mut bar = ByteProgress::default();
    let mut on_progress = |progress: Progress<'_>| bar.set(progress);
    let written = checkpoint::write(source, &edits.file, args.force, &args.output, &mut on_progress);
    drop(bar);
    edits.check(&written?)
}

/// Writes a file: the one that is named, or `name` in a folder.
fn write(args: &ExportArgs, name: &str, bytes: Vec<u8>) -> Result<(PathBuf, usize)> {
    let extension = PathBuf::from(name).extension().map(ToOwned::to_owned);
    if args.output.extension().map(ToOwned::to_owned) == extension {
        output::write_file(&args.output, &bytes)?;
        return Ok((args.output.clone(), bytes.len()));
    }
    let folder = NewFolder::at(&args.output)?;
    folder.write(name, &bytes)?;
    folder.finish()?;
    Ok((args.output.join(name), bytes.len()))
}
