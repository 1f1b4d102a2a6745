//! `rome edit`

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use rome_core::edit::Answer;
use rome_core::edit_file::FORMAT_VERSION;
use rome_core::{Context, Edit, EditFile, EditRecord, EditRows, Editor, Preservation, Request, context};
use serde::Serialize;
use serde_json::json;

use crate::args::{EditArgs, RequestArgs};
use crate::error::{CliError, Outcome};
use crate::model::{Model, read_bounded};
use crate::output::{self, Progress};
use crate::settings::Settings;
use crate::statistics;

/// Requests, contexts and preservation prompts are small; a larger file is something else.
const MAX_JSON: u64 = 256 << 20;

/// What one edit came to, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Report {
    weight: String,
    layer: usize,
    variant: rome_core::Variant,
    lookup_idxs: Vec<usize>,
    losses: Vec<[f64; 4]>,
    division_factor: f64,
    alignment: f64,
    condition: f64,
    ridge: Option<f64>,
    relative_norm: f64,
    p_target_before: f64,
    p_target_after: f64,
    took: bool,
    seconds: Seconds,
    flops: Flops,
    /// The bytes that were taken of a device with memory of its own.
    device_memory: Option<u64>,
}

/// The floating-point operations that the parts could not do without.
#[derive(Debug, Clone, Copy, Serialize)]
struct Flops {
    capture: u64,
    optimise: u64,
}

#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Seconds {
    load: f64,
    capture: f64,
    optimise: f64,
    solve: f64,
    total: f64,
}

