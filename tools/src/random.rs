//! Models of random weights.

use std::path::PathBuf;

use anyhow::Result;

use crate::compare::Size;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The size
    #[arg(long, value_enum)]
    shape: Size,
    /// Folder to put the model's folder into, which is named after the size
    #[arg(short, long, value_name = "FOLDER", default_value = ".")]
    output: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    println!("{}", args.shape.shape().model(&args.output)?.display());
    Ok(())
}
