//! `rome export`

use std::path::PathBuf;

use anyhow::Result;
use rome_export::{Adapter, NewFolder, arrays, checkpoint};
use rome_models::config::Config;

use crate::args::{ExportArgs, ExportFormat};
use crate::commands::edit::count;
use crate::edits::Edits;
use crate::error::Outcome;
use crate::model::{self, ByteProgress};
use crate::output;

pub(crate) fn run(args: &ExportArgs) -> Result<Outcome> {
    let edits = Edits::read(&args.edits, args.force)?;
    let source = model::source(&args.model)?;
    if args.format == ExportFormat::Hf {
        let mut bar = ByteProgress::default();
        let (force, place) = (args.force, &args.output);
        let written =
            checkpoint::write(&source, &edits.file, force, place, &mut |progress| bar.set(progress));
        drop(bar);
        // Of forced edits, what that risks.
        edits.check(&written?)?;
        let n_edits = count(edits.file.edits().count(), "edit");
        output::line(format!("wrote {} with {n_edits}", args.output.display()))?;
        return Ok(Outcome::Done);
    }
    edits.check(&model::hash(&source)?)?;
    let config = Config::load(&source)?;
    let written = match args.format {
        ExportFormat::Hf => unreachable!("written above"),
        ExportFormat::Lora => {
            let adapter = Adapter::new(&edits.file, &config, &args.model)?;
            adapter.write(&args.output)?;
            (args.output.clone(), adapter.weights.len())
        }
        ExportFormat::Npz => write(args, "edit.npz", arrays::npz(&edits.file, &config)?)?,
        ExportFormat::Safetensors => write(args, "delta.safetensors", arrays::dense(&edits.file, &config)?)?,
    };
    output::line(format!("wrote {} ({})", written.0.display(), output::size(written.1 as u64)))?;
    Ok(Outcome::Done)
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
