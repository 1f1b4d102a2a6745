//! Second moments of keys over a text, by our program and by the original.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use rome_stats::{Corpus, Statistics, StatsError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::compare::original::{Driver, Original};
use crate::compare::runs::{figure, median};
use crate::report::Report;
use crate::{process, program};

/// A collection, by the flags of `rome stats collect`.
#[derive(Debug, clap::Args)]
pub(crate) struct Collection {
    /// The text; some documents of Wikipedia by default
    #[arg(long, value_name = "FILE", requires = "stats")]
    pub(crate) text: Option<PathBuf>,

    /// The field of .jsonl, or the column of .parquet, that holds the text
    #[arg(long, default_value = "text", requires = "text")]
    pub(crate) field: String,
}

/// The report that `rome stats collect --json` prints at its end.
#[derive(Debug, Deserialize)]
struct OurReport {
    tokens: u64,
    tokens_per_second: f64,
}

/// The report of the original's driver.
#[derive(Debug, Deserialize)]
struct OriginalReport {
    tokens: u64,
    seconds: BTreeMap<String, f64>,
}

/// One run of a program.
struct Run {
    tokens: u64,
    /// Of the collection alone, from the loaded model to the sum.
    tokens_per_second: f64,
    peak_memory: u64,
}

/// The task as both programs take it.
struct Task<'a> {
    model: &'a Path,
    layer: usize,
    n_threads: usize,
    text: &'a Path,
    field: &'a str,
    /// Inputs and outputs of the programs.
    folder: tempfile::TempDir,
}

impl Task<'_> {
    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run_ours(&self, rome: &Path, layers: &str) -> Result<Run> {
        let mut command = Command::new(rome);
        command.args(["stats", "collect", "--json", "--layers", layers, "--model"]).arg(self.model);
        command.arg("--text").arg(self.text).args(["--field", self.field]);
        command.arg("--output").arg(self.file("ours"));
        command.env("RAYON_NUM_THREADS", self.n_threads.to_string());
        let finished = process::run(&mut command)?;
        let last = finished.stdout.split(|&byte| byte == b'\n').rfind(|line| !line.is_empty());
        let OurReport { tokens, tokens_per_second } =
            serde_json::from_slice(last.context("rome printed nothing")?)?;
        Ok(Run { tokens, tokens_per_second, peak_memory: finished.peak_memory })
    }

    fn run_theirs(&self, original: Original<'_>, index: u32) -> Result<Run> {
        let config: Value = serde_json::from_slice(&fs::read(self.model.join("config.json"))?)?;
        let projection = if config["model_type"] == "gptj" { "fc_out" } else { "c_proj" };
        let documents = self.file("documents.json");
        if !documents.exists() {
            fs::write(&documents, serde_json::to_vec(&read(self.text, self.field)?)?)?;
        }
        let output = self.file("theirs.safetensors");
        let job = json!({
            "model": self.model, "documents": documents, "layer": self.layer,
            "module": format!("transformer.h.{}.mlp.{projection}", self.layer),
            // It takes what it finds there for its own work.
            "folder": self.file(&format!("theirs-{index}")),
            "output": output,
        });
        let finished = original.run(Driver::SecondMoment, job, self.n_threads)?;
        let OriginalReport { tokens, seconds } = serde_json::from_str(&fixtures::metadata(&output)["rome"])?;
        let tokens_per_second = tokens as f64 / seconds["collect"];
        Ok(Run { tokens, tokens_per_second, peak_memory: finished.peak_memory })
    }

    /// The difference between the sums of the last runs, by Frobenius norms.
    fn difference(&self) -> Result<f64> {
        let ours = fs::read(self.file(&format!("ours/layer-{}.safetensors", self.layer)))?;
        let ours = Statistics::from_bytes(&ours)?;
        let (_, theirs) = &fixtures::tensors(&self.file("theirs.safetensors"))["sum"];
        let pairs = ours.moment.sum().iter().zip(theirs).map(|(a, &b)| (a - f64::from(b)).powi(2));
        Ok((pairs.sum::<f64>() / theirs.iter().map(|&b| f64::from(b).powi(2)).sum::<f64>()).sqrt())
    }
}

/// Collects at all layers and at one by ours, and at that one by theirs.
pub(crate) fn run(
    original: Option<Original<'_>>,
    (model, layer, n_threads): (&Path, usize, usize),
    collection: &Collection,
    runs: u32,
) -> Result<Report> {
    let rome = program::build(&[])?;
    let default = fixtures::path("goldens/documents.txt");
    let text = collection.text.as_ref().unwrap_or(&default);
    let folder = tempfile::tempdir()?;
    let task = Task { model, layer, n_threads, text, field: &collection.field, folder };
    let (mut all, mut one, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for index in 1..=runs {
        eprintln!("run {index} of {runs}: rome");
        all.push(task.run_ours(&rome, "all")?);
        one.push(task.run_ours(&rome, &layer.to_string())?);
        if let Some(original) = original {
            eprintln!("run {index} of {runs}: kmeng01/rome");
            theirs.push(task.run_theirs(original, index)?);
        }
    }
    report(&task, &all, &one, &theirs)
}

fn report(task: &Task<'_>, all: &[Run], one: &[Run], theirs: &[Run]) -> Result<Report> {
    let Task { model, layer, n_threads, .. } = task;
    let rate = |runs: &[Run]| median(runs.iter().map(|run| run.tokens_per_second).collect());
    let memory = |runs: &[Run]| median(runs.iter().map(|run| run.peak_memory as f64).collect());
    let base = (!theirs.is_empty()).then(|| rate(theirs));
    let mut rows = vec![["", "tokens/s", "ratio", "peak memory, MiB"].map(str::to_owned).to_vec()];
    let mut json = json!({ "model": model, "layer": layer, "threads": n_threads, "tokens": all[0].tokens });
    for (name, key, runs) in [
        ("rome, all layers".to_owned(), "all_layers", all),
        (format!("rome, layer {layer}"), "one_layer", one),
        (format!("kmeng01/rome, layer {layer}"), "reference", theirs),
    ] {
        if runs.is_empty() {
            continue;
        }
        let ratio = base.map(|base| rate(runs) / base);
        let ratio_text = ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        rows.push(vec![name, figure(rate(runs)), ratio_text, figure(memory(runs) / f64::from(1 << 20))]);
        json[key] = json!({ "tokens_per_second": rate(runs), "ratio": ratio, "peak_memory": memory(runs) });
    }
    let mut notes = vec![format!("{} tokens, {n_threads} threads, medians of {}", all[0].tokens, all.len())];
    if let Some(theirs) = theirs.last() {
        let difference = task.difference()?;
        notes.push(format!(
            "the sums differ by {difference:.1e}, relative by Frobenius norms, over {} and {} tokens",
            one[0].tokens, theirs.tokens
        ));
        json["difference"] = json!(difference);
    }
    Ok(Report { json, tables: vec![rows], notes, faults: Vec::new() })
}

fn read(text: &Path, field: &str) -> Result<Vec<String>> {
    let mut documents = Vec::new();
    Corpus::new(vec![text.to_owned()], field)?.for_each(&mut |document| {
        documents.push(document.text.to_owned());
        Ok::<_, StatsError>(ControlFlow::Continue(()))
    })?;
    Ok(documents)
}
