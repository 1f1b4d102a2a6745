//! The traces of many facts, and their averages.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use rome_core::generate::{Decoding, generate};
use rome_eval::Facts;
use rome_eval::trace::{
    Averages, Kind, KnownFact, Noise, Trace, TracedPrompt, averages_figure, averages_map,
};
use rome_files::read_bounded;
use rome_session::Model;
use serde_json::{Value, json};

use super::{configs, model_name, noise_scale};
use crate::args::TraceArgs;
use crate::commands::edit::count;
use crate::commands::eval::BUNDLED_ORDER;
use crate::edits::Edits;
use crate::error::{CliError, Outcome};
use crate::output::{self, Progress, note};
use crate::{model, plot};

/// A trace of a thousand tokens in a hundred layers has two megabytes.
const MAX_FILE: u64 = 64 << 20;

pub(super) fn run(args: &TraceArgs, path: &Path) -> Result<Outcome> {
    let start = Instant::now();
    let configs = configs(args)?;
    let edits = Edits::from_args(&args.edits)?;
    let mut model = model::load(&args.model)?;
    edits.check(&model.pretrained.hash)?;
    edits.file.apply_regardless(model.pretrained.model.as_mut())?;
    let (facts, mut faults) = facts(args, path, &model)?;
    if facts.is_empty() {
        let message = format!("{} has no facts to trace", path.display());
        return Err(CliError::with_hint(message, "give a list of facts such as known_1000.json"));
    }
    let load = start.elapsed();

    let start = Instant::now();
    let subjects = || Ok(facts.iter().map(|fact| fact.subject.clone()).collect());
    let scale = noise_scale(&args.noise, &model, &subjects)?;
    let limit = args.limit.map_or(usize::MAX, |limit| limit as usize);
    let passed_over = args.keep_going.then_some(&mut faults);
    let (known, n_unknown) = known(&facts, &model, limit, passed_over)?;
    if known.is_empty() {
        return Err(CliError::with_hint(
            format!("the model answers none of {} as expected", count(facts.len(), "fact")),
            "give facts that it knows",
        ));
    }
    output::make_folder(&args.output)?;
    let _claim = output::claim(&args.output, None)?;
    let run = json!({
        "model_hash": model.pretrained.hash, "on_top_of": edits.hashes()?, "noise": scale, "samples": args.samples,
        "window": args.window, "severed": configs[0].severed, "compatible": args.compatible,
    });
    check_run(&args.output.join("run.json"), &run)?;

    let (lm, tokens) = (model.causal_lm(), &model.pretrained.tokenizer);
    let mut progress = Progress::new(known.len() as u64, "{bar:30} {pos} of {len} · {msg} · {eta} left");
    let mut traces: BTreeMap<Kind, Vec<Trace>> = BTreeMap::new();
    for (index, (fact, prompt)) in known.iter().enumerate() {
        let shape = [args.samples as usize, prompt.subject.len(), lm.shape().d_model];
        let noise = Noise::normal(scale, shape)?;
        for &config in &configs {
            let name = format!("fact_{}_{}.json", fact.known_id, config.kind.name());
            let path = args.output.join(name);
            // What an interrupted run has left.
            let is_this = |trace: &Trace| {
                let is_whole = trace.scores.iter().all(|row| row.len() == lm.shape().n_layers);
                (&trace.prompt, &trace.subject, trace.kind)
                    == (&prompt.text, &prompt.subject_text, config.kind)
                    && is_whole
                    && trace.scores.len() == prompt.tokens.len()
                    && trace.tokens.len() == prompt.tokens.len()
                    && trace.subject_range == [prompt.subject.start, prompt.subject.end]
            };
            let trace = match read(&path).filter(is_this) {
                Some(trace) => trace,
                None => {
                    let trace = Trace::new(lm, tokens, prompt, &noise, config, &|_| ())?;
                    output::write_file(&path, format!("{}\n", json!(trace)).as_bytes())?;
                    trace
                }
            };
            traces.entry(config.kind).or_default().push(trace);
        }
        progress.set(index as u64 + 1, fact.subject.clone());
    }
    drop(progress);
    let averages: Vec<Averages> =
        configs.iter().filter_map(|config| Averages::of(traces.get(&config.kind)?)).collect();
    write(&args.output, &averages, &model_name(args))?;

    let seconds = json!({ "load": load.as_secs_f64(), "trace": start.elapsed().as_secs_f64() });
    if args.json {
        output::json(&json!({
            "n": known.len(), "unknown": n_unknown, "noise": scale, "averages": averages,
            "left_out": faults, "seconds": seconds,
        }))?;
    } else {
        for line in averages.iter().map(summary) {
            output::line(line)?;
        }
        if n_unknown > 0 {
            output::line(format!("{} that the model does not know left out", count(n_unknown, "fact")))?;
        }
        output::line(format!("traces and averages are in {}", args.output.display()))?;
    }
    Ok(if faults.is_empty() { Outcome::Done } else { Outcome::NotTaken })
}

