//! Causal traces, by our program and by the original.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::compare::case::Case;
use crate::compare::original::{Driver, Original};
use crate::compare::outcome::{self, Outcome};
use crate::compare::runs::{self, Medians};
use crate::compare::task::{Task, json_file};
use crate::process;
use crate::report::Report;

const KINDS: [&str; 3] = ["state", "mlp", "attn"];

/// A prompt to trace. Both programs draw the same noise.
#[derive(Debug, Deserialize, Serialize)]
struct Prompt {
    /// With its subject in it.
    prompt: String,
    subject: String,
    samples: usize,
    noise: f64,
    window: usize,
}

/// The part of `rome trace`'s output that is compared.
#[derive(Debug, Deserialize)]
struct TraceFile {
    /// By token and layer.
    scores: Vec<Vec<f64>>,
    low_score: f64,
    high_score: f64,
}

/// Traces every prompt by every kind, with both programs.
pub(crate) fn run(original: Option<Original<'_>>, case: &Case, runs: u32) -> Result<Report> {
    let rome = case.program()?;
    let task = Task::new(case)?;
    let prompts = prompts(case)?;
    let (ours, theirs) = runs::in_turn(
        original,
        runs,
        |_| run_ours(&rome, &task, case, &prompts),
        |original| run_theirs(original, &task, &prompts),
    )?;
    report(&task, case, &prompts, &ours, &theirs)
}

/// The facts that the reference values trace in a bundled model; in another, the one that is asked
/// for, with what the original takes by default.
fn prompts(case: &Case) -> Result<Vec<Prompt>> {
    let Some(name) = case.bundled() else {
        let prompt = case.prompt.replace("{}", &case.subject);
        return Ok(vec![Prompt {
            prompt,
            subject: case.subject.clone(),
            samples: 10,
            noise: 0.1,
            window: 10,
        }]);
    };
    let path = fixtures::path("goldens").join(name).join("reference.json");
    let mut reference: Value = json_file(&path)?;
    serde_json::from_value(reference["traces"].take())
        .with_context(|| format!("cannot read the traces of {}", path.display()))
}

fn run_ours(rome: &Path, task: &Task, case: &Case, prompts: &[Prompt]) -> Result<Outcome> {
    let mut run = Outcome::default();
    for kind in KINDS {
        for (index, prompt) in prompts.iter().enumerate() {
            let output = task.file("ours.json");
            let mut command = Command::new(rome);
            command.args(["trace", "--json", "--kind", kind, "-m"]).arg(&task.model);
            command.args(["--prompt", &prompt.prompt, "--subject", &prompt.subject]);
            command.args(["--samples", &prompt.samples.to_string()]);
            command.args(["--noise", &prompt.noise.to_string(), "--window", &prompt.window.to_string()]);
            command.arg("-o").arg(&output);
            command.env("ROME_DEVICE", &case.device);
            command.env("RAYON_NUM_THREADS", task.n_threads.to_string());
            let part = Outcome::of_ours(&process::run(&mut command)?)?;
            let TraceFile { scores, low_score, high_score } = json_file(&output)?;
            *run.seconds.entry(kind.to_owned()).or_default() += part.seconds_of("trace")?;
            run.peak_memory = run.peak_memory.max(part.peak_memory);
            run.values.insert(format!("{index}.{kind}"), scores.concat());
            run.values.insert(format!("{index}.{kind}.low_score"), vec![low_score]);
            run.values.insert(format!("{index}.{kind}.high_score"), vec![high_score]);
        }
    }
    Ok(run)
}

fn run_theirs(original: Original<'_>, task: &Task, prompts: &[Prompt]) -> Result<Outcome> {
    let output = task.file("theirs.safetensors");
    let job = json!({ "model": task.model, "prompts": prompts, "kinds": KINDS, "output": output });
    let finished = original.run(Driver::Trace, job, task.n_threads)?;
    Outcome::of_theirs(&finished, &output)
}

fn report(
    task: &Task,
    case: &Case,
    prompts: &[Prompt],
    ours: &[Outcome],
    theirs: &[Outcome],
) -> Result<Report> {
    let (n_prompts, n_threads) = (prompts.len(), task.n_threads);
    let json = json!({
        "model": task.model, "threads": n_threads, "prompts": prompts, "runs": ours.len(),
    });
    let mut medians = Medians::new(ours, theirs, json);
    for kind in KINDS {
        let name = format!("a trace of {kind}, ms");
        medians.add(&name, kind, 1e-3, |run| run.seconds[kind] / n_prompts as f64);
    }
    medians.add("peak memory, MiB", "peak_memory", f64::from(1 << 20), |run| run.peak_memory as f64);
    let mut notes = vec![format!(
        "{n_prompts} {} of {}, {} samples, {n_threads} threads, medians of {}",
        if n_prompts == 1 { "prompt" } else { "prompts" },
        case.name(),
        prompts[0].samples,
        ours.len()
    )];
    notes.extend(outcome::compare(&mut medians, "the scores")?);
    Ok(Report { json: medians.json, tables: vec![medians.rows], notes, faults: Vec::new() })
}
