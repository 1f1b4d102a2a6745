//! `rome eval`: ways of editing, evaluated on the same records.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use rome_edit::{Error, Evaluate, EvaluationOutcome, FluencyInputs, RecordSelection, Results, Sweep};

use super::{tables, together};
use crate::args::EvalRunArgs;
use crate::error::exit_code;
use crate::ui::{self, ProgressBar};

pub(crate) fn run(args: EvalRunArgs) -> Result<ExitCode> {
    if !args.together.is_empty() {
        return together::run(args);
    }
    let started = Instant::now();
    let records = RecordSelection {
        dataset: args.dataset,
        data: args.data,
        limit: args.limit.map(|limit| limit as usize),
        shard: args.shard,
        keep_going: args.keep_going,
    };
    let sweeps = args.layers.map(Sweep::Layers).into_iter().chain(args.vary).collect();
    let compare_with = args.against.as_deref().map(Results::open).transpose().map_err(Error::from)?;
    let fluency = FluencyInputs { seed: args.inputs.seed, snippets: args.snippets, idf: args.idf };
    let mut bar = ProgressBar::new();
    let mut session = args.settings.session(&args.model, &args.inputs, &mut bar)?;
    let config = &session.settings().config;
    let methods = args.methods.iter().flatten().copied().flatten();
    let evaluate = Evaluate {
        records,
        candidates: methods.map(|method| method.candidate(config)).collect(),
        sweeps,
        fluency: args.generate.then_some(fluency),
        compare_with,
        output: args.output.clone(),
        started,
    };
    let outcome = evaluate.run(&mut session, &mut bar)?;
    drop(bar);
    args.form.print(&outcome, |outcome| show(outcome, &args.output))?;
    Ok(exit_code(outcome.left_out.is_empty()))
}

fn show(outcome: &EvaluationOutcome, folder: &Path) -> Result<()> {
    tables::runs(&outcome.runs)?;
    outcome.advice.iter().try_for_each(|advice| ui::line(advice.to_string()))?;
    outcome.comparison.iter().try_for_each(tables::comparison)?;
    ui::line(format!("results are in {}; report.html shows them", folder.display()))?;
    if !outcome.left_out.is_empty() {
        ui::line(format!("{} left out:", ui::count(outcome.left_out.len(), "record")))?;
    }
    outcome.left_out.iter().try_for_each(|fault| ui::line(format!("  {fault}")))
}
