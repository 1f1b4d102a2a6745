//! `rome edit import`

use anyhow::{Context, Result};
use rome_export::{Import, arrays};
use rome_files::read_bounded;

use crate::args::ImportArgs;
use crate::commands::edit::show::count;
use crate::edits::MAX_EDIT_FILE;
use crate::error::Outcome;
use crate::model::{ByteProgress, source};
use crate::output;

pub(crate) fn run(args: &ImportArgs) -> Result<Outcome> {
    output::check_writable(&args.output)?;
    let place = || args.file.display().to_string();
    let bytes = read_bounded(&args.file, MAX_EDIT_FILE)?;
    let is_npz = args.file.extension().is_some_and(|extension| extension == "npz");
    let arrays = if is_npz { arrays::read_npz(&bytes) } else { arrays::read_safetensors(&bytes) };
    let source = source(&args.model)?;
    let import = Import {
        source: &source,
        from: &place(),
        made_by: concat!("rome ", env!("CARGO_PKG_VERSION")),
        tolerance: args.tolerance,
        transposed: args.transposed,
    };
    let mut bar = ByteProgress::default();
    let imported = import.run(arrays.with_context(place)?, &mut |progress| bar.set(progress));
    drop(bar);
    let imported = imported.with_context(place)?;
    let bytes = imported.file.to_bytes()?;
    output::write_file(&args.output, &bytes)?;
    for weight in &imported.weights {
        let left_out = match weight.remainder {
            0.0 => String::new(),
            share => format!(", {share:.1e} of its norm left out"),
        };
        output::line(format!("{}: {}{left_out}", weight.weight, count(weight.rank, "rank-one update")))?;
    }
    let size = output::size(bytes.len() as u64);
    output::line(format!("wrote {} ({size})", args.output.display()))?;
    Ok(Outcome::Done)
}