pub(crate) fn run(args: EditArgs) -> Result<Outcome> {
    let start = Instant::now();
    let requests = requests(&args.request)?;
    output::check_writable(&args.output)?;
    let given_contexts: Option<Vec<Context>> = args.contexts.as_deref().map(read_json).transpose()?;
    let preservations = match &args.preserve {
        Some(path) => read_json(path)?,
        None => vec![Preservation::essence()],
    };

    let mut model = Model::load(&args.model)?;
    let settings = Settings::new(&args.settings, &model)?;
    let seed = given_contexts.is_none().then_some(args.seed);
    let contexts = match given_contexts {
        Some(contexts) => contexts,
        None => sample_contexts(&model, &settings, args.seed)?,
    };
    // A request that makes no sense is told before statistics are factored for it.
    let rows = requests
        .iter()
        .enumerate()
        .map(|(index, request)| {
            let (tokens, shape) = (&model.pretrained.tokenizer, model.causal_lm().shape());
            let rows = EditRows::new(request, &contexts, &preservations, tokens, shape);
            rows.map_err(|error| match requests.len() {
                1 => error.into(),
                n => anyhow::Error::from(error).context(format!("request {} of {n}", index + 1)),
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut record = EditRecord {
        format_version: FORMAT_VERSION,
        made_by: concat!("rome ", env!("CARGO_PKG_VERSION")).to_owned(),
        model_hash: model.pretrained.hash.clone(),
        on_top_of: Vec::new(),
        settings: settings.config.clone(),
        contexts: contexts.clone(),
        preservations: preservations.clone(),
        seed,
        precision: args.model.device.dtype.into(),
        statistics: BTreeMap::new(),
        edits: Vec::new(),
    };
    let mut factors = Vec::new();
    for &layer in &settings.config.layers {
        let found = statistics::find(args.stats.as_deref(), settings.use_statistics, &model, layer)?;
        record.statistics.insert(layer, found.record);
        factors.push((layer, found.factor));
    }
    record.on_top_of = model.apply(&args.edits)?;
    let load = start.elapsed().as_secs_f64();

    let Model { pretrained, .. } = &mut model;
    let editor = Editor::new(pretrained.model.as_mut(), &pretrained.tokenizer, settings.config.clone())?;
    let editor = editor.contexts(contexts).preservations(preservations);
    let mut editor =
        factors.into_iter().fold(editor, |editor, (layer, factor)| editor.statistics(layer, factor));
    let mut file = EditFile::new(record);
    let mut reports = Vec::new();
    let n_evaluations = (requests.len() * settings.config.layers.len() * settings.config.steps) as u64;
    let mut progress = Progress::new(n_evaluations, "{bar:30} {percent}% · {msg} · {eta} left");
    let mut n_done = 0;
    for (request, rows) in requests.iter().zip(&rows) {
        let before = Answer::of(editor.model(), &rows.clean.tokens, &rows.target);
        let edits = editor
            .edit(request, &mut |step| {
                n_done += 1;
                progress.set(n_done, format!("layer {} loss {:.3}", step.layer, step.losses.total));
            })
            .with_context(|| format!("failed to edit {}", label(request)))?;
        let after = Answer::of(editor.model(), &rows.clean.tokens, &rows.target);
        for edit in &edits {
            file.push(request, rows.lookups(), edit);
            let memory = editor.model().device().memory_pool_usage();
            let device_memory = memory.map(|usage| usage.bytes_reserved);
            reports.push(Report { device_memory, ..report(edit, rows, &file.record, [before, after], load) });
        }
    }
    drop(progress);
    let bytes = file.to_bytes()?;
    output::write_file(&args.output, &bytes)?;

    let total = start.elapsed().as_secs_f64();
    reports.iter_mut().for_each(|report| report.seconds.total = total);
    let all_took = reports.iter().all(|report| report.took);
    match (args.json, reports.as_slice()) {
        (true, [report]) => output::json(report)?,
        (true, reports) => output::json(&json!({ "edits": reports, "took": all_took }))?,
        (false, reports) => {
            for (request, reports) in requests.iter().zip(reports.chunks(settings.config.layers.len())) {
                print(request, reports)?;
            }
            let written = output::size(bytes.len() as u64);
            output::line(format!("wrote {} ({written}) in {total:.1} s", args.output.display()))?;
        }
    }
    Ok(if all_took { Outcome::Done } else { Outcome::NotTaken })
}

fn report(
    edit: &Edit,
    rows: &EditRows,
    record: &EditRecord,
    [before, after]: [Answer; 2],
    load: f64,
) -> Report {
    let statistics = &record.statistics[&edit.layer];
    Report {
        weight: edit.weight.clone(),
        layer: edit.layer,
        variant: record.settings.variant,
        lookup_idxs: rows.lookups(),
        losses: edit.losses.iter().map(|losses| losses.to_array()).collect(),
        division_factor: edit.division_factor,
        alignment: edit.alignment,
        condition: statistics.condition,
        ridge: statistics.ridge,
        relative_norm: edit.relative_norm,
        p_target_before: before.probability,
        p_target_after: after.probability,
        took: after.is_first,
        seconds: Seconds {
            load,
            capture: edit.timings.capture.as_secs_f64(),
            optimise: edit.timings.optimise.as_secs_f64(),
            solve: edit.timings.solve.as_secs_f64(),
            total: 0.0,
        },
        flops: Flops { capture: edit.flops.capture, optimise: edit.flops.optimise(edit.losses.len()) },
        device_memory: None,
    }
}

/// Prints a request's outcome, then a line or two for each layer.
fn print(request: &Request, reports: &[Report]) -> Result<()> {
    let Some(last) = reports.last() else { return Ok(()) };
    let took = match last.took {
        true if last.p_target_after < 0.5 => "took, by its first token",
        true => "took",
        false => "did not take",
    };
    output::line(format!("{} {took}", output::bold(&label(request))))?;
    output::line(format!(
        "  probability of the target {} → {}",
        output::percent(last.p_target_before),
        output::percent(last.p_target_after)
    ))?;
    for report in reports {
        let loss = |losses: Option<&[f64; 4]>| losses.map_or(0.0, |losses| losses[0]);
        output::line(format!("  {}: ‖ΔW‖ is {:.1} % of ‖W‖", report.weight, 100.0 * report.relative_norm))?;
        output::line(format!(
            "  loss {:.3} → {:.3}, division factor {:.2}, cosine {:.2}, condition of C {:.1e}",
            loss(report.losses.first()),
            loss(report.losses.last()),
            report.division_factor,
            report.alignment,
            report.condition
        ))?;
    }
    Ok(())
}

fn label(request: &Request) -> String {
    match request {
        Request::Text { prompt, subject, target } => {
            format!("{} → {}", prompt.replacen("{}", subject, 1), target.trim())
        }
        Request::Tokens { prompt_tokens, target_tokens, .. } => {
            format!("{prompt_tokens:?} → {target_tokens:?}")
        }
    }
}

pub(crate) fn sample_contexts(model: &Model, settings: &Settings, seed: u64) -> Result<Vec<Context>> {
    let Some(start_token) = model.pretrained.start_token else {
        return Err(CliError::with_hint(
            "the model's config.json names no bos_token_id to sample contexts from",
            "give contexts with --contexts FILE",
        ));
    };
    let tokens = &model.pretrained.tokenizer;
    Ok(context::sample(model.causal_lm(), tokens, start_token, &settings.context_lengths, seed)?)
}

fn requests(args: &RequestArgs) -> Result<Vec<Request>> {
    if let Some(path) = &args.request {
        return read_requests(path);
    }
    match (&args.prompt, &args.subject, &args.target) {
        (Some(prompt), Some(subject), Some(target)) => Ok(vec![Request::text(prompt, subject, target)]),
        _ => Err(CliError::with_hint(
            "no request was given",
            "give --prompt, --subject and --target, or --request FILE",
        )),
    }
}

/// Reads one request, a list of them, or one a line.
fn read_requests(path: &Path) -> Result<Vec<Request>> {
    let bytes = read_bounded(path, MAX_JSON)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        CliError::with_hint(
            format!("{}: {error}", path.display()),
            "a request file is JSON or JSONL, in UTF-8",
        )
    })?;
    let requests = if text.trim_start().starts_with('[') {
        serde_json::from_str(text).map_err(anyhow::Error::from)
    } else {
        serde_json::Deserializer::from_str(text)
            .into_iter()
            .collect::<Result<Vec<_>, _>>()
            .map_err(Into::into)
    };
    match requests {
        Ok(requests) if requests.is_empty() => {
            Err(CliError::with_hint(format!("{} has no requests", path.display()), "give at least one"))
        }
        Ok(requests) => Ok(requests),
        Err(error) => Err(CliError::with_hint(
            format!("{}: {error}", path.display()),
            "a request is {\"prompt\", \"subject\", \"target\"}; give one, a list, or one a line",
        )),
    }
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_slice(&read_bounded(path, MAX_JSON)?).map_err(|error| {
        CliError::with_hint(
            format!("{}: {error}", path.display()),
            "contexts are a JSON list of \"Some text. {}\" or token lists; preservation prompts of \"{} is a\", {\"prompt\", \"subject\"} or {\"tokens\", \"lookup\"}",
        )
    })
}
