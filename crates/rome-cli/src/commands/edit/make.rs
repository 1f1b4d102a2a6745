//! `rome edit`: requests, made into edits one after the other.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rome_core::edit::Answer;
use rome_core::edit_record::{FORMAT_VERSION, Outcome as EditOutcome};
use rome_core::{
    Context, EditEntry, EditFile, EditPart, EditRecord, EditRows, Editor, Preservation, Request, context,
};

use super::report::{Measured, Report, Seconds};
use super::requests::{self, label, read_json};
use super::saved::Saved;
use crate::args::MakeArgs;
use crate::edits::Edits;
use crate::error::{CliError, Outcome};
use crate::model::Model;
use crate::output::{self, Progress, note};
use crate::settings::Settings;
use crate::statistics;

pub(crate) fn run(args: &MakeArgs) -> Result<Outcome> {
    let start = Instant::now();
    let requests = requests::from_args(&args.request)?;
    output::check_writable(&args.output)?;
    let given_contexts: Option<Vec<Context>> = args.contexts.as_deref().map(read_json).transpose()?;
    let preservations = match &args.preserve {
        Some(path) => read_json(path)?,
        None => vec![Preservation::essence()],
    };
    let edits = Edits::read(&args.edits, args.force)?;

    let mut model = Model::load(&args.model)?;
    let settings = Settings::new(&args.settings, &model)?;
    let seed = given_contexts.is_none().then_some(args.seed);
    let contexts = match given_contexts {
        Some(contexts) => contexts,
        None => sample_contexts(&model, &settings, args.seed)?,
    };
    // A request that makes no sense is told before statistics are factored for it.
    let rows = rows(&requests, &contexts, &preservations, &model, args.keep_going)?;
    let mut record = EditRecord {
        format_version: FORMAT_VERSION,
        made_by: concat!("rome ", env!("CARGO_PKG_VERSION")).to_owned(),
        model_hash: model.pretrained.hash.clone(),
        imported_from: None,
        on_top_of: edits.hashes.clone(),
        settings: Some(settings.config.clone()),
        contexts: contexts.clone(),
        preservations: preservations.clone(),
        seed,
        precision: args.model.device.dtype.into(),
        statistics: Default::default(),
        edits: Vec::new(),
    };
    let mut factors = Vec::new();
    for &layer in &settings.config.layers {
        let found = statistics::find(args.stats.as_deref(), settings.use_statistics, &model, layer)?;
        record.statistics.insert(layer, found.record);
        factors.push((layer, found.factor));
    }
    edits.apply(&mut model)?;

    let mut saved = Saved::beside(&args.output, Duration::from_secs(args.save_every));
    let mut made = Made::new(record);
    if args.resume {
        match saved.load()? {
            Some(part) => made.resume(part, &requests)?,
            None => note("there is nothing to resume: starting anew"),
        }
        // The model goes on as it was left.
        if !made.part.updates.is_empty() {
            EditFile::from(made.part.clone()).apply_regardless(model.pretrained.model.as_mut())?;
        }
    }
    let load = start.elapsed().as_secs_f64();

    let Model { pretrained, .. } = &mut model;
    let editor = Editor::new(pretrained.model.as_mut(), &pretrained.tokenizer, settings.config.clone())?;
    let editor = editor.contexts(contexts).preservations(preservations);
    let mut editor =
        factors.into_iter().fold(editor, |editor, (layer, factor)| editor.statistics(layer, factor));
    let n_layers = settings.config.layers.len();
    let evaluations = |n_requests: usize| (n_requests * n_layers * settings.config.steps) as u64;
    let mut progress = Progress::new(evaluations(requests.len()), "{bar:30} {percent}% · {msg} · {eta} left");
    progress.start_at(evaluations(made.results.len()));
    for (index, (request, rows)) in requests.iter().zip(&rows).enumerate().skip(made.results.len()) {
        let mut n_done = evaluations(index);
        let place = match requests.len() {
            1 => String::new(),
            n => format!("request {} of {n}, ", index + 1),
        };
        let result = rows.as_ref().map_err(Clone::clone).and_then(|rows| {
            let on_step = &mut |step: rome_core::editor::Progress<'_>| {
                n_done += 1;
                progress.set(n_done, format!("{place}layer {} loss {:.3}", step.layer, step.losses.total));
            };
            edit(&mut editor, request, rows, on_step).map_err(|error| format!("{error:#}"))
        });
        match result {
            Ok(edits) => {
                edits.into_iter().for_each(|(entry, update, measured)| made.push(entry, update, measured));
                made.results.push(Ok(()));
            }
            Err(error) if args.keep_going => made.results.push(Err(error)),
            Err(error) => {
                drop(progress);
                return Err(stopped(&saved, &made, request, error));
            }
        }
        if requests.len() > 1 {
            saved.save_if_due(&made.part)?;
        }
    }
    drop(progress);
    if made.part.updates.is_empty() {
        let message = format!("none of {} requests could be edited", requests.len());
        let first = made.results.iter().find_map(|result| result.as_ref().err());
        return Err(CliError::with_hint(
            first.map_or(message.clone(), |error| format!("{message}; the first one: {error}")),
            "check the requests: each is {\"prompt\", \"subject\", \"target\"}",
        ));
    }
    let Made { part, measured, results } = made;
    let reports: Vec<Report> = (0..part.updates.len())
        .map(|index| {
            let seconds = Seconds::of_run(load, start.elapsed().as_secs_f64());
            Report::new(&part.record, index, measured[index], seconds)
        })
        .collect();
    let bytes = EditFile::from(part).to_bytes()?;
    output::write_file(&args.output, &bytes)?;
    saved.remove();

    let all_took = super::report::print(&requests, &results, &reports, n_layers, args.json)?;
    if !args.json {
        let written = output::size(bytes.len() as u64);
        let seconds = start.elapsed().as_secs_f64();
        output::line(format!("wrote {} ({written}) in {seconds:.1} s", args.output.display()))?;
    }
    Ok(if all_took { Outcome::Done } else { Outcome::NotTaken })
}

