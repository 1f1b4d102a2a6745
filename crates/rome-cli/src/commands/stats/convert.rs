//! `rome stats convert`

use std::path::Path;

use anyhow::Result;
use rome_stats::{Packing, npz};

use crate::args::ConvertArgs;
use crate::error::{CliError, Outcome};
use crate::output;
use rome_session::statistics;

pub(crate) fn run(args: ConvertArgs) -> Result<Outcome> {
    output::check_writable(&args.output)?;
    let statistics = statistics::read(&args.input)?;
    let bytes = match extension(&args.output) {
        Some("npz") => npz::write(&statistics)?,
        Some("safetensors") => statistics.to_bytes(Packing::compact(args.compact))?,
        _ => {
            return Err(CliError::with_hint(
                format!("{} is neither .npz nor .safetensors", args.output.display()),
                "give the kind of file by its name's ending",
            ));
        }
    };
    output::write_file(&args.output, &bytes)?;
    output::line(format!("{} ({})", args.output.display(), output::size(bytes.len() as u64)))?;
    Ok(Outcome::Done)
}

fn extension(path: &Path) -> Option<&str> {
    path.extension()?.to_str()
}
