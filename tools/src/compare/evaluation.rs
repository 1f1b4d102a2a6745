//! Questions about the facts of CounterFact, by our program and by the original.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::json;

use crate::compare::case::Case;
use crate::compare::original::{Driver, Original};
use crate::compare::outcome::{self, Outcome};
use crate::compare::runs::{self, Medians};
use crate::compare::task::{Task, json_file};
use crate::process;
use crate::report::Report;

/// The facts, by the flags of `rome eval`.
#[derive(Debug, clap::Args)]
pub(crate) struct Facts {
    /// The facts in CounterFact's form; some of its own by default
    #[arg(long, value_name = "FILE", requires = "eval")]
    data: Option<PathBuf>,

    /// Ask about this many facts
    #[arg(long, default_value_t = 20, value_name = "N", requires = "eval", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// The part of `rome eval`'s results for a fact that is compared.
#[derive(Debug, Deserialize)]
struct CaseFile {
    pre: Answers,
}

#[derive(Debug, Deserialize)]
struct Answers {
    rewrite_prompts_probs: Vec<Answer>,
    paraphrase_prompts_probs: Vec<Answer>,
    neighborhood_prompts_probs: Vec<Answer>,
    #[serde(default)]
    attribute_prompts_probs: Vec<Answer>,
}

/// Negative log likelihoods after one prompt.
#[derive(Debug, Deserialize)]
struct Answer {
    target_new: f64,
    target_true: f64,
}

impl Answers {
    /// In the order in which the driver of the original has them.
    fn to_values(&self) -> Vec<f64> {
        let all = [
            &self.rewrite_prompts_probs,
            &self.paraphrase_prompts_probs,
            &self.neighborhood_prompts_probs,
            &self.attribute_prompts_probs,
        ];
        all.into_iter().flatten().flat_map(|answer| [answer.target_new, answer.target_true]).collect()
    }
}

/// Asks both programs all there is to ask about every fact, after an edit and before it.
pub(crate) fn run(original: Option<Original<'_>>, case: &Case, facts: &Facts, runs: u32) -> Result<Report> {
    let rome = case.program()?;
    let task = Task::new(case)?;
    let data = facts.data.clone().unwrap_or_else(|| fixtures::path("data/counterfact.json"));
    // The original is run in another folder.
    let data = data.canonicalize().with_context(|| format!("there are no facts in {}", data.display()))?;
    let (ours, theirs) = runs::in_turn(
        original,
        runs,
        |index| run_ours(&rome, &task, case, (&data, facts.limit), index),
        |original| run_theirs(original, &task, (&data, facts.limit)),
    )?;
    report(&task, case, &ours, &theirs)
}

fn run_ours(
    rome: &Path,
    task: &Task,
    case: &Case,
    (data, limit): (&Path, u32),
    index: u32,
) -> Result<Outcome> {
    // It would go on with what it finds there.
    let output = task.file(&format!("ours-{index}"));
    let mut command = Command::new(rome);
    command.args(["eval", "--json", "--dataset", "counterfact", "--methods", "rome"]);
    command.arg("-m").arg(&task.model).arg("--data").arg(data).args(["--limit", &limit.to_string()]);
    // A bundled model brings its own.
    if case.bundled().is_none() {
        task.add_settings(&mut command, case);
    }
    command.arg("-o").arg(&output);
    command.env("ROME_DEVICE", &case.device);
    command.env("RAYON_NUM_THREADS", task.n_threads.to_string());
    let mut run = Outcome::of_ours(&process::run(&mut command)?)?;
    run.seconds_of("ask")?;
    for file in fs::read_dir(&output)? {
        let path = file?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some(id) = name.strip_prefix("case_").and_then(|name| name.strip_suffix(".json")) {
            let CaseFile { pre } = json_file(&path)?;
            run.values.insert(id.to_owned(), pre.to_values());
        }
    }
    Ok(run)
}

fn run_theirs(original: Original<'_>, task: &Task, (data, limit): (&Path, u32)) -> Result<Outcome> {
    let output = task.file("theirs.safetensors");
    let job = json!({ "model": task.model, "data": data, "limit": limit, "output": output });
    let finished = original.run(Driver::Evaluate, job, task.n_threads)?;
    Outcome::of_theirs(&finished, &output)
}

fn report(task: &Task, case: &Case, ours: &[Outcome], theirs: &[Outcome]) -> Result<Report> {
    let last = ours.last().context("no run was made")?;
    let (n_facts, n_threads) = (last.values.len(), task.n_threads);
    let n_prompts = last.values.values().map(Vec::len).sum::<usize>() / 2;
    let json = json!({
        "model": task.model, "threads": n_threads, "facts": n_facts, "prompts": n_prompts,
        "runs": ours.len(),
    });
    let mut medians = Medians::new(ours, theirs, json);
    medians.add("a fact, ms", "ask", 1e-3, |run| run.seconds["ask"] / n_facts as f64);
    medians.add("peak memory, MiB", "peak_memory", f64::from(1 << 20), |run| run.peak_memory as f64);
    let mut notes = vec![
        format!(
            "{n_facts} facts with {n_prompts} prompts, asked of {} after and before an edit, {n_threads} \
             threads, medians of {}",
            case.name(),
            ours.len()
        ),
        "no edit is in the time; ours edits, which is in its memory, the original does not".to_owned(),
    ];
    notes.extend(outcome::compare(&mut medians, "log likelihoods before an edit")?);
    Ok(Report { json: medians.json, tables: vec![medians.rows], notes, faults: Vec::new() })
}
