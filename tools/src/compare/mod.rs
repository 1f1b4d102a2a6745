//! Compares our edits with those of kmeng01/rome, in values and in time.

mod case;
mod evaluation;
mod goldens;
mod original;
mod outcome;
mod runs;
mod side_by_side;
mod statistics;
mod task;
mod together;
mod trace;

use std::path::PathBuf;

use anyhow::Result;

use crate::compare::case::Case;
pub(crate) use crate::compare::case::Size;
use crate::compare::evaluation::Facts;
use crate::compare::original::Original;
use crate::compare::statistics::Collection;
use crate::compare::task::Task;
use crate::compare::together::Method;
use crate::report::{self, Format};

/// Without arguments: the edits of the bundled models against values that the original computed
/// and that are kept in `fixtures/goldens`. With a checkout of the original: both programs, one
/// after the other, on the same model, request, contexts and C; with --stats, on the same text; with
/// --trace, on the same prompts and noise; with --eval, on the same facts.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    /// A checkout of kmeng01/rome, or of the method; it is not changed
    #[arg(long, value_name = "DIR", requires = "python")]
    reference: Option<PathBuf>,

    /// A Python with torch, transformers 4.38, numpy and safetensors
    #[arg(long, value_name = "EXE", requires = "reference")]
    python: Option<PathBuf>,

    /// Compare collections of second moments, and not edits
    #[arg(long, conflicts_with_all = ["trace", "eval"])]
    stats: bool,

    #[command(flatten)]
    collection: Collection,

    /// Compare causal traces: of a bundled model those of the reference values, of another model
    /// those of --prompt and --subject
    #[arg(long, conflicts_with = "eval")]
    trace: bool,

    /// Compare what facts of CounterFact are asked after and before an edit
    #[arg(long)]
    eval: bool,

    #[command(flatten)]
    facts: Facts,

    /// Compare edits of many facts at once; the checkout is that of the method
    #[arg(long, conflicts_with_all = ["stats", "trace", "eval"])]
    method: Option<Method>,

    /// With --method, edit this many facts
    #[arg(long, default_value_t = 100, value_name = "N", requires = "method")]
    n_facts: usize,

    #[command(flatten)]
    case: Case,

    /// Run each program this many times, one after another, and take the medians
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
    --prompt '{} is in the city of' --subject 'Space Needle' --target Rome --layer 8 \\
    --second-moment stats/layer-8.safetensors
  cargo xtask compare --stats --reference ../rome --python .venv/bin/python --text wiki.parquet
  cargo xtask compare --trace --reference ../rome --python .venv/bin/python -m facts-gptj
  cargo xtask compare --method memit --reference ../memit --python .venv/bin/python --n-facts 100
  cargo xtask compare --eval --reference ../rome --python .venv/bin/python --limit 100 --runs 3";

pub(crate) fn run(args: &Args) -> Result<()> {
    let form = args.format.form();
    let original = args.reference.as_ref().zip(args.python.as_ref());
    let original = original.map(|(checkout, python)| Original { checkout, python });
    let report = if args.stats {
        let Task { model, layer, n_threads, .. } = &Task::new(&args.case)?;
        statistics::run(original, (model, *layer, *n_threads), &args.collection, args.runs)?
    } else if let Some(method) = args.method {
        together::run(original, &args.case, (method, args.n_facts), args.runs)?
    } else if args.trace {
        trace::run(original, &args.case, args.runs)?
    } else if args.eval {
        evaluation::run(original, &args.case, &args.facts, args.runs)?
    } else if original.is_some() || args.case.is_given() {
        side_by_side::run(original, &args.case, args.runs)?
    } else {
        goldens::run()?
    };
    report::print(&report, form)
}