/// The first facts that a model answers as expected, and how many before them it does not: what it
/// does not know is nowhere in it. A fact that makes no sense is a fault, if these are wanted.
fn known<'f>(
    facts: &'f [KnownFact],
    model: &Model,
    limit: usize,
    mut faults: Option<&mut Vec<String>>,
) -> Result<(Vec<(&'f KnownFact, TracedPrompt)>, usize)> {
    let (lm, tokens) = (model.causal_lm(), &model.pretrained.tokenizer);
    let (mut known, mut n_unknown) = (Vec::new(), 0);
    for fact in facts {
        if known.len() == limit {
            break;
        }
        let prompt = match (TracedPrompt::new(&fact.prompt, &fact.subject, tokens, lm.shape()), &mut faults) {
            (Ok(prompt), _) => prompt,
            (Err(error), Some(faults)) => {
                note(format!("left out: fact {}: {error}", fact.known_id));
                faults.push(format!("fact {}: {error}", fact.known_id));
                continue;
            }
            (Err(error), None) => {
                let hint = format!("{}, or go on without it with --keep-going", error.hint());
                return Err(CliError::with_hint(format!("fact {}: {error}", fact.known_id), hint));
            }
        };
        let answer = generate(lm, &prompt.tokens, 1, None, &mut Decoding::Greedy)?;
        match answer.get(prompt.tokens.len()) {
            Some(&token) if fact.is_answered_by(token, tokens)? => known.push((fact, prompt)),
            _ => n_unknown += 1,
        }
    }
    Ok((known, n_unknown))
}

/// A folder of traces goes on from what is there if that was made the same way.
fn check_run(path: &Path, run: &Value) -> Result<()> {
    let there = match read_bounded(path, MAX_FILE) {
        Err(error) if error.is_not_found() => {
            return output::write_file(path, format!("{run:#}\n").as_bytes());
        }
        result => result?,
    };
    match serde_json::from_slice::<Value>(&there) {
        Ok(there) if there == *run => Ok(()),
        _ => Err(CliError::with_hint(
            format!("{} is of traces that were made another way", path.display()),
            "give another folder with -o, or the options of that run",
        )),
    }
}

fn read(path: &Path) -> Option<Trace> {
    serde_json::from_slice(&read_bounded(path, MAX_FILE).ok()?).ok()
}

/// The facts to trace, and what is wrong with those that are left out.
fn facts(args: &TraceArgs, path: &Path, model: &Model) -> Result<(Vec<KnownFact>, Vec<String>)> {
    if path == Path::new("bundled") {
        if model.bundled.is_none() {
            return Err(CliError::with_hint(
                format!("{:?} is no bundled model, so no facts come with it", model.name),
                "give a file such as known_1000.json with --facts",
            ));
        }
        return Ok((Facts::from_json(rome_assets::FACTS)?.known(BUNDLED_ORDER), Vec::new()));
    }
    let (mut facts, mut faults) = (Vec::new(), Vec::new());
    for fact in KnownFact::read(path)? {
        match fact {
            Ok(fact) => facts.push(fact),
            Err(error) if args.keep_going => {
                note(format!("left out: {error}"));
                faults.push(error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok((facts, faults))
}

fn write(folder: &Path, averages: &[Averages], model: &str) -> Result<()> {
    output::write_file(&folder.join("averages.json"), format!("{:#}\n", json!(averages)).as_bytes())?;
    for average in averages {
        plot::write(
            folder,
            &format!("averages_{}", average.kind.name()),
            &averages_map(average, model).to_svg()?,
        )?;
    }
    plot::write(folder, "averages", &averages_figure(averages, model)?)
}

fn summary(averages: &Averages) -> String {
    let Averages { kind, n, total_effect, indirect_effect, layer, role, .. } = averages;
    format!(
        "{}: over {}, the average total effect is {:.1} % ±{:.1}; of the subject's tokens, the average indirect effect is highest at the {}, layer {layer}: {:.1} %",
        kind.name(),
        count(*n, "fact"),
        100.0 * total_effect.mean,
        100.0 * total_effect.ci95,
        role.label().to_lowercase().replace("subject ", ""),
        100.0 * indirect_effect,
    )
}
