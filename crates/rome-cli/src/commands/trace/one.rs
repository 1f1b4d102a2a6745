//! The trace of one prompt.

use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::Result;
use rome_eval::trace::{Noise, Trace, TracedPrompt, heat_map};
use rome_files::read_bounded;
use rome_plot::heat_maps_svg;
use serde_json::{Value, json};

use super::{configs, known_subjects, model_name, noise_scale};
use crate::args::TraceArgs;
use crate::edits::Edits;
use crate::error::{CliError, Outcome};
use crate::model;
use crate::output::{self, Progress};
use crate::plot::PNG_SCALE;

/// Noise for a hundred tokens of a large model in ten samples has some 20 MB.
const MAX_NOISE: u64 = 1 << 30;

/// What is written, by the ending of the file's name.
#[derive(Debug, Clone, Copy)]
enum Form {
    Json,
    Svg,
    Png,
}

pub(super) fn run(args: &TraceArgs) -> Result<Outcome> {
    let start = Instant::now();
    let form = form(&args.output)?;
    let configs = configs(args)?;
    output::check_writable(&args.output)?;
    let edits = Edits::from_args(&args.edits)?;
    let mut model = model::load(&args.model)?;
    edits.check(&model.pretrained.hash)?;
    edits.file.apply_regardless(model.pretrained.model.as_mut())?;
    let load = start.elapsed();

    let start = Instant::now();
    let (Some(prompt), Some(subject)) = (&args.prompt, &args.subject) else {
        return Err(CliError::with_hint(
            "no prompt was given",
            "give --prompt and --subject, or --facts FILE",
        ));
    };
    let (lm, tokens) = (model.causal_lm(), &model.pretrained.tokenizer);
    let prompt = TracedPrompt::new(prompt, subject, tokens, lm.shape())?;
    let shape = [args.samples as usize, prompt.subject.len(), lm.shape().d_model];
    let noise = match &args.noise_file {
        Some(path) => Noise::from_bytes(&read_bounded(path, MAX_NOISE)?, shape)?,
        None => Noise::normal(noise_scale(&args.noise, &model, &|| known_subjects(&model))?, shape)?,
    };
    let n_cells = (prompt.tokens.len() - prompt.subject.start) * lm.shape().n_layers;
    let progress = Mutex::new((
        Progress::new((n_cells * configs.len()) as u64, "{bar:30} {percent}% · {eta} left"),
        0u64,
    ));
    let on_cells = |n: usize| {
        if let Ok(mut progress) = progress.lock() {
            progress.1 += n as u64;
            let done = progress.1;
            progress.0.set(done, "");
        }
    };
    let traces = configs.iter().map(|&config| Trace::new(lm, tokens, &prompt, &noise, config, &on_cells));
    let traces: Vec<Trace> = traces.collect::<Result<_, _>>()?;
    drop(progress);
    let trace = start.elapsed();

    write(&args.output, form, &traces, &model_name(args))?;
    let seconds = json!({ "load": load.as_secs_f64(), "trace": trace.as_secs_f64() });
    if args.json {
        let mut value = as_json(&traces)?;
        value["seconds"] = seconds;
        output::json(&value)?;
    } else {
        for trace in &traces {
            output::line(summary(trace))?;
        }
        output::line(format!("wrote {}", args.output.display()))?;
    }
    Ok(Outcome::Done)
}

fn form(path: &Path) -> Result<Form> {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("json") => Ok(Form::Json),
        Some("svg") => Ok(Form::Svg),
        Some("png") => Ok(Form::Png),
        _ => Err(CliError::with_hint(
            format!("{} is no kind of file that a trace is written as", path.display()),
            "give a name that ends in .json, .svg or .png with -o",
        )),
    }
}

/// One trace as the object itself, several by their kinds.
fn as_json(traces: &[Trace]) -> Result<Value> {
    Ok(match traces {
        [trace] => serde_json::to_value(trace)?,
        traces => traces
            .iter()
            .map(|trace| (trace.kind.name().to_owned(), json!(trace)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    })
}

fn write(path: &Path, form: Form, traces: &[Trace], model: &str) -> Result<()> {
    let svg = || heat_maps_svg(&traces.iter().map(|trace| heat_map(trace, model)).collect::<Vec<_>>());
    let bytes = match form {
        Form::Json => format!("{}\n", as_json(traces)?).into_bytes(),
        Form::Svg => rome_plot::outlined(&svg()?)?.into_bytes(),
        Form::Png => rome_plot::to_png(&svg()?, PNG_SCALE)?,
    };
    output::write_file(path, &bytes)
}

/// Where at the subject restoring gives most back: after it, a state may hold no more than the answer.
fn summary(trace: &Trace) -> String {
    let [start, end] = trace.subject_range;
    let cells = (start..end).flat_map(|token| {
        trace.scores[token].iter().enumerate().map(move |(layer, score)| (token, layer, *score))
    });
    let best = cells.max_by(|a, b| a.2.total_cmp(&b.2));
    let most = best.map_or_else(String::new, |(token, layer, score)| {
        let (token, kind) = (trace.tokens[token].trim(), trace.kind.name());
        format!("; {} by restoring {kind} at {token:?}, layer {layer}", output::percent(score))
    });
    format!(
        "p({}) is {}, {} with the subject corrupted{most}",
        trace.answer.trim(),
        output::percent(trace.high_score),
        output::percent(trace.low_score)
    )
}