/// What requests have come to so far.
struct Made {
    part: EditPart,
    /// Of each edit, what it took; nothing of those of an earlier run.
    measured: Vec<Option<Measured>>,
    /// Of each request, whether it was edited, or why not.
    results: Vec<Result<(), String>>,
}

impl Made {
    fn new(record: EditRecord) -> Self {
        Self { part: EditPart::new(record), measured: Vec::new(), results: Vec::new() }
    }

    fn push(&mut self, entry: EditEntry, update: rome_core::RankOneUpdate, measured: Measured) {
        self.part.push(entry, update);
        self.measured.push(Some(measured));
    }

    /// Takes over what an earlier run has saved, which must have been told the same.
    fn resume(&mut self, saved: EditPart, requests: &[Request]) -> Result<()> {
        let other = |what: &str| {
            CliError::with_hint(
                format!("the interrupted run had other {what}"),
                "give the options of that run, or leave --resume out to start anew",
            )
        };
        let record = EditRecord { edits: Vec::new(), ..saved.record.clone() };
        if record != self.part.record {
            return Err(other("settings"));
        }
        let n_layers = record.settings.as_ref().map_or(1, |settings| settings.layers.len());
        let mut edits = saved.record.edits.chunks(n_layers).peekable();
        for request in requests {
            let Some(edit) = edits.peek() else { break };
            let is_this = edit.iter().all(|entry| entry.request.as_ref() == Some(request));
            self.results.push(match is_this {
                true => Ok(()),
                false => Err("it failed before the interruption".to_owned()),
            });
            if is_this {
                edits.next();
            }
        }
        if edits.next().is_some() {
            return Err(other("requests"));
        }
        self.measured = vec![None; saved.updates.len()];
        self.part = saved;
        Ok(())
    }
}

/// Edits the model by one request.
fn edit(
    editor: &mut Editor<'_>,
    request: &Request,
    rows: &EditRows,
    on_step: &mut dyn FnMut(rome_core::editor::Progress<'_>),
) -> Result<Vec<(EditEntry, rome_core::RankOneUpdate, Measured)>> {
    let before = Answer::of(editor.model(), &rows.clean.tokens, &rows.target);
    let edits = editor.edit(request, on_step)?;
    let after = Answer::of(editor.model(), &rows.clean.tokens, &rows.target);
    let outcome = EditOutcome::new(before, after);
    let memory = editor.model().device().memory_pool_usage().map(|usage| usage.bytes_reserved);
    let made = edits.into_iter().map(|edit| {
        let entry = EditEntry::new(request, rows.lookups(), &edit, Some(outcome));
        let measured = Measured::new(&edit, memory);
        (entry, edit.update, measured)
    });
    Ok(made.collect())
}

/// The rows of each request; of those that make no sense, why.
fn rows(
    requests: &[Request],
    contexts: &[Context],
    preservations: &[Preservation],
    model: &Model,
    keep_going: bool,
) -> Result<Vec<Result<EditRows, String>>> {
    let (tokens, shape) = (&model.pretrained.tokenizer, model.causal_lm().shape());
    let rows = requests.iter().enumerate().map(|(index, request)| {
        let rows = EditRows::new(request, contexts, preservations, tokens, shape);
        match rows {
            Err(error) if keep_going && requests.len() > 1 => Ok(Err(error.to_string())),
            Err(error) if requests.len() == 1 => Err(error.into()),
            Err(error) => Err(anyhow::Error::from(error).context(format!(
                "request {} of {}",
                index + 1,
                requests.len()
            ))),
            Ok(rows) => Ok(Ok(rows)),
        }
    });
    rows.collect()
}

/// The error that ends a run, with the way on if there is something to go on from.
fn stopped(saved: &Saved, made: &Made, request: &Request, error: String) -> anyhow::Error {
    let message = format!("failed to edit {}: {error}", label(request));
    match made.part.updates.is_empty() || saved.save(&made.part).is_err() {
        true => CliError::with_hint(message, "see --variant and --stats for other ways to edit it"),
        false => CliError::with_hint(
            message,
            format!("{} edits are saved: go on past it with --resume --keep-going", made.part.updates.len()),
        ),
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
    context::sample(model.causal_lm(), tokens, start_token, &settings.context_lengths, seed)
        .context("cannot sample contexts")
}
