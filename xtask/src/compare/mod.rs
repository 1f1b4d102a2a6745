//! How close our edits are to those of kmeng01/rome, and how fast.

mod case;
mod goldens;
mod side_by_side;
mod task;

use std::path::PathBuf;

use anyhow::Result;

use crate::compare::case::Case;
use crate::compare::task::Original;
use crate::report::{self, Format};

/// Without arguments: the edits of both bundled models against values that the original computed
/// and that are kept in `fixtures/goldens`. With a checkout of the original: both programs, one
/// after the other, on the same model, request, contexts and C.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    /// A checkout of kmeng01/rome; it is not changed
    #[arg(long, value_name = "DIR", requires = "python")]
    reference: Option<PathBuf>,

    /// A Python with torch, transformers 4.38, numpy and safetensors
    #[arg(long, value_name = "EXE", requires = "reference")]
    python: Option<PathBuf>,

    #[command(flatten)]
    case: Case,

    /// Run each program so often, in turn, and take the medians
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,

    #[command(flatten)]
    format: Format,
}

const EXAMPLE: &str = "\
Examples:
  cargo xtask compare
  cargo xtask compare --reference ../rome --python .venv/bin/python --shape gpt2-xl
  cargo xtask compare --reference ../rome --python .venv/bin/python -m gpt2-medium \\
    --prompt '{} is in the city of' --subject 'Space Needle' --target Rome --layer 8 --stats stats/";

pub(crate) fn run(args: &Args) -> Result<()> {
    let form = args.format.form();
    match (&args.reference, &args.python) {
        (Some(checkout), Some(python)) => {
            let original = Some(Original { checkout, python });
            report::print(&side_by_side::run(original, &args.case, args.runs)?, form)
        }
        _ if args.case.is_given() => report::print(&side_by_side::run(None, &args.case, args.runs)?, form),
        _ => report::print(&goldens::run()?, form),
    }
}
