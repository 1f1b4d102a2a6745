//! `rome trace`: the traces of one prompt, or of many facts.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use rome_edit::{FactSource, Trace, TraceAverages, TraceMany, TraceNoise, TraceOne, edits};

use crate::args::TraceArgs;
use crate::cli_error::CliError;
use crate::error::exit_code;
use crate::ui::{self, ProgressBar};

pub(crate) fn run(args: &TraceArgs) -> Result<ExitCode> {
    match &args.facts {
        Some(facts) => many(args, facts),
        None => one(args),
    }
}

fn one(args: &TraceArgs) -> Result<ExitCode> {
    let (Some(prompt), Some(subject)) = (&args.prompt, &args.subject) else {
        return CliError::fail("no prompt was given", "give --prompt and --subject, or --facts FILE");
    };
    let trace = TraceOne {
        answer: args.answer.clone(),
        settings: args.settings(),
        noise: match &args.noise_file {
            Some(path) => TraceNoise::File(path.clone()),
            None => TraceNoise::Normal(args.noise),
        },
        output: Some(args.output.clone()),
        ..TraceOne::new(prompt, subject)
    };
    trace.check()?;
    let mut bar = ProgressBar::new();
    let (model, _) = args.edits.load_edited(&args.model, &mut bar)?;
    let traces = trace.run(&model, &mut bar)?;
    drop(bar);
    args.form.print(&traces, |traces| {
        traces.traces.iter().try_for_each(show)?;
        ui::line(format!("wrote {}", args.output.display()))
    })?;
    Ok(ExitCode::SUCCESS)
}

fn many(args: &TraceArgs, facts: &Path) -> Result<ExitCode> {
    let facts =
        if facts == Path::new("bundled") { FactSource::Bundled } else { FactSource::File(facts.to_owned()) };
    let mut trace = TraceMany {
        settings: args.settings(),
        noise: args.noise,
        limit: args.limit.map(|limit| limit as usize),
        keep_going: args.keep_going,
        started: Instant::now(),
        ..TraceMany::new(facts, &args.output)
    };
    trace.check()?;
    let mut bar = ProgressBar::new();
    let (model, edits) = args.edits.load_edited(&args.model, &mut bar)?;
    trace.on_top_of = edits::part_hashes(&edits)?;
    let traces = trace.run(&model, &mut bar)?;
    drop(bar);
    args.form.print(&traces, |traces| {
        traces.averages.iter().try_for_each(show_averages)?;
        if traces.unknown > 0 {
            let facts = ui::count(traces.unknown, "fact");
            ui::line(format!("{facts} that the model does not know left out"))?;
        }
        ui::line(format!("traces and averages are in {}", args.output.display()))
    })?;
    Ok(exit_code(traces.left_out.is_empty()))
}

fn show(trace: &Trace) -> Result<()> {
    let best = trace.best_at_subject().map_or_else(String::new, |cell| {
        let (token, kind, layer) = (trace.tokens[cell.token].trim(), trace.kind.name(), cell.layer);
        format!("; {} by restoring {kind} at {token:?}, layer {layer}", ui::percent(cell.score))
    });
    ui::line(format!(
        "p({}) is {}, {} with the subject corrupted{best}",
        trace.answer.trim(),
        ui::percent(trace.high_score),
        ui::percent(trace.low_score)
    ))
}

fn show_averages(averages: &TraceAverages) -> Result<()> {
    let TraceAverages { kind, n, total_effect, indirect_effect, layer, role, .. } = averages;
    ui::line(format!(
        "{}: over {}, the average total effect is {:.1} % ±{:.1}; of the subject's tokens, the average indirect \
         effect is highest at the {}, layer {layer}: {:.1} %",
        kind.name(),
        ui::count(*n, "fact"),
        100.0 * total_effect.mean,
        100.0 * total_effect.ci95,
        role.label().to_lowercase().replace("subject ", ""),
        100.0 * indirect_effect,
    ))
}
