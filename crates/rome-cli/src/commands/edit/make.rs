//! `rome edit`: requests, made into edits one after the other.

use std::time::{Duration, Instant};

use anyhow::Result;
use rome_core::editor::Progress as Step;
use rome_core::{EditEntry, EditFile, EditPart, EditRows, Editor, RankOneUpdate, Request};
use rome_session::Session;
use rome_session::session::make;

use super::report::{self, Measured, Report, Seconds};
use super::requests;
use super::saved::Saved;
use super::watch::Watch;
use crate::args::MakeArgs;
use crate::edits::Edits;
use crate::error::{CliError, Outcome};
use crate::inputs::inputs;
use crate::model;
use crate::output::{self, Progress, note, warning};
use crate::settings::settings;

pub(crate) fn run(args: &MakeArgs) -> Result<Outcome> {
    let start = Instant::now();
    let requests = requests::from_args(&args.request)?;
    output::check_writable(&args.output)?;
    let inputs = inputs(&args.inputs)?;
    let edits = Edits::read(&args.edits, args.force)?;

    let model = model::load(&args.model)?;
    let settings = settings(&args.settings, &model)?;
    let mut session = Session::new(model, settings, inputs)?;
    // A request that makes no sense is told before statistics are factored for it.
    let rows = rows(&session, &requests, args.keep_going)?;
    session.find_statistics()?;
    edits.check(&session.model().pretrained.hash)?;
    session.apply(&edits.file, true)?;

    let is_long = requests.len() > 1;
    let mut saved = Saved::beside(&args.output, Duration::from_secs(args.save_every));
    let _claim = is_long.then(|| output::claim_file(&args.output)).transpose()?;
    let config = session.settings().config.clone();
    let tokens = session.model().pretrained.tokenizer.clone();
    // Before an earlier run's edits are put on: what they have done counts.
    let mut watch = match is_long {
        true => Some(Watch::new(session.model().causal_lm(), &tokens, &config.layers)?),
        false => None,
    };
    let mut results = Vec::new();
    if is_long && !args.resume && saved.exists() {
        return Err(CliError::with_hint(
            format!("{} is what an interrupted run has left", saved.path().display()),
            "go on from it with --resume, or remove it to start anew",
        ));
    }
    if args.resume {
        match saved.load()? {
            Some(part) => {
                session.resume(part)?;
                results = resumed(&session, &requests)?;
            }
            None => note("there is nothing to resume: starting anew"),
        }
    }
    let part = session.made().clone();
    let mut made = Made { measured: vec![None; part.updates.len()], part, results };
    let load = start.elapsed().as_secs_f64();

    let mut editor = session.editor()?;
    let n_layers = config.layers.len();
    let evaluations = |n_requests: usize| (n_requests * n_layers * config.steps) as u64;
    let mut progress = Progress::new(evaluations(requests.len()), "{bar:30} {percent}% · {msg} · {eta} left");
    progress.start_at(evaluations(made.results.len()));
    let n_known = made.results.len();
    if let Some(watch) = watch.as_mut().filter(|_| n_known > 0) {
        watched(watch, n_known, true, &editor, args, &saved, &made)?;
    }
    for (index, (request, rows)) in requests.iter().zip(&rows).enumerate().skip(n_known) {
        let mut n_done = evaluations(index);
        let place = match requests.len() {
            1 => String::new(),
            n => format!("request {} of {n}, ", index + 1),
        };
        let result = rows.as_ref().map_err(Clone::clone).and_then(|rows| {
            let on_step = &mut |step: Step<'_>| {
                n_done += 1;
                progress.set(n_done, format!("{place}layer {} loss {:.3}", step.layer, step.losses.total));
            };
            make(&mut editor, request, rows, on_step).map_err(|error| error.to_string())
        });
        match result {
            Ok(edited) => {
                let memory = editor.model().device().memory_pool_usage().map(|usage| usage.bytes_reserved);
                for (edit, entry) in edited.edits {
                    let measured = Measured::new(&edit, memory);
                    made.push(entry, edit.update, measured);
                }
                made.results.push(Ok(()));
            }
            Err(error) if args.keep_going => made.results.push(Err(error)),
            Err(error) => {
                drop(progress);
                return Err(stopped(&saved, &made, request, error));
            }
        }
        if let Some(watch) = &mut watch {
            let is_last = index + 1 == requests.len();
            watched(watch, index + 1, is_last, &editor, args, &saved, &made)?;
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
    if is_long {
        saved.remove();
    }

    let all_took =
        report::print(&requests, &results, &reports, watch.map(|watch| watch.seen), n_layers, args.json)?;
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
    fn push(&mut self, entry: EditEntry, update: RankOneUpdate, measured: Measured) {
        self.part.push(entry, update);
        self.measured.push(Some(measured));
    }
}

/// What an earlier run has come to, request by request, as its edits say it.
fn resumed(session: &Session, requests: &[Request]) -> Result<Vec<Result<(), String>>> {
    let mut edits = session.made().record.edits.chunks(session.settings().config.layers.len()).peekable();
    let mut results = Vec::new();
    for request in requests {
        let Some(edit) = edits.peek() else { break };
        let is_this = edit.iter().all(|entry| entry.request.as_ref() == Some(request));
        results.push(match is_this {
            true => Ok(()),
            false => Err("it failed before the interruption".to_owned()),
        });
        if is_this {
            edits.next();
        }
    }
    match edits.next() {
        None => Ok(results),
        Some(_) => Err(CliError::with_hint(
            "the interrupted run had other requests",
            "give the options of that run, or leave --resume out to start anew",
        )),
    }
}

/// The rows of each request; of those that make no sense, why.
fn rows(session: &Session, requests: &[Request], keep_going: bool) -> Result<Vec<Result<EditRows, String>>> {
    let n = requests.len();
    let rows = requests.iter().enumerate().map(|(index, request)| match session.rows(request) {
        Ok(rows) => Ok(Ok(rows)),
        Err(error) if keep_going && n > 1 => Ok(Err(error.to_string())),
        Err(error) if n == 1 => Err(error.into()),
        Err(error) => Err(error.at(format_args!("request {} of {n}", index + 1)).into()),
    });
    rows.collect()
}

/// Looks at the model after so many requests. If it has collapsed, that ends the run, or is only said.
fn watched(
    watch: &mut Watch,
    n_requests: usize,
    is_last: bool,
    editor: &Editor<'_>,
    args: &MakeArgs,
    saved: &Saved,
    made: &Made,
) -> Result<()> {
    match watch.after(n_requests, is_last, editor.model()) {
        Some(collapse) if !args.allow_collapse => Err(collapsed(saved, made, collapse)),
        Some(collapse) => {
            warning(collapse);
            Ok(())
        }
        None => Ok(()),
    }
}

/// The error that ends a run under which the model has collapsed.
fn collapsed(saved: &Saved, made: &Made, collapse: String) -> anyhow::Error {
    match saved.save(&made.part) {
        Err(_) => CliError::with_hint(collapse, "edit fewer facts, or at another layer"),
        Ok(()) => CliError::with_hint(
            collapse,
            format!(
                "{} edits are saved: go on all the same with --resume --allow-collapse, or edit fewer facts",
                made.part.updates.len()
            ),
        ),
    }
}

/// The error that ends a run, with the way on if there is something to go on from.
fn stopped(saved: &Saved, made: &Made, request: &Request, error: String) -> anyhow::Error {
    let message = format!("failed to edit {request}: {error}");
    match made.part.updates.is_empty() || saved.save(&made.part).is_err() {
        true => CliError::with_hint(message, "see --variant and --stats for other ways to edit it"),
        false => CliError::with_hint(
            message,
            format!("{} edits are saved: go on past it with --resume --keep-going", made.part.updates.len()),
        ),
    }
}
